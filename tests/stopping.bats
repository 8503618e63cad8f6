#!/usr/bin/env bats
# Who is left when the main child has ended gets its time, and nobody else is hit.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish
# shellcheck disable=SC2030,SC2031 # each test has a ZPID of its own

load lib

# What a loaded machine may take beyond what zinit promises, in ms.
SLACK=3000

# Milliseconds from the main child's end (leaves tells it) to now.
since_left() {
	local left
	left=$(sed -n 's/^left //p' "$OUT")
	[ -n "$left" ] || fail "the main child has left nobody: $(<"$OUT") $(<"$ERR")"
	echo $(((${EPOCHREALTIME/./} - left) / 1000))
}

# finish, and zinit has taken so many ms since the main child's end: at least, at most.
finish_after() {
	finish
	took=$(since_left)
	if [ "$took" -lt "$1" ] || [ "$took" -gt $(($2 + SLACK)) ]; then
		fail "took $took ms after the main child's end, not $1 to $2: $stderr"
	fi
}

# Starts zinit with the arguments before --, `leaves` with those behind it; a process that looks
# around when zinit has ended is its parent, and prints "status N" and "remains NAME" for each that is
# still there.
start_watched() {
	start_below_init sh -c '
		"$ZINIT" "$@" <&0 &
		echo $! >"$BATS_TEST_TMPDIR/zinit.inside"
		wait $!
		echo "status $?"
		for stat in /proc/[0-9]*/comm; do
			pid=${stat%/comm} pid=${pid#/proc/}
			[ "$pid" -gt 1 ] && [ "$pid" != $$ ] || continue
			read -r name <"$stat" && ! grep -q "^State:.Z" "/proc/$pid/status" &&
				echo "remains $name"
		done
		echo looked' sh "$@"
}

finish_watched() {
	finish_after "$@"
	assert_line looked
	refute_line --regexp '^remains '
	assert_line "status 7"
}

only_child() {
	local pids
	read -ra pids < <(children "$1")
	assert_equal ${#pids[@]} 1
	echo "${pids[0]}"
}

# The grace

@test "without --grace zinit ends with the main child, and no handler of the rest runs" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" leaves -s 7 slow-10000 tells
		finish_after 0 0
		assert_equal "$status" 7
		refute_line --regexp '^(slow|tells)'
		assert_equal "$stderr" ""
	done
}

@test "each process that is left gets SIGTERM, and SIGCONT with it" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --grace 30s leaves -s 7 tells session pair stopped plain deep-5
		wait_line "$OUT" 'pair 18'
		wait_line "$OUT" 'stopped 15'
		wait_count "$OUT" 'deep-5 15' 5
		wait_line "$OUT" 'session 15'
		wait_line "$OUT" 'its-child 15'
		wait_line "$OUT" 'tells 15'
		wait_line "$OUT" 'pair 15'
		# Each once: the rounds go on, and the one that is left has had it. That it gets no more
		# has no event: the time is what is tested, and is many rounds.
		sleep 0.3
		assert_equal "$(sort "$OUT" | uniq -c | grep -c ' 1 pair 1[58]$')" 2
		wait_for child_is_alone
		kill -KILL "$(children "$ZPID")"
		finish
		assert_equal "$status" 7
	done
}

child_is_alone() { [ "$(children "$ZPID" | wc -w)" = 1 ]; }

@test "the grace ends the moment none is left" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 30s leaves -s 7 slow-300 tells plain stopped session
		finish_after 300 300
		assert_equal "$status" 7
		assert_line "slow-300 15"
		# Nobody is left from the start.
		start_"$way" -t 30s leaves -s 7
		finish_after 0 0
		assert_equal "$status" 7
	done
}

@test "a process that ends before the grace is over ends it at once, whatever its parent" {
	start_subreaper -t 30s leaves -s 7 counts
	wait_line "$OUT" 'counts 15'
	kill -KILL "$(children "$ZPID")"
	finish_after 0 500
	assert_equal "$status" 7
}

