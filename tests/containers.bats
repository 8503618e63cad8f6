#!/usr/bin/env bats
# The examples in docker/ that can be tried without a container engine. The others are tried by
# docker/tests/.

load lib

setup() {
	trace_test_only
	cd "$BATS_TEST_TMPDIR" || return
}

# The example, with the zinit under test in place of the installed one.
verify() { systemd-analyze verify --man=no "$PWD/example.service"; }

@test "the systemd unit is one that systemd takes without a word" {
	need_command systemd-analyze
	sed "s|^ExecStart=/usr/bin/zinit |ExecStart=$ZINIT |" "$REPO/docker/zinit-example.service" \
		>example.service
	grep -qF "ExecStart=$ZINIT" example.service
	run -0 verify
	assert_output ""
	# The control
	sed -i 's/^KillMode=mixed/KillMode=mixd/' example.service
	run verify
	assert_output --partial "kill mode"
}

@test "the systemd unit's command line is one that zinit takes, and does what the unit says" {
	mkdir bin
	printf '#!/bin/sh\necho "$*"\n' >bin/systemd-notify
	printf '#!/bin/sh\necho "sleeps $*"; kill -KILL $$\n' >bin/sleep
	chmod +x bin/*
	command=$(sed -n '/^ExecStart=/,/[^\\]$/{s/^ExecStart=//; s/\\$//; p}' \
		"$REPO/docker/zinit-example.service" | tr '\n' ' ')
	[[ $command == "/usr/bin/zinit "* ]]
	eval "set -- $command"
	shift
	run -137 env PATH="$PWD/bin:$PATH" bash -c '"$0" "$@"' "$ZINIT" "$@"
	assert_line --index 0 -- --ready
	assert_line --index 1 "sleeps infinity"
	# --exit-by-signal: a status would be 137, too, without the shell's word of it.
	run -0 python3 -c '
import os, subprocess, sys
os.environ["PATH"] = os.getcwd() + "/bin:" + os.environ["PATH"]
print(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode)' "$ZINIT" "$@"
	assert_output -- -9
}
