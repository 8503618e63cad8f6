#!/usr/bin/env bats
# Every zombie goes, and the main child's status is right whatever dies around it.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

has_zombies() { [ "$(zombies "$1")" = "$2" ]; }
has_children() { [ "$(children "$1" | wc -w)" = "$2" ]; }

@test "500 orphans leave no zombie" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans 500; exec sleep 1000'
		wait_line "$OUT" '500 orphans have ended'
		wait_for has_zombies "$ZPID" 0
		# Neither zombie nor alive: the main child alone is left.
		wait_for has_children "$ZPID" 1
		kill -KILL "$(main_child)"
		finish
		assert_equal "$status" 137
		assert_equal "$stderr" ""
	done
}

@test "the control: under a program without an init's duties 50 orphans leave 50 zombies" {
	start_in_pidns no_init sh -c 'orphans 50; exec sleep 1000'
	wait_line "$OUT" '50 orphans have ended'
	wait_for has_zombies "$NSPID" 50
	kill -KILL "$NSPID"
	finish
}

@test "an orphan becomes zinit's child, and is reaped when it ends" {
	local way orphan main
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans -l 3; exec sleep 1000'
		wait_line "$OUT" '3 orphans live'
		main=$(main_child)
		has_children "$ZPID" 4
		for orphan in $(children "$ZPID"); do
			[ "$orphan" = "$main" ] || kill -TERM "$orphan"
		done
		wait_for has_children "$ZPID" 1
		has_zombies "$ZPID" 0
		kill -KILL "$main"
		finish
	done
}

@test "the main child's status is right amid a storm of orphans, 30 times" {
	local i n
	for i in {1..15}; do
		n=$((i * 7))
		# The orphans end while the main child does.
		run as_pid1 sh -c "orphans -o 42 100 >/dev/null & orphans -o 0 100 >/dev/null & exit $n"
		assert_failure "$n"
		assert_output ""
		run as_subreaper sh -c "orphans -o 42 100 >/dev/null & exit $n"
		assert_failure "$n"
		assert_output ""
	done
}

@test "the main child's status is right when its death and a hundred others are one SIGCHLD" {
	local start pid sleepers
	# wait4() takes the oldest child first: fifty are older than the main child, fifty younger.
	mapfile -t sleepers < <(yes sleeper | head -n 50)
	for start in start_in_pidns start_below_init; do
		"$start" exec_with "${sleepers[@]}" -- "$ZINIT" sh -c 'orphans -l 50; exec sigreport'
		wait_line "$OUT" ready
		has_children "$ZPID" 101
		kill -STOP "$ZPID"
		wait_for in_state "$ZPID" T
		for pid in $(children "$ZPID"); do
			kill -KILL "$pid"
			wait_gone "$pid"
		done
		has_zombies "$ZPID" 101
		kill -CONT "$ZPID"
		finish
		assert_equal "$status" 137
	done
}

@test "zombies that wait when zinit was stopped are all reaped at once" {
	local way pid main
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans -l 200; exec sigreport -u 10'
		wait_line "$OUT" ready
		main=$(main_child)
		kill -STOP "$ZPID"
		wait_for in_state "$ZPID" T
		for pid in $(children "$ZPID"); do
			[ "$pid" = "$main" ] || kill -KILL "$pid"
		done
		wait_for has_zombies "$ZPID" 200
		kill -CONT "$ZPID"
		wait_for has_children "$ZPID" 1
		sigsend "$ZPID" 10
		finish
		assert_equal "$status" 0
	done
}

@test "a child that zinit already had when it was executed is reaped, and is not the main child" {
	local start pid main
	for start in start_in_pidns start_below_init; do
		# One has ended before, two end later.
		"$start" exec_with child=42 sleeper sleeper child=43 -- "$ZINIT" sigreport -u 10
		wait_line "$OUT" ready
		wait_for has_children "$ZPID" 3
		main=$(child_running sigreport)
		for pid in $(children "$ZPID"); do
			[ "$pid" = "$main" ] || kill -KILL "$pid"
		done
		wait_for has_children "$ZPID" 1
		in_state "$ZPID" SR
		sigsend "$ZPID" 10
		finish
		assert_equal "$status" 0
	done
}

