#!/usr/bin/env bats
# --watch: what it says, how often, what it costs, and what it does not mistake.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

@test "one warning for each negligent parent, another each time its zombies have doubled" {
	local child n
	start_pid1 --watch 40ms negligent
	wait_line "$ERR" '.* it holds 1 zombie, .*'
	child=$(main_child)
	for n in 2 3 4 5 6 7 8; do
		kill -USR1 "$child"
		wait_line "$OUT" "[0-9]+ holds $n"
		case $n in
		2 | 4 | 8) wait_line "$ERR" ".* it holds $n zombies, .*" ;;
		esac
	done
	kill -TERM "$ZPID"
	finish
	run grep -oE 'it holds [0-9]+' "$ERR"
	assert_output $'it holds 1\nit holds 2\nit holds 4\nit holds 8'
}

@test "without --watch nothing is said, and /proc is not read" {
	start_pid1 sh -c 'negligent -n 3 & wait'
	wait_line "$OUT" '[0-9]+ holds 3'
	trace_zinit -e trace=open,openat,getdents64,ppoll,poll
	kill -URG "$ZPID"
	wait_for grep -q . "$OUT"
	kill -KILL "$(main_child)"
	finish
	end_trace
	assert_equal "$stderr" ""
	# SIGURG and the child's end came, and nothing of this was called for.
	run grep -cE '^(open|openat|getdents64)\(' "$TRACE"
	assert_output 0
}

@test "a good parent with many short children is never called negligent" {
	start_pid1 --watch 100ms -- sh -c 'negligent -n 1500 waits & negligent -N marker & wait'
	wait_line "$OUT" '[0-9]+ holds 0'
	wait_line "$ERR" '.* \(marker\) does not wait .*'
	kill -KILL "$(main_child)"
	finish
	assert_equal "${#stderr_lines[@]}" 1
}

@test "the message says since when, of how many, and how far the PID limit is" {
	start_pid1 --log-format json --watch 300ms negligent -N keeper -Z kept -n 3
	wait_line "$ERR" '.*"held-zombies".*'
	kill -TERM "$ZPID"
	finish
	run jq -r '[.parent_pid, .parent_name, .zombies, .zombie_name, .seen_seconds, (.pids_used >= 5), (.pids_limit > 100)] | join(" ")' "$ERR"
	assert_output '2 keeper 3 kept 0 true true'
	run grep -oE 'seen for 0\.[3-9] s; [0-9]+ of [0-9]+ PIDs are in use \([0-9]+ %, /[^)]+\)' "$ERR"
	assert_success
}

@test "names with spaces, parentheses, newlines, escapes and bytes that are no UTF-8 do no harm" {
	local name
	for name in 'a b' ') Z 1 (' '(((' $'new\nline' $'\e[31mred' $'\xff\xfe' '")}' '%s%n' ''; do
		start_pid1 --watch 30ms negligent -N "$name" -Z "$name" -n 2
		wait_line "$ERR" '.* it holds 2 zombies, .*'
		kill -TERM "$ZPID"
		finish
		assert_equal "${#stderr_lines[@]}" 1
		# Printable ASCII alone reaches the log.
		run ! grep -qP '[^\x20-\x7e]' "$ERR"
	done
	assert_equal "$(grep -c . "$ERR")" 1
}

@test "without a /proc of this PID namespace --watch warns once and stays off" {
	for command in \
		'umount /proc; exec "$0" --watch 20ms -- sleep .3' \
		'umount /proc; exec "$0" --watch 20ms --on-held-zombies terminate-parent -- sleep .3'; do
		run in_pidns unshare -m sh -c "$command" "$ZINIT"
		assert_success
		assert_output --regexp '^zinit\[1\]: warning: --watch is off: there is no /proc of this PID namespace$'
	done
	# /proc is there, and is another namespace's.
	run in_pidns unshare -pf "$ZINIT" --watch 20ms -- sleep .3
	assert_success
	assert_output --regexp '^zinit\[1\]: warning: --watch is off: there is no /proc of this PID namespace$'
}

@test "processes that come and go between two reads are no error" {
	start_pid1 --watch 1ms -- sh -c 'i=0; while [ $i -lt 400 ]; do (sh -c "exit 0" &); i=$((i+1)); done; echo done'
	finish
	assert_equal "$status" 0
	assert_equal "$output" "done"
	# At such a pace a busy parent may well be late for two ticks.
	run ! grep -vE ' \(sh\) (does not wait for|has waited for|has ended:) ' "$ERR"
}

@test "more zombies and more parents than the tables hold are counted, and it is said" {
	start_pid1 --watch 200ms --log-format json --report - -- sh -c '
		i=0; while [ $i -lt 300 ]; do negligent -N many & i=$((i+1)); done
		negligent -N most -n 4500 & wait'
	WAIT_SECONDS=30 wait_count "$OUT" '[0-9]+ holds (1|4500)' 301
	wait_for grep -q '"watch-full"' "$ERR"
	kill -KILL "$(main_child)"
	finish
	# 256 parents are known; the zombies of each are counted right, and all in the sum.
	run jq -rs 'map(select(.event == "held-zombies" and .parent_name == "many")) | (length > 100), (map(.zombies) | unique | join(" "))' "$ERR"
	assert_output $'true\n1'
	run jq -rs 'map(select(.event == "watch-full")) | length' "$ERR"
	assert_output 1
	run jq -r 'select(.event == "report-zinit") | .held_zombies' "$ERR"
	assert_output 4800
}

# Nanoseconds of CPU that zinit has used.
cpu() { cut -d ' ' -f 1 "/proc/$ZPID/schedstat"; }

# Sets COST to what the next burst of work costs, a tick: from one rest to the next one.
measure_tick() {
	local before after
	before=$(cpu)
	while [ "$(cpu)" = "$before" ]; do sleep .02; done
	sleep .3
	after=$(cpu)
	COST=$((after - before))
}

@test "a tick over 10,000 processes costs less than 50 ms of CPU" {
	local best=999999999
	[ "$(ulimit -u)" = unlimited ] || [ "$(ulimit -u)" -gt 11000 ] || skip "no 10,000 processes here"
	start_pid1 --watch 1s -- crowd 10000
	WAIT_SECONDS=40 wait_line "$OUT" '10000 live'
	for _ in 1 2 3 4 5 6; do
		measure_tick
		[ "$COST" -gt "$best" ] || best=$COST
	done
	assert_equal "$(find "/proc/$NSPID/root/proc" -maxdepth 1 -name '[0-9]*' | wc -l)" 10002
	kill -KILL "$(main_child)"
	finish
	[ "$best" -lt 50000000 ] || fail "the cheapest of six ticks took $best ns"
}
