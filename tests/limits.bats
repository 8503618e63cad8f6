#!/usr/bin/env bats
# What zinit costs, where that can be counted: each figure has its limit in tests/limits. Times are
# for `make bench`.

load lib

LIMITS=$REPO/tests/limits

limit() { awk -v name="$1" '$1 == name { print $2; found++ } END { exit found != 1 }' "$LIMITS"; }

# Is the figure a number, and within its limit?
assert_limit() {
	local limit
	limit=$(limit "$1") || fail "tests/limits does not have '$1' once"
	[[ $2 =~ ^[0-9]+$ ]] || fail "$1 could not be counted: '$2'"
	echo "$1: $2, the limit is $limit" >&2
	(($2 <= limit)) || fail "$1: $2, and tests/limits says $limit"
}

# The sandbox goes up 50 ms after the start, as the last thing before the rest.
is_sandboxed() { grep -q '^Seccomp:.2$' "/proc/$ZPID/status"; }

# Traces zinit once it rests. A call's line ends when the call does, so that of a read that waits
# has begun only.
trace_at_rest() {
	wait_for is_sandboxed
	trace_zinit
	wait_for is_in_read
}
is_in_read() {
	local last
	last=$(tail -n 1 "$TRACE") && [ -n "$(tail -c 1 "$TRACE")" ] && [[ $last == read\(* ]]
}
is_reaped() { [ ! -e "/proc/$1" ]; }
trace_lines() { wc -l <"$TRACE"; }

@test "system calls from execve to the fork" {
	need_command strace
	local calls=$BATS_TEST_TMPDIR/calls name how
	for name in start_syscalls start_syscalls_subreaper; do
		how=()
		[ $name != start_syscalls ] || how=(-D)
		run in_pidns strace "${how[@]}" -qq -o "$calls" "$ZINIT" true
		assert_success
		sed -n '/^execve/,/^v\?fork\|^clone/p' "$calls" >"$calls.start"
		cat "$calls.start"
		run tail -n 1 "$calls.start"
		assert_output --regexp '^(clone|clone3|vfork|fork)\('
		assert_limit $name $(($(wc -l <"$calls.start") - 1))
	done
}

@test "system calls for each zombie" {
	local way pid before count
	for way in $BOTH_WAYS; do
		start_"$way" sh -c 'orphans -l 20; exec sleep 1000'
		wait_line "$OUT" '20 orphans live'
		child_running sleep
		trace_at_rest
		before=$(trace_lines)
		count=0
		for pid in $(children "$ZPID"); do
			[ "$pid" != "$_main_child" ] || continue
			kill -KILL "$pid"
			wait_for is_reaped "$pid"
			wait_for is_in_read
			count=$((count + 1))
		done
		cat "$TRACE"
		assert_equal $count 20
		# To the nearest whole: now and then one call tells a slow machine from a crowd.
		assert_limit reap_syscalls $((($(trace_lines) - before + count / 2) / count))
		end_started
	done
}

@test "system calls for each forwarded signal" {
	local before i signal
	for signal in kill queue; do
		start_pid1 sigreport
		wait_line "$OUT" ready
		child_running sigreport
		trace_at_rest
		before=$(trace_lines)
		for i in {1..20}; do
			case $signal in
			kill) kill -USR1 "$ZPID" ;;
			queue) sigsend -q 5 "$ZPID" 40 ;;
			esac
			wait_count "$OUT" '(10|40) .*' "$i"
			wait_for is_in_read
		done
		cat "$TRACE"
		assert_limit forward_syscalls $((($(trace_lines) - before + 19) / 20))
		end_started
	done
}

# Every context switch and all time on a processor, in ns: the first and the last of schedstat.
scheduled() { awk '{ print $1, $3 }' "/proc/$ZPID/schedstat"; }
switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$ZPID/status"; }

@test "wakeups at rest" {
	local before scheduled
	start_pid1 sleep 1000
	wait_for is_sandboxed
	wait_for in_state "$ZPID" S
	before=$(switches) scheduled=$(scheduled)
	[[ $before =~ ^[1-9] && $scheduled =~ ^[1-9] ]]
	# Nothing can be waited for: that nothing comes is what is tested.
	sleep 5
	assert_limit rest_wakeups $(($(switches) - before))
	assert_equal "$(scheduled)" "$scheduled"
}

# The middle one of nine: by where the kernel puts the stack a page more or less is touched.
@test "memory at rest" {
	local field
	local -A median
	# Pages of a freshly linked file count as dirty until they are written.
	sync "$ZINIT"
	for _ in {1..9}; do
		start_in_pidns env -i "$ZINIT" /bin/sleep 1000
		wait_for is_sandboxed
		wait_for in_state "$ZPID" S
		cat "/proc/$ZPID/smaps_rollup" >>"$BATS_TEST_TMPDIR/memory"
		end_started
	done
	for field in Rss Anonymous Private_Dirty; do
		run awk -v field="$field:" '$1 == field { print $2 }' "$BATS_TEST_TMPDIR/memory"
		assert_equal "${#lines[@]}" 9
		median[$field]=$(sort -n <<<"$output" | sed -n 5p)
		echo "$field: $(sort -n <<<"$output" | tr '\n' ' ')"
	done
	for field in "${!median[@]}"; do
		assert_limit "${field,,}_kib" "${median[$field]}"
	done
}

@test "the size of the binary" {
	assert_limit size_bytes "$(stat -c %s "$ZINIT")"
}
