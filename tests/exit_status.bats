#!/usr/bin/env bats
# The end of zinit says how the main child ended.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# Whatever these do by default, it does not end a process: CHLD CONT STOP TSTP TTIN TTOU URG WINCH.
HARMLESS="17 18 19 20 21 22 23 28"

# each EXPECTED "NUMBER..." COUNT [PIDNS-OPTION]... ZINIT [OPTION]... COMMAND...
# Runs COMMAND with each number behind it, and compares how zinit ended with EXPECTED, in which NN
# is the number and MM 128 more; COUNT numbers there are. A plain sh does it, without bats' steps.
each() {
	local expected=$1 numbers=$2 count=$3
	shift 3
	run sh -c '
		expected=$1 numbers=$2 file=$3 seen=0
		shift 3
		for n in $numbers; do
			"$HELPERS/pidns" -s "$file" "$@" "$n" 2>/dev/null
			status=$?
			read -r how <"$file"
			case $expected in
			"exited NN") right="exited $n $n" ;;
			"exited MM") right="exited $((128 + n)) $((128 + n))" ;;
			"killed NN") right="killed $n $((128 + n))" ;;
			esac
			[ "$how $status" = "$right" ] || echo "$n: $how, status $status"
			seen=$((seen + 1))
		done
		echo "$seen tried"' sh "$expected" "$numbers" "$BATS_TEST_TMPDIR/how" "$@"
	assert_output "$count tried"
}

STATUSES=$(seq -s ' ' 0 255)
DEADLY=$(for n in {1..64}; do [[ " $HARMLESS " == *" $n "* ]] || echo "$n"; done | tr '\n' ' ')

@test "every exit status 0 to 255 is passed through, as PID 1" {
	each 'exited NN' "$STATUSES" 256 "$ZINIT" sh -c 'exit $0'
}

@test "every exit status 0 to 255 is passed through, as a subreaper" {
	each 'exited NN' "$STATUSES" 256 -i "$ZINIT" sh -c 'exit $0'
}

@test "a main child that signal n ended gives 128 + n, for every signal, as PID 1" {
	each 'exited MM' "$DEADLY" 56 "$ZINIT" die
}

@test "a main child that signal n ended gives 128 + n, for every signal, as a subreaper" {
	each 'exited MM' "$DEADLY" 56 -i "$ZINIT" die
}

@test "a main child that a harmless signal did not end goes on to its own status" {
	local n
	for n in CHLD CONT URG WINCH; do
		run as_pid1 die "$(sig "$n")"
		assert_failure 77
	done
}

@test "nothing is printed when all goes well" {
	local way
	for way in $BOTH_WAYS; do
		run --separate-stderr as_"$way" true
		assert_success
		assert_output ""
		assert_equal "$stderr" ""
	done
}

@test "a stopped main child has not ended: once continued, its status counts" {
	local way child
	for way in $BOTH_WAYS; do
		start_"$way" sigreport -u "$(sig USR1)"
		wait_line "$OUT" ready
		child=$(main_child)
		kill -STOP "$child"
		wait_for in_state "$child" T
		# zinit has handled what it had by then: its answer to another signal shows it.
		sigsend "$ZPID" "$(sig USR1)"
		wait_for has_signal "$child" ShdPnd "$(sig USR1)"
		kill -0 "$ZPID"
		kill -CONT "$child"
		finish
		assert_equal "$status" 0
	done
}

@test "a main child whose first thread has ended lives on: its last thread's status counts" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" leader_ends 23
		wait_line "$OUT" "the leader has ended"
		sigsend "$ZPID" "$(sig USR1)"
		finish
		assert_equal "$status" 23
	done
}

@test "the main child's end is zinit's end, whoever else lives: as PID 1 the kernel ends the rest" {
	run as_pid1 orphans -l -s 5 20
	assert_failure 5
	assert_output "20 orphans live"
}