@test "--grace-signal is what the rest gets instead of SIGTERM" {
	local way name
	for way in $BOTH_WAYS; do
		for name in USR2 SIGINT 1; do
			start_"$way" -t 30s --grace-signal $name leaves -s 7 tells stopped
			finish_after 0 0
			assert_equal "$status" 7
			case $name in
			USR2) assert_line "tells 12" && assert_line "stopped 12" ;;
			SIGINT) assert_line "tells 2" && assert_line "stopped 2" ;;
			1) assert_line "tells 1" && assert_line "stopped 1" ;;
			esac
			refute_line --regexp ' 15$'
		done
	done
}

@test "what outlives the grace gets SIGKILL then, not before and not later" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --grace 1.5s leaves -s 7 ignores tells
		finish_after 1500 2500
		assert_equal "$status" 7
		assert_line "tells 15"
		assert_equal "$stderr" ""
	done
}

@test "a handler that takes longer than the grace is cut short" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --grace 500ms leaves -s 7 slow-20000
		finish_after 500 1500
		assert_line "slow-20000 15"
	done
}

@test "the exit status stays the main child's" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 30s leaves -s 0 exit-5
		finish
		assert_equal "$status" 0
		assert_line "exit-5 15"
		start_"$way" -t 300ms -e 143 leaves -m plain ignores
		wait_line "$OUT" 'left .*'
		wait_for _find_child_running plain
		kill -KILL "$(child_running plain)"
		finish
		assert_equal "$status" 137
		start_"$way" -t 300ms -e 137 leaves -m plain ignores
		wait_for _find_child_running plain
		kill -KILL "$(child_running plain)"
		finish
		assert_equal "$status" 0
		start_"$way" -t 30s /nowhere
		finish
		assert_equal "$status" 127
	done
	start_subreaper -t 300ms --exit-by-signal leaves -m plain ignores
	wait_for _find_child_running plain
	kill -KILL "$(child_running plain)"
	finish
	assert_how "killed 9"
}

@test "after it zinit leaves nobody behind, where the kernel would not end them" {
	start_watched -t 300ms leaves -s 7 ignores tells session pair below deep-5 vfork threaded
	finish_watched 300 1300
}

@test "-v names who is left, and who had to be killed" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -v -t 300ms leaves -s 7 tells ignores
		finish
		assert_equal "$status" 7
		assert_regex "$stderr" 'process [0-9]+ \(tells\) is left and gets SIGTERM'
		assert_regex "$stderr" 'process [0-9]+ \(ignores\) is left and gets SIGTERM'
		assert_regex "$stderr" 'process [0-9]+ \(ignores\) did not end in time: SIGKILL'
		refute_regex "$stderr" '\(tells\) did not end'
	done
}

@test "a crowd is named ten times, and then counted" {
	start_subreaper -v -t 30s leaves -s 7 deep-25
	finish
	assert_equal "$(grep -c 'process [0-9]* (deep-25) is left' "$ERR")" 10
	assert_regex "$stderr" 'each of 15 more processes is left'
}

# Each kind of process

@test "a traced process ends, and its tracer with it" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 500ms leaves -s 7 traced
		finish_after 500 1500
		assert_equal "$status" 7
		assert_equal "$stderr" ""
	done
}

@test "a process that a stranger traces is killed, reported, and not waited for beyond a second" {
	local pid
	start_subreaper -t 1s leaves -m exit-7 counts
	wait_for _find_child_running exit-7
	pid=$(only_child "$(child_running exit-7)")
	enter tracer "$(inside_pid "$pid")" >"$BATS_TEST_TMPDIR/tracer" 3>&- &
	wait_line "$BATS_TEST_TMPDIR/tracer" 'traces .*'
	kill -TERM "$(child_running exit-7)"
	finish
	assert_equal "$status" 7
	assert_regex "$stderr" 'process [0-9]+ \(counts\) is left behind \(dead, and held by its tracer\)'
}

@test "a process whose parent is in vfork ends, and the parent" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 500ms leaves -s 7 vfork
		finish_after 500 1500
		assert_equal "$status" 7
		assert_equal "$stderr" ""
	done
}

