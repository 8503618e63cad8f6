#!/usr/bin/env bats
# --wait-all: zinit goes on until the last descendant has ended, for main children that daemonise.
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

told() { sigsend "$ZPID" "$(sig "$1")"; }

# zinit has reaped the main child: what is left are the children that it has adopted.
start_left() {
	local way=$1
	shift
	start_"$way" "$@"
	wait_line "$OUT" 'left .*'
	wait_for adopted
	wait_for holds_signals "$ZPID"
}

adopted() {
	local pid name
	for pid in $(children "$ZPID"); do
		read -r name 2>/dev/null <"/proc/$pid/comm" || return 1
		[ "$name" != leaves ] || return 1
	done
	[ -n "$(children "$ZPID")" ]
}

# The outside PID of the process of that name, which is somewhere below zinit.
named() {
	local pid name
	for pid in $(below "$ZPID"); do
		if read -r name 2>/dev/null <"/proc/$pid/comm" && [ "$name" = "$1" ]; then
			echo "$pid"
			return
		fi
	done
	return 1
}

below() {
	local pid
	for pid in $(children "$1"); do
		echo "$pid"
		below "$pid"
	done
}

still_runs() {
	sleep 0.3
	in_state "$ZPID" SR
}

@test "zinit ends with the last descendant, with the main child's status" {
	local way
	for way in $BOTH_WAYS; do
		start_left "$way" --wait-all leaves -s 7 counts plain
		assert still_runs
		kill -KILL "$(named plain)"
		assert still_runs
		kill -KILL "$(named counts)"
		finish
		assert_equal "$status" 7
		assert_equal "$stderr" ""
	done
}

@test "a descendant's child that outlives it is waited for, in its own session, too" {
	local way
	for way in $BOTH_WAYS; do
		start_left "$way" -a leaves -s 7 pair session
		kill -KILL "$(named pair)"
		kill -KILL "$(named session)"
		wait_for named its-child
		assert still_runs
		kill -KILL "$(named its-child)"
		finish
		assert_equal "$status" 7
	done
}

@test "with nobody left zinit ends at once" {
	local way
	for way in $BOTH_WAYS; do
		run as_"$way" -a leaves -s 7
		assert_failure 7
		run as_"$way" -a -t 30s leaves -s 7
		assert_failure 7
		run -127 as_"$way" -a /nowhere
	done
}

@test "the main child's end by a signal is the status, -e and --exit-by-signal as ever" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -a leaves -m counts plain
		wait_for _find_child_running counts
		kill -KILL "$(child_running counts)"
		wait_for _find_child_running plain
		kill -TERM "$(child_running plain)"
		finish
		assert_equal "$status" 137
		start_left "$way" -a -e 7 leaves -s 7 plain
		kill -KILL "$(named plain)"
		finish
		assert_equal "$status" 0
	done
	start_subreaper -a --exit-by-signal leaves -m plain counts
	wait_for _find_child_running plain
	kill -HUP "$(child_running plain)"
	wait_for _find_child_running counts
	kill -KILL "$(child_running counts)"
	finish
	assert_how "killed 1"
}

@test "zombies are reaped while zinit waits" {
	start_left subreaper -a leaves -s 7 tells counts
	kill -KILL "$(named tells)"
	wait_for has_children 1
	kill -KILL "$(named counts)"
	finish
	assert_equal "$status" 7
}

has_children() { [ "$(children "$ZPID" | wc -w)" = "$1" ]; }

@test "signals go to the main child while it runs, and to nobody else" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -a leaves -m counts pair
		wait_for _find_child_running counts
		told USR1
		told TERM
		wait_line "$OUT" 'counts 15'
		told USR2
		wait_line "$OUT" 'counts 12'
		run cat "$OUT"
		refute_line --regexp '^(pair|its-child)'
		kill -KILL "$(child_running counts)"
		wait_for _find_child_running pair
		assert still_runs
	done
}

@test "afterwards they go to each of zinit's own children, and to no group" {
	local way options
	for way in $BOTH_WAYS; do
		for options in "" --group --session; do
			# shellcheck disable=SC2086
			start_left "$way" -a $options leaves -s 7 pair counts
			trace_zinit -e trace=kill,rt_sigqueueinfo
			told USR1
			wait_line "$OUT" 'pair 10'
			wait_line "$OUT" 'counts 10'
			# A stop signal, too, is only forwarded without a grace.
			told TERM
			wait_line "$OUT" 'pair 15'
			wait_line "$OUT" 'counts 15'
			assert still_runs
			kill -KILL "$(named its-child)" "$(named counts)" "$(named pair)"
			finish
			end_trace
			assert_equal "$status" 7
			assert_equal "$(grep -cE '^(pair|counts) (10|15)$' "$OUT")" 4
			# Of the same group as its parent, and not zinit's child.
			refute_line --regexp '^its-child'
			run cat "$TRACE"
			assert_line --regexp '^kill\([0-9]+, SIGUSR1\) += 0'
			refute_line --regexp '^kill\(-'
		done
	done
}

