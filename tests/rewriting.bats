#!/usr/bin/env bats
# -r FROM:TO: what zinit gets as FROM reaches the main child as TO.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

# shellcheck disable=SC2034 # for helpers/peers
setup() {
	trace_test_only
	need_namespaces
	INIT=("$ZINIT")
}

# The options up to --, then pairs FROM:TO in numbers: FROM is sent, TO has to come (none by 0).
# Signals one after the other, so that their order is theirs.
gives() {
	local options=() pair expected=() marks=0
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	start_init "${options[@]}" sigreport
	wait_line "$OUT" ready
	for pair; do
		sigsend "$ZPID" "${pair%:*}"
		[ "${pair#*:}" = 0 ] || expected+=("${pair#*:}")
		# zinit has handled it once it has forwarded the next: nobody rewrites 63 here.
		marks=$((marks + 1))
		sigsend "$ZPID" 63
		expected+=(63)
		wait_count "$OUT" '63 .*' $marks
	done
	assert_told "$OUT" "$(main_child)" "${expected[@]}"
	end_init
}

@test "-r and --rewrite rewrite one signal and no other" {
	gives -r TERM:QUIT -- 15:3 2:2 1:1 10:10
	gives --rewrite TERM:QUIT -- 15:3 3:3
	gives --rewrite=TERM:QUIT -- 15:3
	gives -rTERM:QUIT -- 15:3
}

@test "-r takes names with and without SIG, in any case, and numbers" {
	gives -r SIGTERM:SIGQUIT -- 15:3
	gives -r sigterm:Quit -- 15:3
	gives -r 15:3 -- 15:3
	gives -r 15:SIGUSR1 -r USR2:1 -- 15:10 12:1
	gives -r WINCH:TERM -- 28:15
}

@test "-r takes real-time signals by name, by offset and by number" {
	gives -r RTMIN+3:TERM -- 37:15
	gives -r SIGRTMIN:RTMIN+1 -r RTMAX:RTMAX-4 -- 34:35 64:60
	gives -r TERM:37 -r 37:15 -- 15:37 37:15
	gives -r 32:33,33:34 -- 32:33 33:34
}

@test "-r is repeatable and takes a list" {
	gives -r TERM:QUIT -r HUP:USR1 -- 15:3 1:10
	gives -r TERM:QUIT,HUP:USR1,INT:0 -- 15:3 1:10 2:0
	gives -r TERM:QUIT,HUP:USR1 -r INT:USR2 -- 15:3 1:10 2:12
}

@test "-r: the last word on a signal counts" {
	gives -r TERM:QUIT -r TERM:INT -- 15:2
	gives -r TERM:QUIT,TERM:INT -- 15:2
	gives -r TERM:0 -r TERM:TERM -- 15:15
}

@test "-r: what was rewritten is not rewritten again" {
	gives -r HUP:INT,INT:HUP -- 1:2 2:1
	gives -r HUP:INT,INT:QUIT,QUIT:0 -- 1:2 2:3 3:0
}

@test "-r to 0 or none drops a signal" {
	gives -r TERM:0 -- 15:0 2:2
	gives -r TERM:none -- 15:0
	gives -r TERM:NONE,RTMIN:0 -- 15:0 34:0
}

@test "-r to KILL: the main child is killed" {
	start_pid1 -r TERM:KILL sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 137
}

@test "-r to STOP: the main child is stopped, CONT continues it" {
	start_pid1 -r TSTP:STOP sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 20
	wait_for in_state "$(main_child)" T
	in_state "$ZPID" SR
	sigsend "$ZPID" 18
	wait_line "$OUT" '18 .*'
	end_init
}

@test "-r keeps a queued signal's code and value" {
	start_pid1 -r RTMIN:RTMIN+1,TERM:USR1 sigreport
	wait_line "$OUT" ready
	sigsend -q 77 "$ZPID" 34
	wait_line "$OUT" '35 -1 77 .*'
	sigsend -q 78 "$ZPID" 15
	wait_line "$OUT" '10 -1 78 .*'
	end_init
}

