#!/usr/bin/env bats
# zinit as the process of an OCI bundle, by runc alone: no daemon, no Debian, nothing but static
# files below the root.

load ../../tests/lib

setup() {
	need_root runc
	need_command runc
	STATIC=${BUILD:-$BATS_TEST_DIRNAME/../../build}/docker/static/tests
	[ -x "$STATIC/orphans" ] || fail "run docker/test"
	ID=zinit-$$-$BATS_TEST_NUMBER-$RANDOM
	BUNDLE=$BATS_TEST_TMPDIR/bundle STATE=$BATS_TEST_TMPDIR/state
	mkdir -p "$BUNDLE/rootfs"
	cp "$ZINIT" "$STATIC"/{orphans,service,negligent} "$BUNDLE/rootfs/"
	cd "$BUNDLE" || return
	runc spec
}

teardown() {
	runc --root "$STATE" delete --force "$ID" 2>/dev/null || :
	end_started
}

# configure FILTER ARG...: the bundle's process, and what else the jq FILTER changes. The default
# limits would have to be raised, which not every root may.
configure() {
	local filter=$1
	shift
	jq --arg id "$ID" "del(.process.rlimits) | .process.terminal = false |
		.process.args = \$ARGS.positional | .linux.cgroupsPath = \"/\" + \$id | $filter" \
		--args -- "$@" <config.json >config.new
	mv config.new config.json
}

by_runc() { runc --root "$STATE" "$@"; }

@test "runc run: the program's status is runc's, and its orphans are reaped" {
	configure . /zinit -v -- /orphans -s 9 100
	run -9 by_runc run "$ID"
	assert_line "100 orphans have ended"
	assert_line --regexp '^zinit\[1\]: info: started'
	refute_line --regexp 'warning|error'
}

@test "runc run: the spec's own capabilities, read-only root and no_new_privs are enough" {
	run -0 jq -r '.process.noNewPrivileges, .root.readonly' config.json
	assert_output $'true\ntrue'
	configure '.process.user = {uid: 1000, gid: 1000} | del(.process.capabilities[][])' \
		/zinit -v -- /orphans -s 4 10
	run -4 by_runc run "$ID"
	assert_line "10 orphans have ended"
	refute_line --regexp 'warning|error'
}

@test "runc run: a program that is not there is 127" {
	configure . /zinit /nosuch
	run -127 by_runc run "$ID"
	assert_line --partial "/nosuch"
}

@test "runc kill, exec and delete" {
	configure . /zinit -- /service
	mkfifo stdin
	by_runc run --pid-file "$BUNDLE/pid" "$ID" <stdin >out 2>err 3>&- &
	runc=$!
	_started+=("$runc")
	exec {hold}>stdin
	wait_for test -s pid
	echo alive >&"$hold"
	wait_line out '= alive'
	run -0 by_runc exec "$ID" /orphans 50
	assert_output "50 orphans have ended"
	none() { for child in $(children "$(<pid)"); do ! in_state "$child" Z || return 1; done; }
	wait_for none
	run -0 by_runc exec "$ID" /zinit --check --settle 1ms
	by_runc kill "$ID" TERM
	status=0
	wait "$runc" || status=$?
	assert_equal "$status" 7
	assert_equal "$(<err)" "the handler ran"
	exec {hold}>&-
}
