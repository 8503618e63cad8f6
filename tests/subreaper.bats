#!/usr/bin/env bats
# Where zinit is not PID 1 it makes itself a child subreaper.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

has_children() { [ "$(children "$1" | wc -w)" = "$2" ]; }
parent_of() { awk '/^PPid:/ { print $2 }' "/proc/$1/status"; }

@test "zinit adopts orphans without being asked to" {
	start_subreaper sh -c 'orphans -l 5; exec sleep 1000'
	wait_line "$OUT" '5 orphans live'
	has_children "$ZPID" 6
	has_children "$NSPID" 1
	sigsend "$ZPID" 15
	finish
	assert_equal "$stderr" ""
}

@test "-s and --subreaper are accepted, repeatedly, and change nothing" {
	local option
	for option in -s --subreaper -ss; do
		start_subreaper "$option" -s sh -c 'orphans -l 5; exec sleep 1000'
		wait_line "$OUT" '5 orphans live'
		has_children "$ZPID" 6
		sigsend "$ZPID" 15
		finish
		assert_equal "$stderr" ""
		run as_pid1 "$option" sh -c 'exit 4'
		assert_failure 4
		assert_output ""
	done
}

@test "where the kernel refuses, zinit warns in one line and goes on" {
	need_traced_injection
	run --separate-stderr below_init strace -D -qq -o /dev/null -e trace=prctl \
		-e inject=prctl:error=EINVAL "$ZINIT" sh -c 'echo out; exit 4'
	assert_failure 4
	assert_output out
	assert_one_line "$stderr" subreaper
	assert_regex "$stderr" "warning"
}

@test "as PID 1 there is nothing to refuse" {
	need_traced_injection
	run --separate-stderr in_pidns strace -D -qq -o /dev/null -e trace=prctl \
		-e inject=prctl:error=EINVAL "$ZINIT" sh -c 'exit 4'
	assert_failure 4
	assert_equal "$stderr" ""
}

@test "of two zinits the inner one adopts, and at its end the outer one" {
	local inner pid
	start_pid1 "$ZINIT" sh -c 'orphans -l 5; exec sigreport -u 10'
	wait_line "$OUT" ready
	inner=$(children "$ZPID" | tr -d ' ')
	has_children "$inner" 6
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0

	start_pid1 sh -c '"$0" sh -c "orphans -l 5; exit 3"; echo "inner $?"; exec sleep 1000' "$ZINIT"
	wait_line "$OUT" 'inner 3'
	wait_for has_children "$ZPID" 6
	for pid in $(children "$ZPID"); do
		[ "$pid" = "$(main_child)" ] || kill -TERM "$pid"
	done
	wait_for has_children "$ZPID" 1
	kill -TERM "$(main_child)"
	finish
}

@test "a subreaper ends with its main child and leaves the others to the next one" {
	start_below_init sh -c '"$0" sh -c "orphans -l 5; exit 3"; echo "zinit $?"; exec sleep 1000' \
		"$ZINIT"
	wait_line "$OUT" 'zinit 3'
	wait_for has_children "$NSPID" 6
	kill -TERM "$ZPID"
	finish
}

@test "a parent outside of the PID namespace is no hindrance, as with docker exec" {
	start_from_outside sh -c 'orphans -l 5; exec sigreport -u 10'
	wait_line "$OUT" ready
	assert_equal "$(inside_pid "$ZPID")" 2
	has_children "$ZPID" 6
	sigsend "$ZPID" 10
	finish
	assert_equal "$status" 0
	assert_equal "$stderr" ""
}

@test "the child is no subreaper itself" {
	local way
	for way in $BOTH_WAYS; do
		run as_"$way" dump
		assert_line "subreaper 0"
	done
}