@test "-r counts for the group and for the session as well" {
	local option
	for option in -g -S; do
		start_two $option -r TERM:USR1,HUP:0
		sigsend "$ZPID" 1 15
		wait_line "$OUT" '10 .*'
		assert_told "$OUT" "$(main_child)" 10
		assert_told "$SECOND" "$SECOND_PID" 10
		end_init
	done
}

@test "-r counts for what came before the main child ran" {
	run -0 in_pidns exec_with block=10,15 raise=15 -- "$ZINIT" -r TERM:USR1 sigreport -u 10
	assert_line --regexp '^10 '
	refute_line --regexp '^15 '
}

@test "ZINIT_REWRITE is -r, and the command line counts more" {
	export ZINIT_REWRITE=TERM:QUIT,HUP:0
	gives -- 15:3 1:0
	gives -r TERM:USR1 -- 15:10 1:1
}

# What is wrong is one line on stderr, and names the word that is wrong.
refused() {
	run -125 --separate-stderr as_pid1 -r "$1" touch "$BATS_TEST_TMPDIR/started"
	assert_output ""
	[[ ${stderr_lines[0]} == *"'$2'"* ]] || fail "-r '$1' does not name '$2': $stderr"
}

@test "-r names the half that is no signal" {
	refused TERMX:QUIT TERMX
	refused TERM:QUITX QUITX
	refused 0:15 0
	refused 65:15 65
	refused 15:65 65
	refused -1:15 -1
	refused 15:-1 -1
	refused 15:2xyz 2xyz
	refused RTMIN+31:15 RTMIN+31
	refused 15:RTMAX-31 RTMAX-31
	refused SIG:15 SIG
	refused none:15 none
	refused HUP:USR1,TERM:NOPE NOPE
	refused NOPE:USR1,TERM:HUP NOPE
	refused ' TERM:QUIT' ' TERM'
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "-r names the word that is no pair" {
	refused TERM TERM
	refused '' ''
	refused TERM: ''
	refused :TERM ''
	refused TERM:QUIT, ''
	refused TERM:QUIT,HUP HUP
	refused TERM=QUIT TERM=QUIT
	refused TERM:QUIT:HUP QUIT:HUP
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "-r refuses a FROM that zinit cannot get, or does not forward" {
	refused KILL:TERM KILL
	refused 9:15 9
	refused STOP:TERM STOP
	refused CHLD:TERM CHLD
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "a bad ZINIT_REWRITE is named with its variable" {
	ZINIT_REWRITE=TERM:NOPE run -125 --separate-stderr as_pid1 true
	[[ ${stderr_lines[0]} == *ZINIT_REWRITE*"'NOPE'"* ]] || fail "$stderr"
}

# What zinit itself sends is not what it got.

@test "the polite signal at the end is not rewritten" {
	local left=$BATS_TEST_TMPDIR/left
	run -5 as_pid1 -r TERM:USR1 --grace 10 sh -c 'sigreport -u 15 >"$0" &
		until grep -q ready "$0"; do sleep 0.01; done; exit 5' "$left"
	assert_equal "$(grep '^[0-9]' "$left" | cut -d' ' -f1 | grep -vx 18 | xargs)" 15
}

@test "the signal of --timeout is not rewritten" {
	run -124 as_pid1 -r TERM:USR1 --timeout 0.1 sigreport -u 15
	assert_equal "$(grep -E '^(15|10) ' <<<"$output" | cut -d' ' -f1 | xargs)" 15
}

@test "a stop signal that is rewritten still tells to stop" {
	start_pid1 -r TERM:USR1 --stop-timeout 0.1 sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 137
	assert_equal "$(grep '^[0-9]' "$OUT" | cut -d' ' -f1 | xargs)" 10
}