@test "-e turns one status into 0 and no other" {
	run as_pid1 -e 143 sh -c 'exit 143'
	assert_success
	run as_pid1 -e 143 die 15
	assert_success
	run as_subreaper -e 143 die 15
	assert_success
	run as_pid1 -e 143 sh -c 'exit 142'
	assert_failure 142
	run as_pid1 -e 143 true
	assert_success
}

@test "-e is repeatable, takes a list, and has the long form --remap-exit" {
	local code
	for code in 3 130 143 255; do
		run as_pid1 -e 3 -e 130,143 --remap-exit=255 sh -c "exit $code"
		assert_success
		run as_pid1 -e 3,130 --remap-exit 143,255 sh -c "exit $code"
		assert_success
	done
	for code in 1 4 129 131 254; do
		run as_pid1 -e 3 -e 130,143 --remap-exit=255 sh -c "exit $code"
		assert_failure "$code"
	done
}

@test "-e takes each of 0 to 255 and refuses all else, by name" {
	local code bad
	for code in 0 1 127 128 254 255; do
		run as_pid1 -e "$code" sh -c "exit $code"
		assert_success
	done
	for bad in 256 -1 1000 x 1x '' 1,,2 ',' 1,256 3.5 0x10 18446744073709551617 4294967297; do
		run --separate-stderr as_pid1 -e "$bad" touch "$BATS_TEST_TMPDIR/started"
		assert_failure 125
		assert_output ""
		# The list, or the bad one of it, which is empty in three.
		[[ $stderr == *"'$bad'"* || $stderr == *"'256'"* || $stderr == *"''"* ]] ||
			fail "does not name '$bad': $stderr"
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "--exit-by-signal: zinit dies of the signal that the main child died of, for every signal" {
	each 'killed NN' "$DEADLY" 56 -i "$ZINIT" --exit-by-signal die
}

@test "--exit-by-signal: an exit status stays an exit status" {
	run as_subreaper --exit-by-signal sh -c 'exit 143'
	assert_failure 143
	assert_how "exited 143"
	run as_subreaper --exit-by-signal true
	assert_success
}

@test "--exit-by-signal: what -e turned into 0 stays 0" {
	run as_subreaper --exit-by-signal -e 143 die 15
	assert_success
	assert_how "exited 0"
	run as_subreaper --exit-by-signal -e 143 die 2
	assert_how "killed 2"
}

@test "--exit-by-signal: as PID 1, which a signal of its own cannot end, it is 128 + n" {
	run as_pid1 --exit-by-signal die 15
	assert_failure 143
	assert_how "exited 143"
}

@test "--exit-by-signal: dies whatever was inherited as ignored or blocked" {
	below_init exec_with ignore=3,15 block=3,15 -- "$ZINIT" --exit-by-signal die 15 || :
	assert_how "killed 15"
}

@test "--exit-by-signal: zinit leaves no core dump of its own" {
	local dumping=(exec_with limit=core:100000000 --)
	cd "$BATS_TEST_TMPDIR"
	below_init "${dumping[@]}" sh -c 'kill -ABRT $$' || :
	[ "$(how)" = "killed 6 with a core dump" ] || skip "no core dumps are written here"
	below_init "${dumping[@]}" "$ZINIT" --exit-by-signal die "$(sig ABRT)" || :
	assert_how "killed 6"
}

@test "the end of the PID namespace kills and reaps all that is left" {
	local left pid fifo=$BATS_TEST_TMPDIR/go
	mkfifo "$fifo"
	start_pid1 sh -c 'orphans -l 10; sleep 1000 & echo up; read -r line <"$0"; exit 4' "$fifo"
	wait_line "$OUT" up
	left="$(children "$ZPID") $(children "$(main_child)")"
	assert_equal "$(wc -w <<<"$left")" 12
	echo >"$fifo"
	finish
	assert_equal "$status" 4
	# The kernel lets the parent of a PID 1 wait for it only when all in the namespace are reaped.
	for pid in $left; do
		assert_not_exist "/proc/$pid"
	done
}
