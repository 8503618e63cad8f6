#!/usr/bin/env bats
# Every signal that reaches zinit reaches the main child, as it came.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# All but KILL and STOP, which nobody can catch, and CHLD, which is zinit's own.
FORWARDED=$(for n in {1..64}; do [[ $n == 9 || $n == 17 || $n == 19 ]] || echo "$n"; done)

report_lines() { grep -E '^[0-9]' "$1" || :; }
reported() { report_lines "$1" | cut -d' ' -f1; }

# Sends every signal to zinit and compares what the main child saw. Stop signals go last, because
# they and SIGCONT discard each other while pending.
every_signal() {
	local start=$1
	shift
	"$start" "$@" sigreport
	wait_line "$OUT" ready
	wait_for holds_signals "$ZPID"
	sigsend "$ZPID" all
	wait_count "$OUT" '[0-9].*' 58
	sigsend "$ZPID" stop
	wait_count "$OUT" '[0-9].*' 61
	# Whatever came twice, or came that nobody sent, is there before this one.
	sigsend "$ZPID" 1
	wait_count "$OUT" '1 .*' 2
	assert_equal "$(reported "$OUT" | sort -n)" "$(sort -n <<<"$FORWARDED"$'\n1')"
	kill -KILL "$(main_child)"
	finish
	assert_equal "$status" 137
	assert_equal "$stderr" ""
}

@test "every signal from 1 to 64 is forwarded but KILL, STOP and CHLD, as PID 1" {
	every_signal start_pid1
}

@test "every signal from 1 to 64 is forwarded but KILL, STOP and CHLD, as a subreaper" {
	every_signal start_subreaper
}

@test "--group forwards every signal from 1 to 64 but KILL, STOP and CHLD, as PID 1" {
	every_signal start_pid1 --group
}

@test "--group forwards every signal from 1 to 64 but KILL, STOP and CHLD, as a subreaper" {
	every_signal start_subreaper -g
}

@test "SIGCHLD that somebody sends is not forwarded" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -u 64
		wait_line "$OUT" ready
		sigsend "$ZPID" 17
		sigsend -q 5 "$ZPID" 17
		# 64 is the last that a signalfd gives out.
		sigsend "$ZPID" 64
		finish
		assert_equal "$status" 0
		assert_equal "$(reported "$OUT")" 64
	done
}

@test "each signal has its default effect on a main child that does nothing about it" {
	local way name
	for way in $BOTH_WAYS; do
		for name in HUP INT QUIT USR1 TERM SEGV RTMIN RTMAX; do
			start_"$way" sh -c 'ulimit -c 0; echo up; exec sleep 1000'
			wait_line "$OUT" up
			sigsend "$ZPID" "$(sig $name)"
			finish
			assert_how "exited $((128 + $(sig $name)))"
		done
	done
}

@test "a stop signal stops the main child and not zinit, SIGCONT continues it" {
	local way name child
	for way in $BOTH_WAYS; do
		# Its group is no orphaned one: the kernel drops stop signals there.
		start_"$way" sh -c 'echo up; exec sleep 1000'
		wait_line "$OUT" up
		child=$(main_child)
		for name in TSTP TTIN TTOU; do
			sigsend "$ZPID" "$(sig $name)"
			wait_for in_state "$child" T
			in_state "$ZPID" SR
			sigsend "$ZPID" "$(sig CONT)"
			wait_for in_state "$child" SR
		done
		sigsend "$ZPID" "$(sig TERM)"
		finish
		assert_equal "$status" 143
	done
}

@test "a queued signal keeps its code, its value and its sender" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -u 1
		wait_line "$OUT" ready
		# From within the namespace, where the sender has a PID to tell.
		enter sh -c 'echo $$; for s in 10 15 34 35 64; do sigsend -q $((s + 1000)) "$0" $s; done
			exec sigsend -q -7 -c -5 "$0" 40' "$(zinit_inside "$way")" \
			>"$BATS_TEST_TMPDIR/sender"
		wait_count "$OUT" '[0-9].*' 6
		sigsend "$ZPID" 1
		finish
		run report_lines "$OUT"
		assert_line --regexp '^10 -1 1010 [1-9][0-9]* 0$'
		assert_line --regexp '^15 -1 1015 [1-9][0-9]* 0$'
		assert_line --regexp '^34 -1 1034 [1-9][0-9]* 0$'
		assert_line --regexp '^35 -1 1035 [1-9][0-9]* 0$'
		assert_line --regexp '^64 -1 1064 [1-9][0-9]* 0$'
		assert_line "40 -5 -7 $(cat "$BATS_TEST_TMPDIR/sender") 0"
	done
}