@test "a child whose clone used another exit signal, or none, is reaped too" {
	local signal start inside
	for start in start_in_pidns start_below_init; do
		for signal in 0 10 64; do
			"$start" exec_with clone_child=$signal -- "$ZINIT" sigreport -u 12
			wait_line "$OUT" ready
			has_children "$ZPID" 2
			kill -KILL "$(child_running exec_with)"
			wait_for has_children "$ZPID" 1
			inside=$(inside_pid "$ZPID")
			sigsend "$ZPID" 12
			finish
			assert_equal "$status" 0
			# Its end is no news for the main child.
			assert_equal "$output" $'ready\n12 0 0 '"$inside 0"
		done
	done
}

@test "the experiment: a zombie outlives kill -9 and its parent's SIGCHLD, and goes when the parent waits" {
	local way zombie parent
	for way in $BOTH_WAYS; do
		start_"$way" zombie_parent request
		wait_line "$OUT" 'child [0-9]+'
		parent=$(main_child)
		wait_for has_zombies "$parent" 1
		zombie=$(children "$parent" | tr -d ' ')
		kill -KILL "$zombie"
		in_state "$zombie" Z
		kill -CHLD "$parent"
		# The parent has looked at it: it went back to sleep.
		wait_for in_state "$parent" S
		in_state "$zombie" Z
		kill -USR1 "$parent"
		wait_line "$OUT" 'reaped [0-9]+'
		assert_not_exist "/proc/$zombie"
		kill -KILL "$parent"
		finish
	done
}

@test "the experiment: zombies whose parent ends first are inherited and reaped by zinit" {
	local way parent
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'zombie_parent -n 20 never & exec sleep 1000'
		wait_count "$OUT" 'child [0-9]+' 20
		parent=$(children "$(main_child)" | tr -d ' ')
		wait_for has_zombies "$parent" 20
		has_children "$ZPID" 1
		kill -KILL "$parent"
		# The shell's own child stays its zombie: the shell is asleep, in another program.
		wait_for in_state "$parent" Z
		wait_for has_zombies "$(main_child)" 1
		wait_for has_children "$ZPID" 1
		kill -KILL "$(main_child)"
		finish
	done
}

@test "an orphan that dies of a signal, or stops, disturbs nobody" {
	local way pid main
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans -l 4; exec sigreport -u 10'
		wait_line "$OUT" ready
		main=$(main_child)
		for pid in $(children "$ZPID"); do
			[ "$pid" != "$main" ] || continue
			kill -STOP "$pid"
			wait_for in_state "$pid" T
			kill -CONT "$pid"
			wait_for in_state "$pid" S
			kill -SEGV "$pid"
		done
		wait_for has_children "$ZPID" 1
		sigsend "$ZPID" 10
		finish
		assert_equal "$status" 0
		assert_equal "$stderr" ""
	done
}

@test "an orphan of another user is reaped" {
	need_root "needs a second user"
	need_command setpriv
	start_pid1 sh -c 'setpriv --reuid 65534 --regid 65534 --clear-groups orphans 20; exec sleep 1000'
	wait_line "$OUT" '20 orphans have ended'
	wait_for has_children "$ZPID" 1
	kill -KILL "$(main_child)"
	finish
}

@test "the init of a nested PID namespace is reaped" {
	start_pid1 sh -c 'sh -c "unshare -p --kill-child -f sh -c \"echo nested \\\$\\\$; exit 3\" &"; exec sleep 1000'
	wait_line "$OUT" 'nested 1'
	wait_for has_children "$ZPID" 1
	has_zombies "$ZPID" 0
	kill -KILL "$(main_child)"
	finish
}

switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$ZPID/status"; }

@test "an idle zinit does not wake up" {
	local way before
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -u 10
		wait_line "$OUT" ready
		# The first 50 ms may tick, by ppoll.
		wait_for reads_signalfd
		before=$(switches)
		# That nothing happens has no event: the time is what is tested. tini looks once a second.
		sleep 1.3
		assert_equal "$(switches)" "$before"
		sigsend "$ZPID" 10
		finish
		[ "$status" = 0 ]
	done
}

