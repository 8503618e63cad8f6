#!/usr/bin/env bats
# What happens when zinit's parent dies, and what happens to the child when zinit dies.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# zinit below a parent that the test can kill: sets ZINIT_PID, PARENT.
start_below_parent() {
	start_below_init sh -c '
		sh -c "\"\$0\" \"\$@\" & echo parent; wait" "$@" &
		exec sleep 1000' sh "$ZINIT" "$@"
	wait_line "$OUT" parent
	wait_for _find_zinit
}

_find_zinit() {
	local parent pid
	for parent in $(children "$ZPID"); do
		for pid in $(children "$parent"); do
			if [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$ZINIT")" ]; then
				PARENT=$parent
				ZINIT_PID=$pid
				return 0
			fi
		done
	done
	return 1
}

@test "-p SIGNAL: the signal comes when the parent dies, and is forwarded, by whatever name" {
	local name number
	for name in TERM:15 SIGTERM:15 hup:1 sigusr1:10 2:2 12:12 RTMIN:34 SIGRTMIN+3:37 RTMAX-1:63 64:64; do
		number=${name#*:}
		start_below_parent -p "${name%:*}" sigreport -u "$number"
		wait_line "$OUT" ready
		kill -KILL "$PARENT"
		wait_line "$OUT" "$number .*"
		wait_gone "$ZINIT_PID"
		kill -TERM "$ZPID"
		finish
		assert_equal "$(grep -c '^[0-9]' "$OUT")" 1
		assert_equal "$stderr" ""
	done
}

@test "--parent-death-signal is -p's long form" {
	start_below_parent --parent-death-signal=TERM sigreport -u 15
	wait_line "$OUT" ready
	kill -KILL "$PARENT"
	wait_line "$OUT" "15 .*"
	kill -TERM "$ZPID"
	finish
}

@test "-p KILL: zinit dies with its parent, and with --kill-child the program too" {
	local main
	start_below_parent -p KILL --kill-child sigreport
	wait_line "$OUT" ready
	main=$(children "$ZINIT_PID" | tr -d ' ')
	kill -KILL "$PARENT"
	wait_gone "$ZINIT_PID"
	wait_gone "$main"
	kill -TERM "$ZPID"
	finish
}

@test "without -p zinit outlives its parent" {
	start_below_parent sigreport -u 10
	wait_line "$OUT" ready
	kill -KILL "$PARENT"
	wait_gone "$PARENT"
	sigsend "$ZINIT_PID" 10
	wait_line "$OUT" '10 .*'
	kill -TERM "$ZPID"
	finish
	assert_equal "$(grep -c '^[0-9]' "$OUT")" 1
}

@test "-p as PID 1: the parent outside dies" {
	start_pid1 -p TERM sigreport
	wait_line "$OUT" ready
	kill -KILL "$PIDNS"
	wait_line "$OUT" '15 .*'
	kill -KILL "$ZPID"
}

@test "-p with a living parent outside of the PID namespace is not taken for a dead one" {
	start_from_outside -p TERM sigreport -u 10
	wait_line "$OUT" ready
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0
	assert_equal "$(grep -c '^[0-9]' "$OUT")" 1
}

@test "a parent that dies while -p is being set counts as dead" {
	local trace=$BATS_TEST_TMPDIR/trace
	need_traced_injection
	# The parent goes between zinit's first getppid() and its prctl(), which comes too late then.
	start_below_init sh -c '
		sh -c "\"\$@\" & echo parent; wait" "$@" &
		exec sleep 1000' sh sh strace -D -qq -o "$trace" -e trace=getppid,prctl \
		-e inject=getppid:delay_exit=1500000:when=1 "$ZINIT" -p TERM sleep 1000
	wait_line "$OUT" parent
	wait_for _find_zinit
	wait_for grep -q getppid "$trace"
	kill -KILL "$PARENT"
	wait_gone "$ZINIT_PID"
	kill -TERM "$ZPID"
	finish
	run grep -E 'getppid|PDEATHSIG' "$trace"
	assert_line --index 0 --partial getppid
	assert_line --index 1 --partial PDEATHSIG
}

@test "a bad signal for -p or --kill-child: one line that names it, 125, nothing started" {
	local bad option
	for bad in FOO SIGFOO 0 65 -1 15x '' RTMIN+31 SIG TERM,INT; do
		for option in --parent-death-signal --kill-child; do
			run --separate-stderr as_subreaper "$option=$bad" \
				touch "$BATS_TEST_TMPDIR/started"
			assert_failure 125
			assert_output ""
			[[ $stderr == *"'$bad'"* ]] || fail "does not name '$bad': $stderr"
		done
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "--kill-child: kill -9 of zinit does not leave the program behind" {
	local main option
	for option in --kill-child --kill-child=KILL --kill-child=SIGKILL; do
		start_below_parent "$option" sigreport
		wait_line "$OUT" ready
		main=$(children "$ZINIT_PID" | tr -d ' ')
		kill -KILL "$ZINIT_PID"
		wait_gone "$main"
		kill -TERM "$ZPID"
		finish
	done
}

@test "--kill-child=SIGNAL: the program gets that signal" {
	local main
	start_below_parent --kill-child=TERM sigreport -u 15
	wait_line "$OUT" ready
	kill -KILL "$ZINIT_PID"
	wait_line "$OUT" '15 .*'
	kill -TERM "$ZPID"
	finish
}

@test "the control: without --kill-child the program outlives kill -9 of zinit" {
	local main
	start_below_parent sigreport -u 10
	wait_line "$OUT" ready
	main=$(children "$ZINIT_PID" | tr -d ' ')
	kill -KILL "$ZINIT_PID"
	wait_gone "$ZINIT_PID"
	sigsend "$main" 10
	wait_line "$OUT" '10 .*'
	kill -TERM "$ZPID"
	finish
}

@test "--kill-child does not swallow the program's name" {
	run as_subreaper --kill-child sh -c 'exit 3'
	assert_failure 3
	run as_subreaper --kill-child true
	assert_success
	run as_subreaper --kill-child=TERM dump
	assert_line "own pdeathsig 15"
	run as_subreaper --kill-child dump
	assert_line "own pdeathsig 9"
}

@test "--kill-child: a zinit that dies while the child is being started takes it along" {
	need_traced_injection
	start_below_parent --kill-child sleep 1000
	kill -TERM "$ZPID"
	finish
	start_below_init sh -c '
		sh -c "\"\$@\" & echo parent; wait" "$@" &
		exec sleep 1000' sh sh strace -D -f -qq -o /dev/null -e trace=setpgid \
		-e inject=setpgid:delay_enter=1500000 "$ZINIT" --kill-child sleep 1001
	wait_line "$OUT" parent
	wait_for _find_zinit
	wait_for _find_unexeced
	kill -KILL "$ZINIT_PID"
	wait_gone "$_child"
	run pgrep -f 'sleep 1001' --nslist pid --ns "$ZPID"
	refute_output --partial sleep
	kill -TERM "$ZPID"
	finish
}

_find_unexeced() {
	local pid
	for pid in $(children "$ZINIT_PID"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$ZINIT")" ]; then
			_child=$pid
			return 0
		fi
	done
	return 1
}

@test "the child of a PID 1 zinit needs no --kill-child: the kernel ends the namespace" {
	local main
	start_pid1 sigreport
	wait_line "$OUT" ready
	main=$(main_child)
	kill -KILL "$ZPID"
	finish
	assert_how "killed 9"
	assert_not_exist "/proc/$main"
}
