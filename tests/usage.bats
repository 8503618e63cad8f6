#!/usr/bin/env bats
# What is on the command line and in the environment, and what is said when it is wrong.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2030,SC2031 # each test is its own shell, and is to be
# shellcheck disable=SC2153,SC2154 # stderr and stderr_lines come from run and finish

load lib

# refused WORD ARG...: status 125, a line that names WORD and one that names the help, nothing on
# stdout, nothing started.
refused() {
	local word=$1
	shift
	run -125 --separate-stderr as_subreaper "$@"
	assert_output ""
	assert_equal "${#stderr_lines[@]}" 2
	[[ ${stderr_lines[0]} == *"$word"* ]] || fail "does not name '$word': $stderr"
	[[ ${stderr_lines[1]} == "Try '"*"--help'" ]] || fail "no hint: $stderr"
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

started() { echo touch "$BATS_TEST_TMPDIR/started"; }

# Which process the signal reached: "child" or "group".
target() {
	local other=$BATS_TEST_TMPDIR/other.$RANDOM
	touch "$other"
	"$@" sh -c 'sigreport >"$0" & exec sigreport -u 64' "$other"
	wait_line "$OUT" ready
	wait_line "$other" ready
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	# Signals come by their number: where this one is, an earlier 10 is, too.
	kill -USR2 "$(children "$(main_child)")"
	wait_line "$other" '12 .*'
	sigsend "$ZPID" 64
	finish
	grep -q '^10 ' "$other" && echo group || echo child
}

# Help and version

@test "--help and -h: on stdout, status 0" {
	local option help
	for option in --help -h; do
		run --separate-stderr as_subreaper "$option"
		assert_success
		assert_equal "$stderr" ""
		assert_line --index 0 --partial "PROGRAM [ARG]..."
		help=$output
		# Also behind others, and with a program that is not started then.
		# shellcheck disable=SC2046 # words
		run --separate-stderr as_subreaper -v "$option" $(started)
		assert_success
		assert_equal "$output" "$help"
		assert_not_exist "$BATS_TEST_TMPDIR/started"
	done
}

@test "--help: the everyday options come first, each with one line of help in 100 columns" {
	local line
	run as_subreaper --help
	for line in "${lines[@]}"; do
		[ ${#line} -le 100 ] || fail "${#line} columns: $line"
	done
	assert_equal "$(grep -nE '^  -g, --group ' <<<"$output" | cut -d: -f1 | wc -l)" 1
	[ "$(grep -n -- '--group' <<<"$output" | head -n 1 | cut -d: -f1)" -lt 15 ]
	# Nothing that is there for a drop-in alone.
	refute_output --partial subreaper
	refute_output --partial single-child
}

@test "--version and -V: one line on stdout that begins with the name, status 0" {
	local option
	for option in --version -V; do
		run --separate-stderr as_subreaper "$option"
		assert_success
		assert_equal "$stderr" ""
		assert_equal "${#lines[@]}" 1
		assert_output --regexp '^zinit [0-9]+\.[0-9]+'
	done
}

@test "--license: zinit's own and those of musl and libcap, on stdout, status 0" {
	local option
	for option in --license -l -L; do
		run --separate-stderr as_subreaper "$option"
		assert_success
		assert_equal "$stderr" ""
		assert_output --partial "Permission is hereby granted, free of charge"
		assert_output --partial musl
		assert_output --partial libcap
	done
}

@test "--help that cannot be written is a failure" {
	[ -e /dev/full ] || skip "no /dev/full"
	run in_pidns sh -c '"$0" --help >/dev/full' "$ZINIT"
	assert_failure
}

# Where the options end

@test "options end at the first word that is none: zinit sh -c needs no --" {
	local way
	for way in $BOTH_WAYS; do
		run as_"$way" sh -c 'exit 3'
		assert_failure 3
		run as_"$way" -- sh -c 'exit 3'
		assert_failure 3
		run as_"$way" -g -- sh -c 'exit 3'
		assert_failure 3
		run as_"$way" -g sh -c 'exit 3'
		assert_failure 3
	done
}

@test "options of the program's are the program's" {
	run as_pid1 echo -g --help -- -x --version
	assert_success
	assert_output -- "-g --help -- -x --version"
	run as_pid1 -- echo -- -h
	assert_output -- "-- -h"
}

@test "a program whose name begins with a dash runs behind --" {
	printf '#!/bin/sh\necho "dash $1"\n' >"$BATS_TEST_TMPDIR/-g"
	chmod +x "$BATS_TEST_TMPDIR/-g"
	PATH=$BATS_TEST_TMPDIR:$PATH
	run as_pid1 -- -g -v
	assert_success
	assert_output "dash -v"
}

@test "POSIXLY_CORRECT changes nothing" {
	run env POSIXLY_CORRECT=1 "$HELPERS/pidns" "$ZINIT" -g sh -c 'exit 3'
	assert_failure 3
	run in_pidns env POSIXLY_CORRECT=1 "$ZINIT" --group sh -c 'exit 3'
	assert_failure 3
}

@test "short options can be joined" {
	run as_pid1 -gqe3 sh -c 'exit 3'
	assert_success
	run as_pid1 -vve 3 true
	assert_success
}

@test "an option that may have an argument never takes PROGRAM for it" {
	run as_subreaper --kill-child sh -c 'exit 3'
	assert_failure 3
	refused KILL --kill-child=KILLX true
}

# What is refused

@test "no PROGRAM: refused" {
	refused PROGRAM
	refused PROGRAM --
	refused PROGRAM -g
	refused PROGRAM -v -e 3 --
}

@test "an unknown option is named" {
	# shellcheck disable=SC2046 # words
	{
		refused "'--bogus'" --bogus $(started)
		refused "'--bogus=3'" --bogus=3 $(started)
		refused "'-x'" -x $(started)
		refused "'-x'" -gx $(started)
		refused "'-@'" -v -@ $(started)
		refused "'---'" --- $(started)
	}
}

@test "an option without the argument that it needs is named" {
	refused -e -e
	refused --remap-exit --remap-exit
	refused -p -p
	refused --parent-death-signal -v --parent-death-signal
}

@test "an argument for an option that has none is refused" {
	# shellcheck disable=SC2046 # words
	{
		refused "--group=1" --group=1 $(started)
		refused "--verbose=" --verbose= $(started)
		refused "--help=x" --help=x $(started)
	}
}

@test "an abbreviation that could be two options is refused" {
	# shellcheck disable=SC2046 # words
	refused "--st" --st $(started)
}

@test "a bad word with control bytes or of great length is shown in one line, without them" {
	local long
	run -125 --separate-stderr as_subreaper $'--bo\ngus\e[31m' true
	assert_equal "${#stderr_lines[@]}" 2
	refute_regex "$stderr" $'\e'
	long=$(printf 'x%.0s' {1..5000})
	run -125 --separate-stderr as_subreaper "--$long" true
	assert_equal "${#stderr_lines[@]}" 2
	[ "$(wc -c <<<"${stderr_lines[0]}")" -le 512 ]
	run -125 --separate-stderr as_subreaper -e "$long" true
	assert_equal "${#stderr_lines[@]}" 2
	run -126 --separate-stderr as_subreaper "/$long"
	[ "$(wc -c <<<"$stderr")" -le 513 ]
}

@test "an empty argv, which the kernel makes one empty word, is refused as any other" {
	run -125 --separate-stderr in_pidns exec_with argv0= -- "$ZINIT"
	assert_output ""
	assert_regex "$stderr" PROGRAM
	run in_pidns exec_with argv0= -- "$ZINIT" sh -c 'exit 3'
	assert_failure 3
}

@test "a usage error is said even where it is to be quiet" {
	refused bogus -q --bogus
}

@test "a usage error with stderr closed is still status 125" {
	run -125 below_init exec_with close=2 -- "$ZINIT" --bogus
	assert_output ""
	run -125 below_init exec_with close=0 close=1 close=2 -- "$ZINIT"
}

# ZINIT_ variables

@test "ZINIT_GROUP=1 is --group, 0 is not, the command line wins" {
	assert_equal "$(target start_pid1)" child
	assert_equal "$(ZINIT_GROUP=1 target start_pid1)" group
	assert_equal "$(ZINIT_GROUP=0 target start_pid1)" child
	assert_equal "$(ZINIT_GROUP=0 target start_pid1 -g)" group
	assert_equal "$(ZINIT_GROUP=1 target start_pid1 --single-child)" child
}

says() { "$@" 2>&1 | grep -c 'zinit\[' || :; }

@test "ZINIT_VERBOSE is a number of -v, the command line wins" {
	assert_equal "$(says as_pid1 true)" 0
	local once twice
	once=$(says as_pid1 -v true)
	[ "$once" -gt 0 ]
	assert_equal "$(ZINIT_VERBOSE=1 says as_pid1 true)" "$once"
	assert_equal "$(ZINIT_VERBOSE=0 says as_pid1 true)" 0
	assert_equal "$(ZINIT_VERBOSE=1 says as_pid1 -q true)" 0
	twice=$(says as_pid1 -vv sh -c 'kill -10 1; exec sleep 1000')
	assert_equal "$(ZINIT_VERBOSE=2 says as_pid1 sh -c 'kill -10 1; exec sleep 1000')" "$twice"
	[ "$twice" -gt "$once" ]
}

@test "a bad value names its variable and itself" {
	# shellcheck disable=SC2046 # words
	{
		ZINIT_GROUP=2 refused ZINIT_GROUP $(started)
		ZINIT_GROUP=yes refused "'yes'" $(started)
		ZINIT_GROUP='' refused ZINIT_GROUP $(started)
		ZINIT_VERBOSE=-1 refused ZINIT_VERBOSE $(started)
		ZINIT_VERBOSE=x refused "'x'" $(started)
	}
}

@test "other ZINIT_ variables are none of zinit's business" {
	ZINIT_UNKNOWN=1 ZINIT_=1 ZINIT_HELP=1 ZINIT_USER=nobody ZINIT_GROUPX=7 ZINIT_REMAP_EXIT=3 \
		run as_pid1 sh -c 'exit 3'
	assert_failure 3
	assert_output ""
}

@test "variables reach the child as they were" {
	ZINIT_GROUP=1 ZINIT_VERBOSE=0 run as_pid1 sh -c 'echo "$ZINIT_GROUP $ZINIT_VERBOSE"'
	assert_output "1 0"
}

@test "a set-uid zinit (AT_SECURE) takes no variable" {
	need_root "makes a set-uid program"
	need_command setpriv
	local zinit=$BATS_TEST_TMPDIR/zinit
	open_to_all
	cp "$ZINIT" "$zinit"
	chown 65534 "$zinit"
	chmod 4755 "$zinit"
	as=(setpriv --reuid 1 --regid 1 --clear-groups)
	run in_pidns "${as[@]}" "$zinit" id -u -r
	assert_output 1
	run in_pidns "${as[@]}" "$zinit" id -u
	[ "$output" = 65534 ] || skip "set-uid programs do not work in $BATS_TEST_TMPDIR"
	# What would be refused otherwise is not even looked at.
	ZINIT_GROUP=bad ZINIT_VERBOSE=9 TINI_VERBOSITY=3 DUMB_INIT_DEBUG=1 CATATONIT_DEBUG=1 \
		run in_pidns "${as[@]}" "$zinit" true
	assert_success
	assert_output ""
	ZINIT_GROUP=bad run -125 in_pidns "$ZINIT" true
}

# The peers' variables, under zinit's own name

@test "TINI_KILL_PROCESS_GROUP counts by its presence, even empty" {
	assert_equal "$(TINI_KILL_PROCESS_GROUP=1 target start_pid1)" group
	assert_equal "$(TINI_KILL_PROCESS_GROUP='' target start_pid1)" group
	assert_equal "$(TINI_KILL_PROCESS_GROUP=1 ZINIT_GROUP=0 target start_pid1)" group
}

@test "TINI_VERBOSITY, DUMB_INIT_DEBUG and CATATONIT_DEBUG make zinit talk, on stderr" {
	local once variable
	once=$(says as_pid1 -v true)
	assert_equal "$(TINI_VERBOSITY=2 says as_pid1 true)" "$once"
	assert_equal "$(TINI_VERBOSITY=1 says as_pid1 true)" 0
	assert_equal "$(DUMB_INIT_DEBUG=0 says as_pid1 true)" 0
	for variable in TINI_VERBOSITY=3 DUMB_INIT_DEBUG=1 CATATONIT_DEBUG=; do
		run --separate-stderr in_pidns env "$variable" "$ZINIT" true
		assert_success
		assert_output ""
		[ -n "$stderr" ]
	done
}

@test "TINI_SUBREAPER is accepted and changes nothing" {
	TINI_SUBREAPER=1 run as_subreaper sh -c 'exit 3'
	assert_failure 3
	assert_output ""
}