@test "an idle zinit sleeps in one blocking read of its signalfd, and has no timer" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -u 10
		wait_line "$OUT" ready
		wait_for reads_signalfd
		run ls -l "/proc/$ZPID/fd"
		refute_output --partial timerfd
		sigsend "$ZPID" 10
		finish
	done
}

@test "-w reports each reaped orphan with its PID, its name and how it ended" {
	local way pid
	for way in $BOTH_WAYS; do
		start_"$way" -w sh -c 'orphans -o 9 2; orphans -l 1; exec sigreport -u 10'
		wait_line "$OUT" ready
		for pid in $(children "$ZPID"); do
			if [ "$pid" != "$(main_child)" ]; then
				pid_inside=$(inside_pid "$pid")
				kill -TERM "$pid"
			fi
		done
		wait_for has_children "$ZPID" 1
		sigsend "$ZPID" 10
		finish
		assert_equal "$(grep -c orphans <<<"$stderr")" 3
		assert_equal "$(grep -cE 'orphans.*\b9\b' <<<"$stderr")" 2
		grep -E "\b$pid_inside\b.*orphans.*TERM|orphans.*\b$pid_inside\b.*TERM" <<<"$stderr" ||
			fail "no line for $pid_inside: $stderr"
		# Not the main child, which is no orphan.
		refute_regex "$stderr" sigreport
	done
}

@test "-w says nothing of a middle process that its own parent has waited for" {
	run --separate-stderr as_pid1 -w sh -c 'sh -c true; sh -c "exit 3"; exit 0'
	assert_success
	assert_equal "$stderr" ""
}

@test "-w survives a name with spaces, parentheses and control bytes, in one line" {
	local odd=$BATS_TEST_TMPDIR/$'a) Z\n(b \e['
	cp "$(command -v orphans)" "$odd"
	start_pid1 -w sh -c '"$0" 1; exec sigreport -u 10' "$odd"
	wait_for test -s "$ERR"
	wait_line "$OUT" ready
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0
	assert_one_line "$stderr" "a) Z"
	refute_regex "$stderr" $'\e'
}

@test "zinit asks for no memory while it works" {
	start_pid1 -vv -w sigreport -u 64
	wait_line "$OUT" ready
	wait_for reads_signalfd
	trace_zinit -e trace=brk,mmap,mremap,munmap,wait4
	enter orphans 50
	sigsend -n 50 -q 1 "$ZPID" 40
	wait_count "$OUT" '40 .*' 50
	sigsend "$ZPID" 10 12 64
	finish
	assert_equal "$status" 0
	end_trace
	assert_regex "$(<"$TRACE")" wait4
	refute_regex "$(<"$TRACE")" 'brk|mmap|mremap|munmap'
}

@test "a failing wait is said once, and zinit goes on without spinning" {
	need_traced_injection
	start_pid1 sh -c 'orphans 1; exec sigreport -u 10'
	wait_line "$OUT" ready
	trace_zinit -e trace=wait4,read -e inject=wait4:error=EINVAL:when=1..3
	enter orphans 1
	enter orphans 1
	enter orphans 1
	wait_for grep -qE 'wait|reap' "$ERR"
	enter orphans 1
	sigsend "$ZPID" 12
	wait_line "$OUT" '12 .*'
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0
	assert_one_line "$stderr" zinit
	end_trace
	[ "$(grep -c wait4 "$TRACE")" -lt 60 ] || fail "spun: $(wc -l "$TRACE")"
}

@test "a failing read of the signalfd is said once, and zinit goes on without spinning" {
	need_traced_injection
	start_pid1 sigreport -u 10
	wait_line "$OUT" ready
	trace_zinit -e trace=read,ppoll,poll -e inject=read:error=EIO:when=1..3
	sigsend "$ZPID" 12
	wait_line "$OUT" '12 .*'
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0
	assert_one_line "$stderr" zinit
	end_trace
	[ "$(grep -c read "$TRACE")" -lt 60 ] || fail "spun: $(wc -l "$TRACE")"
}
