#!/usr/bin/env bats
# Under tini's names zinit keeps tini's contract, and has none of its bugs.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

passes_statuses() {
	local code name
	for code in 0 1 2 32 64 126 127 128 254 255; do
		run "-$code" init_pid1 -- sh -c "exit $code"
		run "-$code" init_below -s -- sh -c "exit $code"
	done
	for name in HUP INT KILL TERM USR1 PIPE; do
		run init_pid1 -- die "$(sig $name)"
		assert_equal "$status" $((128 + $(sig $name)))
	done
	run --separate-stderr init_pid1 -- sh -c 'echo out; echo err >&2'
	assert_success
	assert_output out
	assert_equal "$stderr" err
}

@test "tini: statuses, 128+n, and both streams are passed through" {
	under_each tini passes_statuses
}

exec_fails() {
	touch "$BATS_TEST_TMPDIR/plain"
	ln -sfn loop "$BATS_TEST_TMPDIR/loop"
	run -127 --separate-stderr init_pid1 -- "$BATS_TEST_TMPDIR/none"
	[[ $stderr == *"$BATS_TEST_TMPDIR/none"* ]]
	run -127 init_pid1 -- none-of-that-name
	run -126 init_pid1 -- "$BATS_TEST_TMPDIR/plain"
	run -126 init_pid1 -- "$BATS_TEST_TMPDIR"
	run -1 init_pid1 -- "$BATS_TEST_TMPDIR/loop"
}

@test "tini: a failed exec is 127 when not found, 126 without access, 1 for any other reason" {
	under_each tini exec_fails
}

version_alone() {
	run --separate-stderr init_pid1 --version
	assert_success
	[[ $output =~ ^tini\ version\ [0-9.]+(\ -\ git\.[0-9a-f]{1,40})?$ ]] || fail "$output"
	assert_equal "$stderr" ""
	run --separate-stderr init_pid1 --version true
	assert_failure 1
	assert_output ""
	refute [ -z "$stderr" ]
}

@test "tini: --version alone is on stdout, beside a program it is an unknown option" {
	under_each tini version_alone
}

@test "docker-init --version is what dockerd parses, with a commit of at most 40 digits" {
	under_zinit docker-init version_alone
	under_zinit tini-static version_alone
	under_original tini-static version_alone
}

helps() {
	run --separate-stderr init_pid1 -h
	assert_success
	[[ $output == *-h* ]]
	assert_equal "$stderr" ""
	run --separate-stderr init_pid1 -l
	assert_success
	[[ $output == *[Ll]icen[cs]e* || $output == *opyright* ]]
	assert_equal "$stderr" ""
}

@test "tini: -h and -l are on stdout with status 0" {
	under_each tini helps
}