# zinit's PID as its namespace counts.
zinit_inside() { [ "$1" = pid1 ] && echo 1 || echo 2; }

@test "a signal sent by kill or tgkill comes with zinit as its sender" {
	local way inside
	for way in $BOTH_WAYS; do
		inside=$(zinit_inside "$way")
		start_"$way" sigreport -u 1
		wait_line "$OUT" ready
		enter sigsend "$inside" 10 64
		wait_count "$OUT" '[0-9].*' 2
		enter sigsend -t "$inside" 12 63
		wait_count "$OUT" "[0-9].*" 4
		sigsend "$ZPID" 1
		finish
		run report_lines "$OUT"
		assert_line "10 0 0 $inside 0"
		assert_line "64 0 0 $inside 0"
		assert_line "12 0 0 $inside 0"
		assert_line "63 0 0 $inside 0"
	done
}

@test "real-time signals of one number arrive all, in order, with their values" {
	local way n
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -n 1001
		wait_line "$OUT" ready
		# At once: the whole burst, and the SIGCONT, stands in zinit's queue before it can act.
		kill -STOP "$ZPID"
		wait_for in_state "$ZPID" T
		sigsend -n 500 -q 0 "$ZPID" 34
		sigsend -n 500 -q 500 "$ZPID" 40
		kill -CONT "$ZPID"
		finish
		assert_equal "$(grep '^34 ' "$OUT" | cut -d' ' -f3)" "$(seq 0 499)"
		assert_equal "$(grep '^40 ' "$OUT" | cut -d' ' -f3)" "$(seq 500 999)"
	done
}

@test "signals without a value arrive all in a burst of real-time signals" {
	start_pid1 sigreport -n 600
	wait_line "$OUT" ready
	sigsend -n 600 "$ZPID" 50
	finish
	assert_equal "$(grep -c '^50 ' "$OUT")" 600
}

@test "at the child's RLIMIT_SIGPENDING a signal arrives all the same, without its value, with a warning" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -l 0 -n 1
		wait_line "$OUT" ready
		sigsend -q 77 "$ZPID" 40
		finish
		assert_equal "$status" 0
		run report_lines "$OUT"
		assert_line --regexp '^40 '
		refute_line --regexp '^40 -1 77 '
		assert_one_line "$stderr" "warning"
	done
}

@test "at the child's RLIMIT_SIGPENDING a signal is kept, and comes whole once there is room" {
	local child
	need_command prlimit
	start_pid1 sigreport -l 0 -n 1
	wait_line "$OUT" ready
	child=$(main_child)
	trace_zinit -e trace=rt_sigqueueinfo
	sigsend -q 77 "$ZPID" 40
	wait_for grep -q EAGAIN "$TRACE"
	prlimit --pid "$child" --sigpending=100:100
	finish
	run report_lines "$OUT"
	assert_output --regexp '^40 -1 77 '
	assert_equal "$stderr" ""
}

@test "a child that takes no queued signal does not keep other signals from it" {
	start_pid1 sigreport -l 0 -u 64
	wait_line "$OUT" ready
	sigsend -n 20 -q 1 "$ZPID" 40
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	sigsend "$ZPID" 64
	finish
	assert_equal "$status" 0
}

@test "--group reaches the main child's whole group, without it the main child alone" {
	local way option other
	for way in $BOTH_WAYS; do
		for option in -g --group --; do
			other=$BATS_TEST_TMPDIR/other.$way.$option
			touch "$other"
			start_"$way" "$option" sh -c 'sigreport >"$0" & exec sigreport -u 64' "$other"
			wait_line "$OUT" ready
			wait_line "$other" ready
			sigsend "$ZPID" 10
			wait_line "$OUT" '10 .*'
			[ "$option" = -- ] || wait_line "$other" '10 .*'
			sigsend "$ZPID" 64
			finish
			assert_equal "$status" 0
			[ "$option" != -- ] || assert_equal "$(<"$other")" ready
		done
	done
}

@test "--group never reaches zinit's own group" {
	local pid neighbour=$BATS_TEST_TMPDIR/neighbour
	touch "$neighbour"
	# zinit shares its group with its parent and a neighbour, as a line of a script does.
	start_below_init sh -c 'sigreport >"$1" & "$0" -g sigreport -u 64; echo "zinit $?"' \
		"$ZINIT" "$neighbour"
	wait_line "$OUT" ready
	wait_line "$neighbour" ready
	for pid in $(children "$ZPID"); do
		[ -z "$(children "$pid")" ] || break
	done
	sigsend "$pid" 15
	wait_line "$OUT" '15 .*'
	sigsend "$pid" 64
	finish
	assert_line "zinit 0"
	assert_equal "$(<"$neighbour")" ready
}