@test "a process whose first thread has ended is no zombie, and its other threads' children are found" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 30s leaves -s 7 threaded
		finish_after 0 0
		assert_line "threaded 15"
		assert_line "its-child 15"
	done
}

@test "a process that forks at each SIGTERM ends with the grace" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 1s leaves -s 7 forks
		finish_after 1000 2000
		assert_equal "$status" 7
		assert_line "forks 15"
		assert_equal "$stderr" ""
	done
	start_watched -t 500ms leaves -s 7 forks
	finish_watched 500 1500
	# What was forked in one round gets its SIGTERM in the next.
	assert [ "$(grep -c 'forks 15' "$OUT")" -ge 3 ]
}

@test "a chain deeper than one round looks ends politely all the same" {
	start_watched -t 30s leaves -s 7 deep-150
	finish_watched 0 2000
	assert_equal "$(grep -c 'deep-150 15' "$OUT")" 150
}

@test "a fork bomb of 5,000 ends, as PID 1" {
	start_pid1 -t 500ms leaves -s 7 bomb-5000
	WAIT_SECONDS=30 finish_after 500 1500
	assert_equal "$status" 7
	assert_equal "$stderr" ""
}

@test "a fork bomb of 5,000 that zinit has to find ends" {
	local remain
	start_watched -t 500ms leaves -s 7 bomb-5000
	finish_after 500 1500
	assert_line "status 7"
	assert_line looked
	# A machine that has too much else to do may not be through in that second; it says so.
	remain=$(grep -c '^remains ' "$OUT" || :)
	assert [ "$remain" -lt 500 ]
	[ "$remain" = 0 ] || assert_regex "$stderr" 'is left behind'
}

@test "another user's process is reported, and is not fatal" {
	need_root "it makes processes of several users"
	# Its descendants may change their user, and zinit itself may not signal another's.
	start_below_init setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps +setuid \
		--ambient-caps +setuid "$ZINIT" -t 500ms leaves -s 7 tells user-1001
	finish_after 1500 1500
	assert_equal "$status" 7
	assert_line "tells 15"
	refute_line --regexp '^user-1001'
	assert_regex "$stderr" 'cannot end process [0-9]+ \(user-1001\): Operation not permitted'
	assert_regex "$stderr" 'process [0-9]+ \(user-1001\) is left behind'
	# Said once, not in each round.
	assert_equal "$(grep -c 'cannot end' "$ERR")" 1
}

@test "root's zinit ends other users' processes" {
	need_root "it makes processes of several users"
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -t 30s -u 1000 leaves -s 7 tells
		finish_after 0 0
		assert_line "tells 15"
		start_"$way" -t 30s leaves -s 7 user-1001
		finish_after 0 0
		assert_line "user-1001 15"
		assert_equal "$status" 7
	done
}

@test "one in uninterruptible sleep is reported, and not waited for beyond the limit" {
	need_root "it freezes a process"
	local freezer=/sys/fs/cgroup/freezer group pid
	[ -w $freezer/cgroup.procs ] || skip "there is no cgroup v1 freezer"
	group=$freezer/zinit-test-$$-$RANDOM
	mkdir "$group" || skip "the cgroup v1 freezer is not to be written"
	start_subreaper -t 500ms leaves -m exit-7 tells plain
	wait_for _find_child_running exit-7
	for pid in $(children "$(child_running exit-7)"); do
		[ "$(<"/proc/$pid/comm")" != tells ] || echo "$pid" >"$group/cgroup.procs"
	done
	# What is frozen so sleeps in the kernel, state D, and does not even take SIGKILL.
	echo FROZEN >"$group/freezer.state"
	wait_for grep -qx FROZEN "$group/freezer.state"
	kill -TERM "$(child_running exit-7)"
	wait_line "$ERR" '.*process [0-9]+ \(tells\) is left behind \(it sleeps uninterruptibly\)' ||
		:
	echo THAWED >"$group/freezer.state"
	finish
	wait_for rmdir "$group" 2>/dev/null
	assert_equal "$status" 7
	assert_regex "$stderr" 'process [0-9]+ \(tells\) is left behind \(it sleeps uninterruptibly\)'
	refute_regex "$stderr" plain
}

