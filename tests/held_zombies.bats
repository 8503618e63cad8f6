#!/usr/bin/env bats
# The life of a zombie, case by case: who can make it go, and what zinit does about it.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

has_zombies() { [ "$(zombies "$1")" = "$2" ]; }

# The PID outside of the process whose PID inside is $1.
outside_pid() {
	local pid
	for pid in $(descendants "$NSPID"); do
		if [ "$(inside_pid "$pid")" = "$1" ]; then
			echo "$pid"
			return
		fi
	done
	return 1
}

descendants() {
	local child
	for child in $(children "$1" 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
}

# The PID inside of the negligent parent that said that it holds $1 zombies.
who_holds() { sed -nE "s/^([0-9]+) holds $1\$/\\1/p" "$OUT"; }

# Sets INSIDE from negligent's first line: its PID inside.
find_inside() {
	wait_line "$OUT" '[0-9]+ holds [0-9]+'
	INSIDE=$(sed -nE '1s/^([0-9]+) holds.*/\1/p' "$OUT")
}

# And PARENT, its PID outside.
find_parent() {
	find_inside
	PARENT=$(outside_pid "$INSIDE")
}

parent_has_ended() { [ ! -e "/proc/$NSPID/root/proc/$INSIDE" ]; }

@test "a child ends while its parent sleeps: it is held, zinit says so, and its parent reaps it" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --watch 100ms -- sh -c 'negligent -N sleeper -n 3 & wait'
		find_parent
		wait_line "$ERR" ".*: warning: $INSIDE \(sleeper\) does not wait for its children: it holds 3 zombies, one is [0-9]+ \(sleeper\), seen for 0\.[0-9] s; [0-9]+ of [0-9]+ PIDs are in use .*"
		# zinit cannot wait for another's children, and does nothing to their parent.
		has_zombies "$PARENT" 3
		kill -USR2 "$PARENT"
		wait_line "$OUT" "$INSIDE holds 0"
		has_zombies "$PARENT" 0
		wait_line "$ERR" ".*: warning: $INSIDE \(sleeper\) has waited for the zombies that it held"
		assert_equal "$(wc -l <"$ERR")" 2
		kill -KILL "$PARENT"
		finish
	done
}

@test "the parent ends first: zinit inherits its child and reaps it" {
	local way child
	for way in $BOTH_WAYS; do
		start_"$way" -w -- sh -c 'zombie_parent -p 10 -c 300 first; exec sleep 1000'
		wait_line "$ERR" '.*: warning: reaped orphan [0-9]+ \(zombie_parent\), which exited with status 0; .*'
		child=$(sed -n 's/^child //p' "$OUT")
		grep -q "reaped orphan $child " "$ERR"
		has_zombies "$ZPID" 0
		kill -KILL "$(main_child)"
		finish
		assert_equal "${#stderr_lines[@]}" 1
	done
}

@test "the parent ends with zombies: zinit inherits them and reaps them" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -w -- sh -c 'negligent -n 20 & wait; exec sleep 1000'
		find_parent
		has_zombies "$PARENT" 20
		kill -KILL "$PARENT"
		wait_count "$ERR" '.*: warning: reaped orphan [0-9]+ \(negligent\), .*' 20
		has_zombies "$ZPID" 0
		kill -KILL "$(main_child)"
		finish
		assert_equal "${#stderr_lines[@]}" 20
	done
}

@test "the parent lost SIGCHLDs that were merged: reminded by --on-held-zombies sigchld it reaps all" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --watch 50ms --on-held-zombies sigchld -- sh -c 'negligent -n 4 merged & wait; exec sleep 1000'
		find_parent
		# One SIGCHLD for four children: one is waited for, and then the parent sleeps.
		wait_line "$OUT" "$INSIDE holds 3"
		wait_line "$OUT" "$INSIDE holds 0"
		wait_line "$ERR" ".*: warning: $INSIDE \(negligent\) has waited for the zombies that it held"
		kill -KILL "$PARENT" "$(main_child)"
		finish
	done
}

@test "the control: the same parent, not reminded, keeps its zombies" {
	start_pid1 --watch 50ms -- sh -c 'negligent -n 4 merged & negligent -N later & wait; exec sleep 1000'
	wait_line "$OUT" '[0-9]+ holds 3'
	wait_line "$ERR" ".* $(who_holds 3) \(negligent\) does not wait .*"
	wait_line "$ERR" ".* \(later\) does not wait .*"
	kill -USR1 "$(outside_pid "$(who_holds 1)")"
	# Doubled: two ticks and more have gone by.
	wait_line "$ERR" ".* \(later\) does not wait .* it holds 2 zombies, .*"
	has_zombies "$(outside_pid "$(who_holds 3)")" 3
	kill -KILL "$(main_child)"
	finish
}