@test "zinit's own SIGPIPE, from a log whose reader has gone, is not forwarded" {
	local way
	for way in $BOTH_WAYS; do
		start_with_broken_stderr "$way" -vv sigreport -u 64
		wait_line "$OUT" ready
		sigsend "$ZPID" 10
		wait_line "$OUT" '10 .*'
		sigsend "$ZPID" 64
		finish
		assert_equal "$status" 0
		assert_equal "$(reported "$OUT")" $'10\n64'
	done
}

start_with_broken_stderr() {
	local way=$1
	shift
	local start=start_in_pidns
	[ "$way" = pid1 ] || start=start_below_init
	# 8 and 9 are a pipe; nobody holds its reading end once zinit runs.
	"$start" exec_with pipe=8 close=8 -- sh -c 'exec "$@" 2>&9 9>&-' sh "$ZINIT" "$@"
}

@test "a failed forward (EPERM) is a warning, never the end" {
	need_root "another user's process"
	need_command setpriv
	local way start
	for way in $BOTH_WAYS; do
		start=start_in_pidns
		[ "$way" = pid1 ] || start=start_below_init
		# Without CAP_KILL in zinit, and a set-uid change in the child, kill() is refused.
		"$start" setpriv --bounding-set -kill --inh-caps -kill "$ZINIT" \
			setpriv --reuid 65534 sigreport -u 64
		wait_line "$OUT" ready
		sigsend "$ZPID" 15
		wait_line "$ERR" 'zinit.*: warning: .*TERM.*'
		in_state "$ZPID" SR
		sigsend "$(main_child)" 64
		finish
		assert_equal "$status" 0
		assert_equal "$(reported "$OUT")" 64
		assert_one_line "$stderr" "not permitted"
	done
}

@test "a failed forward, whatever the error, is a warning, never the end" {
	local error
	need_traced_injection
	for error in EPERM ESRCH EINVAL; do
		start_pid1 sigreport -u 64
		wait_line "$OUT" ready
		trace_zinit -e trace=kill -e inject=kill:error=$error:when=1
		sigsend "$ZPID" 15
		wait_line "$ERR" 'zinit.*: warning: .*TERM.*'
		sigsend "$ZPID" 64
		finish
		assert_equal "$status" 0
		assert_equal "$(reported "$OUT")" 64
	done
}

@test "after the main child is reaped, its PID is never signalled again" {
	local child
	start_pid1 sigreport
	wait_line "$OUT" ready
	child=$(main_child)
	trace_zinit -e trace=wait4,waitid,kill,rt_sigqueueinfo,tgkill,pidfd_send_signal
	# SIGCHLD and signals with lower and higher numbers all stand in the queue at once.
	kill -STOP "$ZPID"
	wait_for in_state "$ZPID" Tt
	kill -KILL "$child"
	wait_gone "$child"
	sigsend "$ZPID" 10 12 28 34 64
	sigsend -q 1 "$ZPID" 40
	kill -CONT "$ZPID"
	finish
	assert_equal "$status" 137
	end_trace
	run sed -n '/WIFSIGNALED/,$p' "$TRACE"
	assert_line --partial "WTERMSIG(s) == SIGKILL"
	refute_line --partial "kill("
	refute_line --partial "sigqueueinfo("
	refute_line --partial "send_signal("
}

@test "at -v a SIGTERM to a shell with a live child is explained" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -v sh -c 'trap "" TERM; sleep 1000 & echo up; wait; wait'
		wait_line "$OUT" up
		sigsend "$ZPID" 15
		wait_line "$ERR" '.*sh.*--group.*'
		grep -q exec "$ERR"
		kill -KILL "$(main_child)"
		finish
	done
	# Silent by default, and for a program that is no shell.
	start_pid1 sh -c 'trap "" TERM; sleep 1000 & echo up; wait; wait'
	wait_line "$OUT" up
	sigsend "$ZPID" 15
	kill -KILL "$(main_child)"
	finish
	assert_equal "$stderr" ""
	start_pid1 -v sigreport -n 1
	wait_line "$OUT" ready
	sigsend "$ZPID" 15
	finish
	refute_regex "$stderr" '--group'
}

@test "signals that come while the main child ends do no harm, 50 times" {
	local i
	for i in {1..50}; do
		start_pid1 sh -c 'echo up; exit 7'
		while kill -USR2 "$ZPID" 2>/dev/null; do :; done
		finish
		case $status in
		7 | $((128 + 12))) ;;
		*) fail "run $i: status $status, $(how)" ;;
		esac
	done
}