# Who is whose

@test "nobody who is not zinit's descendant is hit, while PIDs go from the one to the other" {
	need_root "it makes PIDs scarce"
	need_traced_injection
	# Before, it was not the PID namespace's own, but the machine's.
	kernel_is 6.14 || skip "kernel.pid_max is the whole machine's before Linux 6.14"
	local file=$BATS_TEST_TMPDIR/pids strangers=$BATS_TEST_TMPDIR/strangers
	start_below_init sh -c '
		echo 480 >/proc/sys/kernel/pid_max || exit
		recycle "$1" strangers 70 >"$2" &
		strangers=$!
		"$ZINIT" -t 3s recycle "$1" churn 8 &
		wait $!
		echo "status $?"
		kill -USR1 $strangers
		wait $strangers' sh "$file" "$strangers"
	wait_line "$OUT" churns
	# A PID that was a descendant's is a stranger's, before any signal.
	wait_count "$strangers" 'reused [0-9]+' 3
	# What zinit finds, it finds late: between two of its steps PIDs change hands.
	ZPID=$(child_running zinit)
	trace_zinit -e trace=pidfd_open,pidfd_send_signal,kill,poll,ppoll \
		-e inject=pidfd_open:delay_enter=20000 -e inject=poll:delay_exit=20000
	kill -USR1 "$(child_running recycle)"
	finish
	assert_line "status 7"
	run cat "$strangers"
	assert_line --regexp '^[1-9][0-9]{2,} came, 0 were hit$'
	refute_line --regexp '^hit '
	# zinit has hit whom it should, no group, and it has had a stranger in hand (all older numbers
	# are below 300, where none is given out again).
	grep -q '^kill([0-9]*, SIGKILL) *= 0$' "$TRACE"
	run ! grep -q '^kill(-' "$TRACE"
	grep -qE '^pidfd_open\([34][0-9]{2}, 0\) += [0-9]' "$TRACE"
}

@test "a stranger's child is not taken for that of the descendant whose PID the stranger has" {
	need_root "it sets the next PID"
	need_traced_injection
	[ -w /proc/sys/kernel/ns_last_pid ] || skip "the kernel does not let the next PID be set"
	local stranger=$BATS_TEST_TMPDIR/stranger below number child
	start_subreaper -t 3s leaves -m exit-7 below
	wait_for _find_child_running exit-7
	below=$(only_child "$(only_child "$(child_running exit-7)")")
	number=$(inside_pid "$below")
	# Between its look at the child's parent and its look for the child's children.
	trace_zinit -e trace=poll,pidfd_open,pidfd_send_signal \
		-e inject=poll:delay_exit=1500000:when=1
	kill -TERM "$(child_running exit-7)"
	wait_for grep -q "^poll(" "$TRACE"
	kill -KILL "$below"
	wait_for is_reaped "$below"
	enter recycle - takes "$number" >"$stranger" 3>&- &
	wait_line "$stranger" "took $number with [0-9]+"
	child=$(sed 's/.* with //' "$stranger")
	finish
	assert_equal "$status" 7
	# zinit has had it in hand, and has let it go.
	run cat "$TRACE"
	assert_line --regexp "^pidfd_open\($child, 0\) += [0-9]"
	refute_line --regexp '^pidfd_send_signal.* = 0$'
	run cat "$stranger"
	assert_line "took $number with $child"
	refute_line --regexp '^hit '
}

