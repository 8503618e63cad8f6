#!/usr/bin/env bats
# The two clocks of the main child: --stop-timeout once zinit was told to stop, --timeout from the
# start.
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# What a loaded machine may take beyond what zinit promises, in ms.
SLACK=3000

now() { echo "${EPOCHREALTIME/./}"; }

# begin, and then took AT_LEAST AT_MOST: so many ms have gone by.
begin() { begun=$(now); }
took() {
	local ms=$((($(now) - begun) / 1000))
	if [ "$ms" -lt "$1" ] || [ "$ms" -gt $(($2 + SLACK)) ]; then
		fail "took $ms ms, not $1 to $2"
	fi
}

# Starts zinit with `leaves`, whose main child is of the kind behind -m; it is ready on return.
start_kind() {
	local start=$1 words=" $*"
	shift
	start_"$start" "$@"
	wait_line "$OUT" 'left .*'
	words=${words##* -m }
	wait_for _find_child_running "${words%% *}"
	wait_for holds_signals "$ZPID"
	begin
}

told() { sigsend "$ZPID" "$(sig "$1")"; }

# --stop-timeout

@test "--stop-timeout gives the main child so long after a stop signal, then SIGKILL" {
	local way name
	for way in $BOTH_WAYS; do
		for name in TERM INT QUIT; do
			start_kind "$way" --stop-timeout 500ms leaves -m counts
			told $name
			finish
			took 500 500
			assert_equal "$status" 137
			assert_line "counts $(sig $name)"
			assert_equal "$stderr" ""
		done
	done
}

@test "without --stop-timeout a stop signal is only forwarded" {
	local way
	for way in $BOTH_WAYS; do
		start_kind "$way" -t 300ms leaves -m counts
		told TERM
		wait_line "$OUT" 'counts 15'
		told INT
		wait_line "$OUT" 'counts 2'
		# That no SIGKILL comes has no event: the time is what is tested, here and below.
		sleep 0.5
		assert in_state "$ZPID" SR
		kill -KILL "$(child_running counts)"
		finish
		assert_equal "$status" 137
	done
}

@test "other signals start no clock" {
	start_kind subreaper --stop-timeout 300ms leaves -m counts
	told HUP
	told USR1
	told USR2
	told CONT
	wait_count "$OUT" 'counts .*' 4
	sleep 0.6
	assert in_state "$ZPID" SR
	told TERM
	finish
	assert_equal "$status" 137
}

@test "the main child's own end ends it all at once, with its own status" {
	local way
	for way in $BOTH_WAYS; do
		start_kind "$way" --stop-timeout 30s leaves -m exit-7
		told TERM
		finish
		took 0 0
		assert_equal "$status" 7
		start_kind "$way" --stop-timeout 30s leaves -m plain
		told INT
		finish
		took 0 0
		assert_equal "$status" 130
		start_kind "$way" --stop-timeout 30s -e 143 leaves -m plain
		told TERM
		finish
		assert_equal "$status" 0
	done
}

@test "further signals are forwarded, and do not put it off" {
	local way
	for way in $BOTH_WAYS; do
		start_kind "$way" --stop-timeout 1s leaves -m counts
		while told TERM 2>/dev/null; do
			took 0 5000
			told INT 2>/dev/null || :
			told USR1 2>/dev/null || :
			sleep 0.1
		done
		finish
		took 1000 1000
		assert_equal "$status" 137
		assert_line "counts 10"
		assert_line "counts 2"
		assert [ "$(grep -cx 'counts 15' "$OUT")" -gt 1 ]
	done
}

@test "--stop-on says which signals tell zinit to stop" {
	local way
	for way in $BOTH_WAYS; do
		start_kind "$way" --stop-timeout 300ms --stop-on USR1,HUP leaves -m counts
		told TERM
		told INT
		told QUIT
		wait_count "$OUT" 'counts .*' 3
		sleep 0.6
		assert in_state "$ZPID" SR
		begin
		told HUP
		finish
		took 300 300
		assert_equal "$status" 137
		assert_line "counts 1"
	done
}

@test "what tells zinit to stop is the signal as received, before it is rewritten" {
	local way
	for way in $BOTH_WAYS; do
		# Received as SIGTERM: the clock runs, whatever becomes of the signal.
		start_kind "$way" --stop-timeout 300ms -r TERM:USR2 leaves -m counts
		told TERM
		finish
		took 300 300
		assert_equal "$status" 137
		assert_line "counts 12"
		start_kind "$way" --stop-timeout 300ms -r TERM:none leaves -m counts
		told TERM
		finish
		took 300 300
		assert_equal "$status" 137
		refute_line --regexp '^counts'
		# Sent as SIGTERM: it does not.
		start_kind "$way" --stop-timeout 300ms -r USR2:TERM leaves -m counts
		told USR2
		wait_line "$OUT" 'counts 15'
		sleep 0.6
		assert in_state "$ZPID" SR
		kill -KILL "$(child_running counts)"
		finish
	done
}

@test "a stop signal that is there before the main child runs starts the clock, too" {
	local start
	for start in in_pidns below_init; do
		begin
		# Blocked as the shell left it, so that SIGTERM itself does nothing to the main child.
		run "$start" exec_with block=15 raise=15 -- "$ZINIT" --stop-timeout 500ms sleep 20
		assert_failure 137
		took 500 500
	done
}

@test "after the main child's SIGKILL the rest has its grace" {
	local way
	for way in $BOTH_WAYS; do
		start_kind "$way" -v --stop-timeout 400ms -t 600ms leaves -m counts tells ignores
		told TERM
		finish
		took 1000 2000
		assert_equal "$status" 137
		assert_line "tells 15"
		assert_regex "$stderr" 'the main child [0-9]+ did not end in time: SIGKILL'
		assert_regex "$stderr" 'process [0-9]+ \(ignores\) did not end in time: SIGKILL'
	done
}

@test "--stop-timeout 0 is SIGKILL at once" {
	start_kind subreaper --stop-timeout 0 leaves -m ignores
	told TERM
	finish
	took 0 0
	assert_equal "$status" 137
}

@test "--exit-by-signal shows the SIGKILL of --stop-timeout" {
	start_kind subreaper --stop-timeout 200ms --exit-by-signal leaves -m ignores
	told TERM
	finish
	assert_how "killed 9"
}

@test "DURATION is 10, 1.5s, 500ms or 2m" {
	local duration
	for duration in 1 1s 1000ms 1.0s; do
		start_kind subreaper --stop-timeout $duration leaves -m ignores
		told TERM
		finish
		took 1000 1000
	done
	for duration in 10 2m 1h; do
		start_kind subreaper --stop-timeout $duration leaves -m ignores
		told TERM
		sleep 0.3
		assert in_state "$ZPID" SR
	done
}

# --timeout

@test "--timeout ends the main child by SIGTERM, with status 124" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 1s leaves -m tells
		took 1000 1000
		assert_failure 124
		assert_line "tells 15"
		assert_line --regexp 'the main child [0-9]+ ran into --timeout'
	done
}