@test "a parent that sleeps without a handler is not helped by SIGCHLD" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -v --watch 50ms --on-held-zombies sigchld -- sh -c 'negligent -n 3 & wait; exec sleep 1000'
		find_parent
		wait_count "$ERR" ".*: info: sent SIGCHLD to $INSIDE \(negligent\), which holds zombies" 4
		has_zombies "$PARENT" 3
		in_state "$PARENT" S
		run ! grep -E 'SIGTERM|SIGKILL' "$ERR"
		kill -KILL "$PARENT" "$(main_child)"
		finish
	done
}

@test "the parent is ended: reminded twice, then SIGTERM, and zinit reaps what it inherits" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -v -w --watch 50ms --on-held-zombies terminate-parent -- sh -c 'negligent -n 5 & wait; exec sleep 1000'
		find_inside
		wait_line "$ERR" ".*: warning: $INSIDE \(negligent\) has ended: the zombies that it held are no longer its own"
		wait_for parent_has_ended
		wait_count "$ERR" '.* reaped orphan [0-9]+ .*' 5
		has_zombies "$ZPID" 0
		run grep -oE 'sent SIG[A-Z]+ to' "$ERR"
		assert_output $'sent SIGCHLD to\nsent SIGCHLD to\nsent SIGTERM to'
		kill -KILL "$(main_child)"
		finish
	done
}

@test "a parent that ignores SIGTERM is ended by SIGKILL after the grace" {
	local way sent killed
	for way in $BOTH_WAYS; do
		start_"$way" --log-format json --watch 50ms --grace 300ms --on-held-zombies terminate-parent -- sh -c 'negligent -i -n 5 & wait; exec sleep 1000'
		find_inside
		wait_for parent_has_ended
		wait_line "$ERR" '.*"held-zombies-cured".*'
		sent=$(jq -r 'select(.signal_number == 15) | .time[17:26]' "$ERR")
		killed=$(jq -r 'select(.signal_number == 9) | .time[17:26]' "$ERR")
		# The same minute, or the next. A message is written a moment after the tick that decided.
		run awk -v a="$sent" -v b="$killed" 'BEGIN { d = b - a; if (d < 0) d += 60; print (d >= 0.29 && d < 2 ? "ok" : d) }'
		assert_output ok
		has_zombies "$ZPID" 0
		kill -TERM "$(main_child)"
		finish
	done
}

@test "the main child is never ended, however many zombies it holds" {
	local way n
	for way in $BOTH_WAYS; do
		start_"$way" -v --watch 30ms --grace 30ms --on-held-zombies terminate-parent negligent -n 2
		find_parent
		wait_line "$ERR" ".*: warning: $INSIDE \(negligent\) does not wait .*"
		# More ticks than SIGTERM and SIGKILL would take: one at least for each doubling.
		for n in 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32; do
			kill -USR1 "$PARENT"
			wait_line "$OUT" "$INSIDE holds $n"
			case $n in
			4 | 8 | 16 | 32) wait_line "$ERR" ".* it holds $n zombies, .*" ;;
			esac
		done
		in_state "$PARENT" S
		run ! grep -E 'SIGTERM|SIGKILL' "$ERR"
		kill -TERM "$ZPID"
		finish
		assert_equal "$status" 143
	done
}

@test "as a subreaper zinit says nothing of strangers and signals none" {
	start_below_init sh -c '(negligent -N stranger -n 9 &); exec "$0" "$@"' "$ZINIT" -v --watch 50ms --on-held-zombies terminate-parent -- \
		sh -c 'negligent -N own -n 2 & wait; exec sleep 1000'
	wait_line "$ERR" '.* \(own\) has ended: .*'
	run grep -c stranger "$ERR"
	assert_output 0
	wait_line "$OUT" '[0-9]+ holds 9'
	has_zombies "$(outside_pid "$(who_holds 9)")" 9
	kill -KILL "$(main_child)"
	finish
}

@test "as PID 1 zinit looks after the whole namespace: who came in from outside, too" {
	start_pid1 --watch 50ms --on-held-zombies terminate-parent sleep 1000
	main_child >/dev/null
	enter negligent -N stranger -n 2 >/dev/null 2>&1 3>&- &
	_started+=("$!")
	wait_line "$ERR" '.* \(stranger\) has ended: .*'
	has_zombies "$ZPID" 0
	kill -KILL "$(main_child)"
	finish
}