@test "without pidfd zinit's own children are signalled, and the others once they are adopted" {
	need_traced_injection
	start_subreaper -t 3s leaves -m exit-7 below deep-3
	wait_for _find_child_running exit-7
	trace_zinit -e trace=pidfd_open,pidfd_send_signal,kill \
		-e inject=pidfd_open:error=ENOSYS
	kill -TERM "$(child_running exit-7)"
	# Those whose parents end have their SIGTERM while the grace lasts.
	wait_count "$OUT" 'deep-3 15' 3
	assert in_state "$ZPID" SRt
	finish
	assert_equal "$status" 7
	# A parent that ignores it shields its child, but not from SIGKILL.
	refute_line --regexp '^its-child'
	assert_equal "$(grep -c 'cannot look below' "$ERR")" 1
	assert_regex "$stderr" 'cannot look below zinit.s own children'
	refute_regex "$stderr" 'left behind'
	run cat "$TRACE"
	assert_line --regexp '^pidfd_open.* = -1 ENOSYS .*INJECTED'
	assert_equal "$(grep -c '^kill([0-9]*, SIGKILL)  *= 0$' "$TRACE")" 2
	refute_line --regexp '^pidfd_send'
	refute_line --regexp '^kill\(-'
}

@test "where the kernel lists no children, the parents that processes tell are looked at" {
	need_traced_injection
	local paths=(-P "/proc/self/task/2/children") pid
	# As before Linux 3.5, or without CONFIG_PROC_CHILDREN.
	for pid in {2..40}; do paths+=(-P "/proc/$pid/task/$pid/children"); done
	start_subreaper -t 500ms leaves -m exit-7 below deep-3 session
	wait_for _find_child_running exit-7
	trace_zinit -e trace='?open,openat' -e inject='?open,openat:error=ENOENT' "${paths[@]}"
	kill -TERM "$(child_running exit-7)"
	wait_count "$OUT" 'deep-3 15' 3
	finish_after 500 1500
	assert_equal "$status" 7
	assert_line "its-child 15"
	assert_line "session 15"
	assert_equal "$stderr" ""
	assert [ "$(grep -c INJECTED "$TRACE")" -gt 2 ]
}

@test "with next to no descriptors nobody is left behind either" {
	# Deeper than there are pidfds for: reached once those above have ended.
	start_below_init exec_with limit=nofile:12 -- sh -c '
		"$ZINIT" -t 1s leaves -s 7 below deep-40
		echo "status $?"
		for comm in /proc/[0-9]*/comm; do
			read -r name <"$comm" && case $name in below | deep-40 | its-child)
				echo "remains $name" ;;
			esac
		done
		echo looked'
	finish_watched 1000 2000
	assert_equal "$(grep -c 'deep-40 15' "$OUT")" 40
}

@test "as PID 1 what an engine has put into the namespace has its time, too" {
	need_root "it enters the namespace"
	local other
	start_pid1 -t 30s leaves -m exit-7
	wait_for _find_child_running exit-7
	nsenter -t "$NSPID" -p -m -- leaves -m slow-500 >"$BATS_TEST_TMPDIR/other" 3>&- &
	other=$!
	wait_for _runs_below "$other" slow-500
	kill -TERM "$(child_running exit-7)"
	finish
	wait "$other"
	assert_equal "$status" 7
	assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/other")" "slow-500 15"
}

_runs_below() {
	local pid name
	for pid in $(children "$1"); do
		read -r name 2>/dev/null <"/proc/$pid/comm" && [ "$name" = "$2" ] && return 0
	done
	return 1
}