@test "a main child that ends in time has its own status, at once" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 30s leaves -s 7
		assert_failure 7
		run as_"$way" --timeout 30s -e 7 leaves -s 7
		assert_success
		run as_"$way" --timeout 30s die 9
		assert_failure 137
		run -127 as_"$way" --timeout 30s /nowhere
		took 0 0
		refute_line --partial "ran into"
	done
}

@test "--timeout 0 is no limit" {
	run as_subreaper --timeout 0 sh -c 'sleep 0.3; exit 7'
	assert_failure 7
}

@test "the status is 124 however the main child then ended" {
	local way kind
	for way in $BOTH_WAYS; do
		for kind in tells exit-9 plain slow-100 ignores stopped; do
			begin
			run as_"$way" --timeout 1s --stop-timeout 500ms leaves -m $kind
			assert_failure 124
			took 1000 1500
		done
	done
}

@test "neither --remap-exit nor --exit-by-signal changes it" {
	local way kind
	for way in $BOTH_WAYS; do
		for kind in plain ignores exit-9; do
			run as_"$way" --timeout 700ms --stop-timeout 200ms -e 124,143,137,9 \
				--exit-by-signal leaves -m $kind
			assert_failure 124
			assert_how "exited 124"
		done
	done
}

@test "after it the main child has the stop timeout until SIGKILL" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" -v --timeout 1s --stop-timeout 700ms -t 20s leaves -m ignores
		took 1700 1700
		assert_failure 124
		assert_line --regexp 'the main child [0-9]+ did not end in time: SIGKILL'
	done
}

@test "without a stop timeout it has the grace, without either 2 s" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 1s -t 700ms leaves -m ignores
		took 1700 1700
		assert_failure 124
		begin
		run as_"$way" --timeout 1s leaves -m ignores
		took 3000 3000
		assert_failure 124
	done
}

@test "a main child that is stopped gets SIGCONT, and can act" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 1s --stop-timeout 30s leaves -m stopped
		took 1000 1000
		assert_failure 124
		assert_line "stopped 15"
	done
}

@test "--timeout ends the whole tree, not only the first process" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 1s -t 700ms leaves -m exit-0 tells session pair below
		assert_failure 124
		took 1700 2700
		assert_line "tells 15"
		assert_line "session 15"
		assert_line "pair 15"
		assert_line "its-child 15"
	done
	# Where the kernel does not end them.
	begin
	# shellcheck disable=SC2016
	run below_init sh -c '
		"$ZINIT" --timeout 1s -t 500ms leaves -m plain tells session ignores below deep-5
		echo "status $?"
		for stat in /proc/[0-9]*/comm; do
			pid=${stat%/comm} pid=${pid#/proc/}
			[ "$pid" -gt 1 ] && [ "$pid" != $$ ] && read -r name <"$stat" && echo "remains $name"
		done
		echo looked'
	took 1500 2500
	assert_line "status 124"
	assert_line looked
	refute_line --regexp '^remains'
}

@test "without a grace the rest has 2 s after a timeout" {
	local way
	for way in $BOTH_WAYS; do
		begin
		run as_"$way" --timeout 1s leaves -m tells ignores slow-500
		took 3000 4000
		assert_failure 124
		assert_line "slow-500 15"
	done
}

@test "a stop signal and a timeout do not disturb each other" {
	local way
	for way in $BOTH_WAYS; do
		# Told to stop before: the first clock goes on.
		start_kind "$way" --timeout 5s --stop-timeout 500ms leaves -m counts
		told TERM
		finish
		assert_equal "$status" 137
		took 500 500
		# The timeout comes first.
		start_kind "$way" --timeout 1s --stop-timeout 1s leaves -m counts
		wait_line "$OUT" 'counts 15'
		told INT
		finish
		assert_equal "$status" 124
		assert_line "counts 2"
		took 0 2000
	done
}