refuses() {
	local word
	run --separate-stderr init_pid1
	assert_failure 1
	assert_output ""
	refute [ -z "$stderr" ]
	# Letters of the other peers, of zinit, and of nobody.
	for word in -c -V -P -L -S -q -x -z --help --nonsense '-e' '-p' '-gz'; do
		run --separate-stderr init_pid1 "$word" -- touch "$BATS_TEST_TMPDIR/started"
		[ "$status" = 1 ] || fail "$word: status $status"
		assert_output ""
		refute [ -z "$stderr" ]
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "tini: no program and unknown options are one usage error on stderr, status 1" {
	under_each tini refuses
}

accepts() {
	run --separate-stderr init_pid1 -s -s -w -g -v -e 3 -p SIGTERM -- sh -c 'exit 3'
	assert_success
	run init_pid1 -swge3 -pSIGHUP -- sh -c 'exit 3'
	assert_success
	run init_pid1 -- sh -c 'exit 4'
	assert_failure 4
}

@test "tini: takes -p -v -w -g -e -s, in a row too, -s as often as one likes" {
	under_each tini accepts
}

stops_at_first_word() {
	run init_pid1 sh -c 'exit 3'
	assert_failure 3
	run init_pid1 -g sh -e -c 'exit 4'
	assert_failure 4
	run init_pid1 sh -c 'echo "$0"' --version
	assert_success
	assert_output -- --version
}

permutes() {
	run init_pid1 sh -c 'exit 3'
	assert_failure 1
}

@test "tini: options end at the program's name, with -- or without it" {
	under_zinit tini stops_at_first_word
	under_original tini permutes
}

takes_own_longs() {
	run --separate-stderr init_pid1 --remap-exit=3 --grace=1 --no-new-privs -g -- \
		sh -c 'grep NoNewPrivs /proc/self/status; exit 3'
	assert_success
	assert_output "NoNewPrivs:"$'\t'"1"
	run init_pid1 --group --session -- sh -c 'exit 5'
	assert_failure 5
}

@test "tini: zinit's own long options work beside tini's letters" {
	under_zinit tini takes_own_longs
	under_zinit docker-init takes_own_longs
}

remaps() {
	local good bad
	run init_pid1 -e 143 -- die 15
	assert_success
	run init_pid1 -e 143 -e 3 -- sh -c 'exit 3'
	assert_success
	run init_pid1 -e 143 -- sh -c 'exit 142'
	assert_failure 142
	run init_pid1 -e +3 -- sh -c 'exit 3'
	assert_success
	run init_pid1 -e '' -- sh -c 'exit 3'
	assert_failure 3
	for good in 0 1 128 255; do
		run init_pid1 -e "$good" -- sh -c "exit $good"
		assert_success
	done
	run init_pid1 -e 127 -- "$BATS_TEST_TMPDIR/none"
	assert_success
	run init_pid1 -e 126 -- "$BATS_TEST_TMPDIR"
	assert_success
	for bad in 256 -1 1000 x 1x 0x10 2,3; do
		run --separate-stderr init_pid1 -e "$bad" -- touch "$BATS_TEST_TMPDIR/started"
		[ "$status" = 1 ] || fail "-e $bad: status $status"
		assert_output ""
		refute [ -z "$stderr" ]
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "tini: -e as strtol reads it, 0 to 255, for 128+n and failed execs too" {
	under_each tini remaps
}

death_signals() {
	local word
	for word in SIGHUP SIGINT SIGQUIT SIGKILL SIGTERM SIGUSR1 SIGCHLD SIGSTOP SIGSYS; do
		run init_pid1 -p "$word" -- true
		[ "$status" = 0 ] || fail "-p $word: status $status"
	done
	for word in TERM sigterm 15 SIGRTMIN RTMIN+1 SIGNONE 0 '' SIGTERMX; do
		run --separate-stderr init_pid1 -p "$word" -- touch "$BATS_TEST_TMPDIR/started"
		[ "$status" = 1 ] || fail "-p $word: status $status"
		refute [ -z "$stderr" ]
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "tini: -p takes full names from SIGHUP to SIGSYS and nothing else" {
	under_each tini death_signals
}

# The middle shell starts the init, sees that all is up, and ends: the init's parent has died.
parent_dies() {
	local out=$BATS_TEST_TMPDIR/pdeath.$RANDOM
	run below_init sh -c '
		sh -c "\"\$@\" >\"\$0\" & until grep -q ready \"\$0\"; do sleep 0.01; done" "$@"
		until grep -q "^10 " "$1"; do sleep 0.01; done' sh "$out" \
		"${INIT[@]}" -s -p SIGUSR1 -- sigreport -u 10
	assert_success
	assert_equal "$(grep -c '^[0-9]' "$out")" 1
}

@test "tini: -p: the init's parent dies, and the program gets the signal" {
	under_each tini parent_dies
}

warns_on_reap() {
	# The program ends once nobody but itself is the init's child.
	local waits='orphans 5
		until set -- $(cat /proc/1/task/1/children) && [ $# = 1 ]; do sleep 0.01; done'
	run --separate-stderr init_pid1 -w -- sh -c "$waits"
	assert_success
	assert_output "5 orphans have ended"
	[ "${#stderr_lines[@]}" = 5 ] || fail "5 orphans, and on stderr: $stderr"
	run --separate-stderr init_pid1 -- sh -c "$waits"
	assert_success
	assert_output "5 orphans have ended"
	assert_equal "$stderr" ""
	export TINI_VERBOSITY=0
	run --separate-stderr init_pid1 -w -- sh -c "$waits"
	unset TINI_VERBOSITY
	assert_output "5 orphans have ended"
	assert_equal "$stderr" ""
}

@test "tini: -w tells of each orphan in a line on stderr, TINI_VERBOSITY=0 silences it" {
	under_each tini warns_on_reap
}

forwards_to_child() {
	local pgrp
	start_two "$@"
	pgrp=$(inside_pid "$(main_child)")
	assert_equal "$(enter ps -o pgid= -p "$pgrp" | tr -d ' ')" "$pgrp"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID"
	end_init
}

forwards_to_group() {
	start_two "$@"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID" 10 15
	end_init
}

@test "tini: signals go to the program alone, which leads a group of its own" {
	under_each tini forwards_to_child --
}

@test "tini: -g sends them to the program's group" {
	under_each tini forwards_to_group -g --
}

group_by_variable() {
	export TINI_KILL_PROCESS_GROUP=$1
	forwards_to_group --
	unset TINI_KILL_PROCESS_GROUP
}

@test "tini: TINI_KILL_PROCESS_GROUP counts when it is there, empty or not" {
	under_each tini group_by_variable ''
	under_each tini group_by_variable 0
}

adopts() {
	run init_below -s -- sh -c "$ADOPTED"
	assert_line "adopted by 2"
	run init_below -- sh -c "$ADOPTED"
	assert_line "adopted by 1"
	export TINI_SUBREAPER=
	run init_below -- sh -c "$ADOPTED"
	unset TINI_SUBREAPER
	assert_line "adopted by 2"
}

@test "tini: a subreaper only with -s or TINI_SUBREAPER, empty or not" {
	under_each tini adopts
}

warns_without_subreaper() {
	run --separate-stderr init_below -- true
	assert_success
	assert_output ""
	refute [ -z "$stderr" ]
	run --separate-stderr init_below -s -- true
	assert_success
	assert_equal "$stderr" ""
	run --separate-stderr init_pid1 -- true
	assert_success
	assert_equal "$stderr" ""
}

@test "tini: neither PID 1 nor a subreaper, it warns on stderr" {
	under_each tini warns_without_subreaper
}

verbosity() {
	local said
	# Where the messages go is another test's.
	said=$(TINI_VERBOSITY=0 init_pid1 -vvv -- echo hello 2>&1)
	assert_equal "$said" hello
	said=$(TINI_VERBOSITY=3 init_pid1 -- echo hello 2>&1)
	[ "$(wc -l <<<"$said")" -gt 1 ] || fail "TINI_VERBOSITY=3 said: $said"
	said=$(init_pid1 -vv -- echo hello 2>&1)
	[ "$(wc -l <<<"$said")" -gt 1 ] || fail "-vv said: $said"
	said=$(TINI_VERBOSITY=0 init_below -- echo hello 2>&1)
	assert_equal "$said" hello
}

@test "tini: TINI_VERBOSITY replaces what -v adds up to" {
	under_each tini verbosity
}

messages_on_stderr() {
	run --separate-stderr init_pid1 -vvv -- echo hello
	assert_success
	assert_output hello
	refute [ -z "$stderr" ]
}

messages_on_stdout() {
	run --separate-stderr init_pid1 -vvv -- echo hello
	refute_output hello
}

@test "tini: with -vvv the program's stdout is its own; tini writes into it" {
	under_zinit tini messages_on_stderr
	under_original tini messages_on_stdout
}

job_control_signals() {
	start_init -- sigreport
	wait_line "$OUT" ready
	# TTIN and TTOU first: they would be there before the others.
	sigsend "$ZPID" "$(sig TTIN)" "$(sig TTOU)" "$(sig TSTP)"
	wait_line "$OUT" "$(sig TSTP) .*"
	assert_told "$OUT" "$(main_child)" "$(sig TSTP)"
	in_state "$ZPID" SR
	end_init
}

@test "tini: TSTP is forwarded, TTIN and TTOU are not, and none stops the init" {
	under_each tini job_control_signals
}

inherits() {
	local with=(exec_with "$@" --)
	in_pidns "${with[@]}" dump | grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/direct"
	in_pidns "${with[@]}" "${INIT[@]}" -- dump | grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/under"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/direct")" = 65 ]
	diff "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/under"
}

@test "tini: the program gets the inherited mask and dispositions, exactly" {
	under_each tini inherits
	under_each tini inherits block=1,10,20,21,22,64 ignore=1,2,13,20
	under_zinit tini inherits block=all ignore=all
}

leaves_the_rest() {
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	run below_init sh -c '"$@"; status=$?; read -r pid <"$0"
		kill -0 "$pid" && echo "$pid lives, $status"' "$left" \
		"${INIT[@]}" -s -- sh -c 'sleep 1000 & echo $! >"$0"; exit 5' "$left"
	assert_success
	assert_output --regexp '^[0-9]+ lives, 5$'
}

@test "tini: ends with the program and lets the others live" {
	under_each tini leaves_the_rest
}

forwards_every() {
	local all=(1 2 3 10 12 13 14 15 16 18 23 24 25 26 27 28 29 30 35 50 63)
	start_init -- sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" "${all[@]}"
	wait_count "$OUT" '[0-9].*' ${#all[@]}
	assert_told "$OUT" "$(main_child)" "${all[@]}"
	end_init
}

@test "tini: every signal is forwarded, the real-time ones too" {
	under_each tini forwards_every
}

as_docker_runs_it() {
	run init_pid1 -- /bin/sh -c 'echo "$0 $1"; exit 9' first second
	assert_failure 9
	assert_output "first second"
	TINI_SUBREAPER='' run init_pid1 -- env
	assert_success
	assert_line "TINI_SUBREAPER="
}

@test "docker-init -- PATH ARGS..., as dockerd calls it" {
	under_zinit docker-init as_docker_runs_it
	under_each tini as_docker_runs_it
}

runs_whatever_folder() {
	run in_pidns exec_with argv0=/sbin/docker-init -- "$ZINIT" --version
	assert_success
	assert_output --regexp '^tini version '
	run in_pidns exec_with argv0=tini-static -- "$ZINIT" -c
	assert_failure 1
	run in_pidns exec_with argv0=/usr/local/bin/tini-0.19 -- "$ZINIT" --version
	assert_success
	assert_output --regexp '^zinit '
}

@test "the name is argv[0]'s last part, whole" {
	runs_whatever_folder
}

# The peers' bugs

survives_ignored_chld() {
	run in_pidns -t "$1" exec_with ignore=17 -- "${INIT[@]}" -- sh -c 'exit 6'
	assert_how "$2"
}

@test "bug: SIGCHLD inherited as ignored loses the status: tini hangs, zinit does not" {
	under_zinit tini survives_ignored_chld 10 "exited 6"
	under_original tini survives_ignored_chld 1 timeout
}

child_keeps_ignored_chld() {
	run in_pidns exec_with ignore=17 -- "${INIT[@]}" -- dump
	assert_line "signal 17 ignored"
}

@test "the program gets SIGCHLD ignored where it was" {
	under_zinit tini child_keeps_ignored_chld
}

# Pending from the start, so that it comes before the child could have its group.
keeps_early_signal() {
	local options=("${@:3}")
	run in_pidns -t "$1" exec_with block=15 raise=15 -- "${INIT[@]}" "${options[@]}" -- sigreport -u 15
	assert_how "$2"
}

@test "bug: a signal from before the program's start is lost to its group: not by zinit" {
	under_zinit tini keeps_early_signal 10 "exited 0" -g
	under_zinit tini keeps_early_signal 10 "exited 0"
	under_original tini keeps_early_signal 1 timeout -g
}

# Root without CAP_KILL may not signal another user's process.
program_of_another_user() {
	start_in_pidns setpriv --bounding-set -kill --inh-caps -kill "${INIT[@]}" -- \
		setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'echo up; exec sleep 1000'
	wait_line "$OUT" up
	wait_for is_sleep "$(main_child)"
	sigsend "$ZPID" 15
}

is_sleep() { [ "$(cat "/proc/$1/comm")" = sleep ]; }

survives_eperm() {
	program_of_another_user
	wait_line "$ERR" '.+'
	in_state "$ZPID" SR
	kill -0 "$(main_child)"
	end_init
}

dies_of_eperm() {
	program_of_another_user
	finish
	assert_equal "$status" 1
}

@test "bug: EPERM on forwarding ends tini and the container; zinit warns" {
	need_root "to be a user that may not signal another"
	under_zinit tini survives_eperm
	under_original tini dies_of_eperm
}

closed_stdin() {
	run in_pidns exec_with close=0 -- "${INIT[@]}" -- sh -c 'exit 8'
	assert_equal "$status" "$1"
}

@test "bug: a closed stdin is fatal to tini, not to zinit" {
	under_zinit tini closed_stdin 8
	under_original tini closed_stdin 1
}

runs_script_without_interpreter() {
	printf 'echo "script $1"\nexit 12\n' >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	run init_pid1 -- "$BATS_TEST_TMPDIR/script" word
	assert_failure 12
	assert_output "script word"
}

@test "a script without #! is run by sh, as tini's glibc builds do it" {
	under_each tini runs_script_without_interpreter
}