@test "a group is signalled while its leader is dead and not yet reaped, and never zinit's own" {
	need_traced_injection
	local main
	# dumb-init's contract is the one that tells a group of the main child's end.
	start_subreaper --as dumb-init leaves -m exit-7 tells
	wait_for _find_child_running exit-7
	main=$(inside_pid "$(child_running exit-7)")
	trace_zinit -e trace=waitid,kill,wait4
	kill -TERM "$(child_running exit-7)"
	finish
	end_trace
	assert_equal "$status" 7
	grep -E "WNOWAIT|^kill|^wait4" "$TRACE" | grep -E "si_pid=$main,|\(-?$main," >"$TRACE.main"
	run cut -d, -f1 "$TRACE.main"
	assert_line --index 0 --regexp '^waitid\('
	assert_line --index 1 "kill(-$main"
	assert_line --index 2 "wait4($main"
	assert_equal ${#lines[@]} 3
	# Its group is zinit's own.
	start_subreaper --as dumb-init -c leaves -m exit-7 tells
	wait_for _find_child_running exit-7
	trace_zinit -e trace=kill
	kill -TERM "$(child_running exit-7)"
	finish
	end_trace
	assert_equal "$status" 7
	run ! grep '^kill(\(-\|0\)' "$TRACE"
}

@test "a /proc of another PID namespace is not believed" {
	need_root "it makes a PID namespace in the other"
	local number
	# Inside, zinit is 2 and what is left is 4 to 8; in /proc these numbers are strangers'. Its PID 1
	# looks who is left before it ends, and the kernel ends them.
	start_below_init sh -c '
		for i in 3 4 5 6 7 8 9; do sigreport & done
		unshare -pf sh -c "\"\$ZINIT\" -v -t 3s leaves -s 7 ignores tells deep-3
			echo \"status \$?\"
			cat /proc/[0-9]*/comm | sed \"s/^/runs /\""
		for pid in 3 4 5 6 7 8 9; do read -r name <"/proc/$pid/comm" && echo "$pid $name"; done'
	finish
	assert_line "status 7"
	for number in {3..9}; do assert_line "$number sigreport"; done
	# Its own are told, those below them once they are adopted, and who does not obey is killed.
	assert_line "tells 15"
	assert_equal "$(grep -cx 'deep-3 15' "$OUT")" 3
	assert_line "runs sigreport"
	refute_line --regexp '^runs (ignores|tells|deep-3|leaves)'
	# It has had no signal, which it would print.
	refute_line --regexp '^[0-9]+ -?[0-9]+ '
	assert_regex "$stderr" 'cannot look below zinit.s own children'
	assert_equal "$(grep -c 'cannot look below' "$ERR")" 1
	refute_regex "$stderr" sigreport
}

# What it costs

@test "without these options there is no timer after the first rest" {
	need_traced_injection
	local way main pid
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans -l 8; exec leaves -m counts'
		wait_line "$OUT" 'left .*'
		main=$(child_running counts)
		wait_for grep -q '^Seccomp:.2' "/proc/$ZPID/status"
		# Orphans that end before it is traced: to a zinit that strace makes slow they are a
		# crowd, which has a timer, of 50 ms at the most.
		for pid in $(children "$ZPID"); do
			[ "$pid" != "$main" ] || continue
			kill -KILL "$pid"
			wait_for is_reaped "$pid"
		done
		wait_for reads_signalfd
		trace_zinit
		# Signals, and stop signals that nobody obeys.
		sigsend "$ZPID" "$(sig USR1)" "$(sig TERM)" "$(sig INT)" "$(sig QUIT)"
		wait_line "$OUT" 'counts 3'
		kill -KILL "$main"
		finish
		end_trace
		assert_equal "$status" 137
		run cat "$TRACE"
		assert_line --regexp '^read\('
		assert_line --regexp '^wait4\('
		assert_line --regexp '^kill\([0-9]+, SIGTERM'
		# A timeout is what ppoll has in braces, or poll as a number but 0.
		refute_line --regexp '^ppoll\(.*\{tv_sec'
		refute_line --regexp '^poll\(.*\], [0-9]+, [^0]'
		refute_line --regexp '^(timerfd|timer_|setitimer|alarm|nanosleep|clock_nanosleep|epoll|select|pselect|rt_sigtimedwait)'
	done
}

@test "the control: with --timeout ppoll has a timeout" {
	need_traced_injection
	start_subreaper --timeout 1000s leaves -m counts
	wait_line "$OUT" 'left .*'
	wait_for grep -q '^Seccomp:.2' "/proc/$ZPID/status"
	trace_zinit
	sigsend "$ZPID" "$(sig USR1)"
	wait_line "$OUT" 'counts 10'
	kill -KILL "$(child_running counts)"
	finish
	end_trace
	run cat "$TRACE"
	assert_line --regexp '^(ppoll|restart_syscall)\(.*'
	assert_line --regexp '^ppoll\(.*\{tv_sec=9'
}

is_reaped() { [ ! -e "/proc/$1" ]; }

kernel_is() { printf '%s\n' "$1" "$(uname -r)" | sort -CV; }