@test "a zombie under SIGKILL stays one: it is dead already" {
	local zombie
	start_pid1 --watch 50ms -- sh -c 'negligent & wait; exec sleep 1000'
	find_parent
	zombie=$(children "$PARENT")
	zombie=${zombie% }
	in_state "$zombie" Z
	kill -KILL "$zombie"
	wait_line "$ERR" ".* it holds 1 zombie, .*"
	in_state "$zombie" Z
	kill -KILL "$PARENT"
	wait_for test ! -e "/proc/$zombie"
	kill -KILL "$(main_child)"
	finish
}

@test "wait with no child: a SIGCHLD for nobody (ECHILD) is no error" {
	start_pid1 -v --pause
	wait_for holds_signals "$ZPID"
	for _ in 1 2 3; do kill -CHLD "$ZPID"; done
	wait_for caught_up "$ZPID"
	in_state "$ZPID" S
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 0
	run ! grep -iE 'error|warning' "$ERR"
}
caught_up() { ! has_signal "$1" ShdPnd "$(sig CHLD)" && in_state "$1" S; }

@test "a leader that ends first is no zombie while another of its threads lives" {
	local leader
	start_pid1 --watch 50ms -- sh -c 'leader_ends 3 & echo "leader $!"; while ! [ -e "$0" ]; do sleep .02; done; negligent -N marker & wait; exec sleep 1000' "$BATS_TEST_TMPDIR/go"
	wait_line "$OUT" 'the leader has ended'
	leader=$(outside_pid "$(sed -n 's/^leader //p' "$OUT")")
	in_state "$leader" Z
	has_zombies "$(awk '/^PPid/ { print $2 }' "/proc/$leader/status")" 1
	touch "$BATS_TEST_TMPDIR/go"
	# Two ticks have seen the marker's zombie, and so the leader.
	wait_line "$ERR" '.* \(marker\) does not wait .*'
	in_state "$leader" Z
	assert_equal "$(wc -l <"$ERR")" 1
	kill -KILL "$(main_child)"
	finish
}

@test "a zombie under a tracer (strace) is the tracer's: it is named, and nobody is ended" {
	local way child parent tracer go
	for way in $BOTH_WAYS; do
		go=$BATS_TEST_TMPDIR/go.$way
		mkfifo "$go"
		start_"$way" -v --watch 50ms --on-held-zombies terminate-parent -- sh -c '
			sh -c "sleep 1000 & echo child \$!; exec sleep 1000" & echo "parent $!"
			read -r child <"$0"
			tracer "$child" & echo "tracer $!"
			wait; exec sleep 1000' "$go"
		wait_line "$OUT" 'child [0-9]+'
		child=$(sed -n 's/^child //p' "$OUT")
		parent=$(sed -n 's/^parent //p' "$OUT")
		echo "$child" >"$go"
		wait_line "$OUT" "traces $child"
		tracer=$(sed -n 's/^tracer //p' "$OUT")
		kill -KILL "$(outside_pid "$child")"
		wait_line "$ERR" ".*: warning: zombie $child \\(sleep\\) is traced by $tracer \\(tracer\\), .*"
		in_state "$(outside_pid "$child")" Z
		# Let go of, it is its parent's, who does not wait for it and is to blame for it.
		kill -TERM "$(outside_pid "$tracer")"
		wait_line "$ERR" ".*: warning: $parent \\(sleep\\) does not wait .*"
		run ! grep -E "sent SIG[A-Z]+ to $tracer " "$ERR"
		wait_line "$ERR" ".*: warning: $parent \\(sleep\\) has ended: .*"
		kill -KILL "$(main_child)"
		finish
	done
}

@test "without pidfd_open (before Linux 5.3) zinit's own children alone are signalled" {
	need_traced_injection
	local below
	start_in_pidns strace -D -qq -o /dev/null -e trace=pidfd_open -e inject=pidfd_open:error=ENOSYS "$ZINIT" \
		-v --watch 50ms --on-held-zombies terminate-parent -- \
		sh -c '(negligent -N own -n 2 &); negligent -N below -n 3 & wait; exec sleep 1000'
	wait_line "$ERR" '.*: warning: [0-9]+ \(own\) has ended: .*'
	wait_line "$ERR" '.*: warning: cannot send SIGCHLD to [0-9]+ \(below\): Function not implemented'
	below=$(outside_pid "$(who_holds 3)")
	kill -USR1 "$below"
	# Many ticks later: said once, and nothing was sent.
	wait_line "$ERR" '.* \(below\) .* it holds 6 zombies, .*'
	in_state "$below" S
	run grep -cE 'SIG[A-Z]+ to [0-9]+ \(below\)' "$ERR"
	assert_output 1
	kill -KILL "$NSPID"
	finish
}