@test "a signal is rewritten for them as for the main child, its value goes along" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -a -r HUP:USR2,USR1:none sh -c 'sigreport & exec leaves -s 7'
		wait_line "$OUT" 'left .*'
		wait_line "$OUT" ready
		wait_for _find_child_running sigreport
		wait_for has_children 1
		told HUP
		told USR1
		sigsend -q 77 "$ZPID" "$(sig RTMIN)"
		wait_line "$OUT" '34 .*'
		kill -KILL "$(named sigreport)"
		finish
		assert_equal "$status" 7
		assert_line --regexp '^12 '
		assert_line --regexp '^34 -1 77 '
		refute_line --regexp '^10? '
	done
}

@test "a queued signal that finds a child's queue full goes without its value" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -a sh -c 'sigreport -l 0 & exec leaves -s 7'
		wait_line "$OUT" 'left .*'
		wait_line "$OUT" ready
		wait_for _find_child_running sigreport
		wait_for has_children 1
		sigsend -q 77 "$ZPID" "$(sig RTMIN)"
		wait_line "$OUT" '34 .*'
		kill -KILL "$(named sigreport)"
		finish
		assert_equal "$status" 7
		assert_regex "$stderr" 'sent without its value'
	done
}

@test "with a grace a stop signal after the main child's end starts it for the rest" {
	local way begun
	for way in $BOTH_WAYS; do
		start_left "$way" -v -a -t 500ms leaves -s 7 tells below
		assert still_runs
		begun=${EPOCHREALTIME/./}
		told TERM
		finish
		assert_equal "$status" 7
		assert_line "tells 15"
		assert_line "its-child 15"
		assert [ $(((${EPOCHREALTIME/./} - begun) / 1000)) -ge 500 ]
		assert_regex "$stderr" '\(below\) did not end in time: SIGKILL'
	done
}

@test "the grace of --wait-all ends the moment none is left" {
	local way begun
	for way in $BOTH_WAYS; do
		start_left "$way" -a -t 30s leaves -s 7 tells slow-100
		begun=${EPOCHREALTIME/./}
		told INT
		finish
		assert_equal "$status" 7
		assert [ $(((${EPOCHREALTIME/./} - begun) / 1000)) -lt 5000 ]
	done
}

@test "--stop-on says what starts that grace, and other signals do not" {
	local way
	for way in $BOTH_WAYS; do
		start_left "$way" -a -t 300ms --stop-on USR2 leaves -s 7 counts
		told TERM
		wait_line "$OUT" 'counts 15'
		sleep 0.4
		assert still_runs
		told USR2
		finish
		assert_equal "$status" 7
	done
}

@test "a stop signal before the main child's end does not start it" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -a -t 300ms leaves -m exit-7 counts
		wait_for _find_child_running exit-7
		told TERM
		wait_line "$OUT" 'exit-7 15'
		wait_for _find_child_running counts
		sleep 0.4
		assert still_runs
		run cat "$OUT"
		refute_line 'counts 15'
		told TERM
		finish
		assert_equal "$status" 7
	done
}

@test "--timeout is over for all" {
	local way
	for way in $BOTH_WAYS; do
		run as_"$way" -a --timeout 300ms -t 300ms leaves -m tells ignores
		assert_failure 124
		# And it is for the main child: what it left in time has all the time it wants.
		start_left "$way" -a --timeout 2s -t 300ms leaves -s 7 counts
		sleep 2.2
		assert still_runs
		kill -KILL "$(named counts)"
		finish
		assert_equal "$status" 7
	done
}

@test "as PID 1 what an engine puts into the namespace is no descendant" {
	need_root "it enters the namespace"
	local other
	start_left pid1 -a leaves -s 7 counts
	nsenter -t "$NSPID" -p -m -- sleep 60 3>&- &
	other=$!
	wait_for nsenter_runs "$other"
	kill -KILL "$(named counts)"
	finish
	assert_equal "$status" 7
	wait "$other" || :
}

nsenter_runs() { [ "$(children "$1" | wc -w)" = 1 ]; }

@test "while zinit waits it has no timer" {
	need_traced_injection
	start_left subreaper -a leaves -s 7 counts
	wait_for grep -q '^Seccomp:.2' "/proc/$ZPID/status"
	trace_zinit
	told USR1
	wait_line "$OUT" 'counts 10'
	told TERM
	wait_line "$OUT" 'counts 15'
	kill -KILL "$(named counts)"
	finish
	end_trace
	assert_equal "$status" 7
	run cat "$TRACE"
	assert_line --regexp '^read\('
	refute_line --regexp '^ppoll\(.*\{tv_sec'
}
@test "no process is told twice to stop, by the forwarded signal and by the grace" {
	need_traced_injection
	local way
	for way in $BOTH_WAYS; do
		start_left "$way" -a -t 700ms leaves -s 7 counts
		# Two signals of one number that come close together are one to the receiver.
		trace_zinit -e trace=kill -e inject=kill:delay_exit=100000
		told TERM
		finish
		assert_equal "$status" 7
		assert_equal "$(grep -cx 'counts 15' "$OUT")" 1
	done
}

