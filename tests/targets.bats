#!/usr/bin/env bats
# Who gets the signals: the main child (-c, the default), its group (-g), its session's group (-S).
# shellcheck disable=SC2016,SC2119,SC2120,SC2153 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

# shellcheck disable=SC2034 # for helpers/peers
setup() {
	trace_test_only
	need_namespaces
	INIT=("$ZINIT")
}

# PID, group and session of a process, as its namespace counts.
ids() { enter ps -o pid=,pgid=,sid= -p "$(inside_pid "$1")" | xargs; }

# $1: "child" or "group" or "session", what zinit is to aim at; then the starter, then options.
aims_at() {
	local target=$1 pid ids
	shift
	"$@"
	pid=$(inside_pid "$(main_child)")
	read -ra ids <<<"$(ids "$(main_child)")"
	assert_equal "${ids[1]}" "$pid"
	if [ "$target" = session ]; then
		assert_equal "${ids[2]}" "$pid"
	else
		assert_equal "${ids[2]}" "$(ids "$ZPID" | cut -d' ' -f3)"
	fi
	# Its own group is never zinit's.
	refute [ "$(ids "$ZPID" | cut -d' ' -f2)" = "$pid" ]

	sigsend "$ZPID" 1 10 15 35
	wait_line "$OUT" '35 .*'
	assert_told "$OUT" "$(main_child)" 1 10 15 35
	if [ "$target" = child ]; then
		assert_told "$SECOND" "$SECOND_PID"
	else
		assert_told "$SECOND" "$SECOND_PID" 1 10 15 35
	fi
	end_init
}

@test "the main child leads a group of its own and alone gets the signals" {
	aims_at child start_two
	aims_at child start_two_below
}

@test "-c and --single-child are the default" {
	aims_at child start_two -c
	aims_at child start_two_below --single-child
}

@test "-g and --group forward to the main child's group, each signal once to each member" {
	aims_at group start_two -g
	aims_at group start_two_below --group
}

@test "-S and --session make the main child a session's leader, and its group gets the signals" {
	aims_at session start_two -S
	aims_at session start_two_below --session
}

@test "the last of -c, -g and -S counts" {
	aims_at child start_two -g -S -c
	aims_at group start_two -S -g
	aims_at session start_two_below -c -S
}

@test "ZINIT_GROUP=1 is -g, and the command line counts more" {
	export ZINIT_GROUP=1
	aims_at group start_two
	aims_at child start_two -c
	aims_at session start_two -S
	export ZINIT_GROUP=0
	aims_at child start_two
}

@test "the peers' variables count under zinit's own name, below the command line" {
	export TINI_KILL_PROCESS_GROUP=
	aims_at group start_two
	aims_at child start_two -c
}

@test "-c is taken for a drop-in and not shown in the help" {
	run -0 as_pid1 --help
	assert_line --regexp '^  -g, --group '
	assert_line --regexp '^  -S, --session '
	refute_output --partial single-child
	refute_output --regexp ' -c[, ]'
}

# The second one is of a group, or of a session, of its own: not aimed at.
spares_other_group() {
	local second=$BATS_TEST_TMPDIR/second.$RANDOM pid
	: >"$second"
	start_pid1 "$1" bash -c "$2"' sigreport >"$0" & exec sigreport' "$second"
	wait_line "$OUT" ready
	wait_line "$second" ready
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	pid=$(_sigreport_with "$second")
	assert_told "$second" "$pid"
	end_init
}

# The outside PID of the namespace's process whose stdout is the file.
_sigreport_with() {
	local pid
	for pid in $(pgrep -x sigreport); do
		[ "$(readlink "/proc/$pid/fd/1")" = "$1" ] && echo "$pid"
	done
	return 0
}

@test "-g and -S spare the groups and sessions that the main child's descendants made" {
	local option
	for option in -g -S; do
		spares_other_group $option 'set -m;'
		spares_other_group $option 'setsid'
	done
}

# zinit's own group has another member, the shell that started it.
@test "zinit's own group gets nothing with -g" {
	local outer=$BATS_TEST_TMPDIR/outer
	start_below_init sh -c 'trap "echo hit" TERM INT USR1 HUP; "$@" & wait; wait; echo over' \
		sh "$ZINIT" -g sh -c 'echo up; exec sigreport -u 15' >"$outer"
	wait_line "$OUT" ready
	sigsend "$(children "$ZPID" | tr -d ' ')" 1 2 10 15
	finish
	assert_equal "$status" 0
	refute_line hit
	assert_line over
}

@test "-g with a queued signal: every member gets it, from zinit" {
	start_two -g
	sigsend -q 7 "$ZPID" 10
	wait_line "$OUT" '10 0 [0-9]+ 1 0'
	wait_line "$SECOND" '10 0 [0-9]+ 1 0'
	end_init
}

@test "a main child that left its group still gets the signals with -g" {
	local second=$BATS_TEST_TMPDIR/second
	# It joins the group of its own child, so that its first group is gone.
	start_pid1 -g /usr/bin/python3 -S -c 'import os, sys
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.execvp("sleep", ["sleep", "1000"])
try:
    os.setpgid(child, child)
except OSError:
    pass
os.setpgid(0, child)
os.execvp("sigreport", ["sigreport", "-u", "15"])'
	wait_line "$OUT" ready
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 0
	assert_equal "$(grep -c '^15 ' "$OUT")" 1
}

@test "-g: an ended main child is the end, its group's members are not waited for" {
	run -5 as_pid1 -g sh -c 'sleep 1000 & exit 5'
	run -5 as_subreaper -S sh -c 'sleep 1000 & exit 5'
}

@test "-S without a terminal, and as a session's leader, is no error" {
	run -3 in_pidns "$ZINIT" -S sh -c 'exit 3'
	run -3 below_init setsid --wait "$ZINIT" -S sh -c 'exit 3'
	assert_output ""
	run -3 in_pidns exec_with close=0 close=1 close=2 -- "$ZINIT" -S sh -c 'exit 3'
}

@test "a main child of another user is still reached" {
	need_root "to run it as another user"
	local option
	for option in -c -g -S; do
		start_pid1 $option setpriv --reuid 65534 --regid 65534 --clear-groups sigreport -u 15
		wait_line "$OUT" ready
		sigsend "$ZPID" 15
		finish
		assert_equal "$status" 0
	done
}
