#!/usr/bin/env bats
# The terminal: given to the main child and given back, with the shell's job control passed through.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell on the terminal
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # variables of the helpers

load lib
load helpers/pty
load helpers/peers

setup() {
	trace_test_only
	need_namespaces
	INIT=("$ZINIT")
	REPORT=$BATS_TEST_TMPDIR/report
	: >"$REPORT"
}

# Another init, or another round of the same test, gets a terminal of its own.
again() {
	end_pty
	: >"$REPORT"
}

# An interactive bash; with PS1 from outside its prompt is another than start_shell's.
INNER=(bash --norc --noprofile --noediting -i)

zinit_pid() { pid_of zinit; }
both_are() { state_is "$1" "$3" && state_is "$2" "$3"; }
all_are() {
	local letters=$1 pid
	shift
	for pid; do
		state_is "$pid" "$letters" || return 1
	done
}

# The signals that sigreport told of in REPORT, sorted; it told of all once it tells of 64.
assert_reported() {
	send 64 "$(pid_of sigreport)"
	wait_line "$REPORT" '64 .*'
	assert_equal "$(grep '^[0-9]' "$REPORT" | cut -d' ' -f1 | grep -vx 64 | sort -n | xargs)" \
		"$(printf '%s\n' "$@" | sort -n | xargs)"
}

### The foreground

@test "a job in the foreground: the main child's group has the terminal, then the shell again" {
	local child
	start_shell
	run_line '"$ZINIT" -- cat'
	child=$(pid_of cat)
	assert_foreground "$child"
	group_is "$child" "$child"
	refute group_is "$(zinit_pid)" "$child"
	assert_equal "$(session_of "$child")" "$LEADER"
	run_line word
	see word
	type_in '\004'
	see_prompt 0
	assert_foreground "$LEADER"
	run_line '"$ZINIT" -g -- sh -c "read line; exit 7"'
	run_line word
	see_prompt 7
	assert_foreground "$LEADER"
}

stays_in_background() {
	local child
	TINI_VERBOSITY=0 start_shell
	run_line "${INIT[*]} -- sleep 1000 &"
	child=$(pid_of sleep)
	# What an init does with the terminal comes before its program runs.
	see_prompt 0
	assert_equal "$(foreground)" "$LEADER"
	run_line 'echo still here'
	see 'still here'
	send 15 "$child"
	run_line 'wait $!; echo "status $?"'
	see 'status 143'
	assert_equal "$(foreground)" "$LEADER"
	see_prompt 0
	again
}

# The shell cannot read any more, takes that for the end of its input, and ends.
takes_from_background() {
	start_shell
	run_line "${INIT[*]} -- sleep 1000 &"
	wait_for shell_has_lost
	run_line 'true'
	see 'exit'
}

shell_has_lost() { [ "$(foreground)" != "$LEADER" ]; }

@test "a job in the background never takes the terminal, nor gives it to anybody at its end" {
	stays_in_background
}

@test "bug: tini and catatonit take the terminal from the background; zinit does under no name" {
	local name
	for name in tini catatonit dumb-init; do
		under_zinit $name stays_in_background
	done
	under_original tini takes_from_background
	under_original catatonit takes_from_background
}

@test "a background job that is brought to the foreground reads and gets Ctrl-C" {
	local child
	start_shell
	run_line '"$ZINIT" -- cat &'
	child=$(pid_of cat)
	see_prompt 0
	run_line 'fg'
	assert_foreground "$child"
	run_line word
	see word
	type_in '\003'
	see_prompt 130
	assert_foreground "$LEADER"
}

leads_session() {
	"$@" "$ZINIT" -- cat
	assert_foreground "$(pid_of cat)"
	run_line word
	see word
	type_in '\004'
	assert_end "exited 0"
	again
}

@test "as the session's leader, and as PID 1, zinit gives the terminal to the main child" {
	leads_session start_pty
	leads_session start_pty_pid1
}

@test "a pipeline's reader that is no first member gets the terminal as well" {
	start_shell
	run_line 'echo pipe | "$ZINIT" -- sh -c "cat; read line </dev/tty; echo got \$line"'
	see pipe
	run_line typed
	see 'got typed'
	see_prompt 0
	assert_foreground "$LEADER"
}

@test "in a script, zinit in the background does not take the terminal from the script" {
	local child
	start_pty sh -c '"$ZINIT" -- sleep 1000 & read line; echo "got $line"; kill $!; wait $!; exit 3'
	child=$(pid_of sleep)
	# Two more exchanges: whatever zinit does to the terminal is done.
	run_line typed
	see 'got typed'
	assert_end "exited 3"
}

# $1: a redirection. The script tells zinit's status, and that it can read on.
odd_stdin() {
	start_shell
	run_line "\"\$ZINIT\" -- sh -c 'exit 7' $1"
	see_prompt 7
	run_line 'read line'
	run_line 'typed'
	see_prompt 0
	run_line 'echo "[$line]"'
	see '\[typed\]'
	assert_foreground "$LEADER"
	again
}

@test "a closed, absent or odd stdin is no error" {
	local redirection
	touch "$BATS_TEST_TMPDIR/file"
	for redirection in '<&-' '</dev/null' "<$BATS_TEST_TMPDIR/file" "<$BATS_TEST_TMPDIR" \
		'< <(sleep 0)' '</dev/ptmx' '0>/dev/tty' '<&- >&- 2>&-' '</dev/null >/dev/null 2>&1'; do
		odd_stdin "$redirection"
	done
}

@test "an odd stdin says nothing and changes no status" {
	local redirection
	touch "$BATS_TEST_TMPDIR/file"
	start_shell
	for redirection in '<&-' '</dev/null' "<$BATS_TEST_TMPDIR/file" "<$BATS_TEST_TMPDIR" \
		'</dev/ptmx' '0>/dev/tty'; do
		run_line "\"\$ZINIT\" -- sh -c 'exit 7' $redirection"
		see '^<7>$'
		run_line "\"\$ZINIT\" -S -- sh -c 'exit 8' $redirection"
		see '^<8>$'
	done
}

@test "a session's leader without stdin is no error either" {
	start_pty sh -c 'exec "$ZINIT" -- sh -c "exit 7" <&-'
	assert_end "exited 7"
	again
	start_pty sh -c 'exec "$ZINIT" -S -- sh -c "exit 7" <&- >&- 2>&-'
	assert_end "exited 7"
	again
	start_pty_pid1 sh -c 'exec "$ZINIT" -- sh -c "exit 7" <&- >&- 2>&-'
	assert_end "exited 7"
}

### The modes

# A script as the leader: an interactive shell would set the modes itself.
gives_modes_back() {
	local before
	start_pty sh -c 'echo up; read line; "$ZINIT" '"$1"' -- sh -c "$0"
		echo "status $?"; read line && exit 3' "$2"
	see up
	before=$(modes)
	run_line go
	see "status $3"
	assert_equal "$(modes)" "$before"
	assert_equal "$(foreground)" "$LEADER"
	run_line go
	assert_end "exited 3"
	again
}

@test "the script has the terminal, and its modes, as before when the main child ends, however it ends" {
	gives_modes_back '' 'stty raw -echo; exit 5' 5
	gives_modes_back '' 'stty raw -isig; kill -KILL $$' 137
	gives_modes_back '-g' 'stty cbreak; exit 0' 0
}

@test "the modes are as before after -S, too, where the terminal was handed over" {
	local before
	start_pty sh -c 'echo up; read line; exec "$ZINIT" -S -- sh -c "stty raw; echo done; exit 5"'
	see up
	before=$(modes)
	run_line go
	assert_end "exited 5"
	assert_equal "$(modes)" "$before"
}

@test "the modes that somebody else set stay, when a background job ends" {
	local now
	mkfifo "$BATS_TEST_TMPDIR/end"
	start_shell
	run_line "\"\$ZINIT\" -- sh -c 'read line' <$BATS_TEST_TMPDIR/end &"
	see_prompt 0
	run_line 'stty -icanon min 1'
	see_prompt 0
	now=$(modes)
	run_line "echo >$BATS_TEST_TMPDIR/end; wait %1; echo over"
	see over
	see_prompt 0
	assert_equal "$(modes)" "$now"
}

### A shell inside

# The terminal is at the inner shell's first prompt, and nothing but the prompt has been said.
shell_works_inside() {
	local job
	see '^in<0>$'
	run_line 'echo "flags $-"'
	see 'flags [a-zA-Z]*m'
	see 'in<0>$'

	run_line 'sleep 1000'
	job=$(pid_of sleep)
	assert_foreground "$job"
	type_in '\032'
	see 'in<148>$'
	wait_for state_is "$job" T
	run_line 'bg'
	see 'in<0>$'
	wait_for state_is "$job" S
	refute [ "$(foreground)" = "$job" ]
	run_line 'fg'
	assert_foreground "$job"
	type_in '\003'
	see 'in<130>$'
	wait_for _gone "$job"

	# At the prompt Ctrl-C and Ctrl-Z end nothing, and both are there for the next command.
	type_in '\003'
	see 'in<130>$'
	run_line 'true'
	see 'in<0>$'

	run_line "sigreport >$REPORT"
	wait_line "$REPORT" ready
	assert_foreground "$(pid_of sigreport)"
	resize 33 44
	wait_line "$REPORT" '28 128 .*'
	assert_reported 28
	send 9 "$(pid_of sigreport)"
	see 'in<137>$'
	run_line 'stty size'
	see '33 44'
	see 'in<0>$'

	run_line 'exit 9'
}

@test "bash inside, as a job: no warning; fg, bg, Ctrl-C, Ctrl-Z and SIGWINCH work" {
	local options
	for options in '' -g; do
		start_shell
		run_line "PS1='in<\$?>' $ZINIT $options -- ${INNER[*]}"
		shell_works_inside
		see_prompt 9
		assert_foreground "$LEADER"
		again
	done
}

works_inside_below() {
	local options
	for options in '' -g -S; do
		PS1='in<$?>' TERM=dumb "$1" "$ZINIT" $options -- "${INNER[@]}"
		shell_works_inside
		assert_end "exited 9"
		again
	done
}

@test "bash inside, below the session's leader: no warning; all of job control works" {
	works_inside_below start_pty
}

@test "bash inside, below PID 1: no warning; all of job control works" {
	works_inside_below start_pty_pid1
}

under_name_works_inside() {
	PS1='in<$?>' TERM=dumb TINI_VERBOSITY=0 start_pty "${INIT[@]}" -- "${INNER[@]}"
	shell_works_inside
	assert_end "exited 9"
	again
}

@test "bash inside, under tini's name" {
	under_each tini under_name_works_inside
}

@test "bash inside, under dumb-init's name" {
	under_each dumb-init under_name_works_inside
}

@test "bash inside, under catatonit's name" {
	under_zinit catatonit under_name_works_inside
}

@test "a shell inside can suspend itself: the outer shell's prompt comes, and fg goes back in" {
	start_shell
	run_line "PS1='in<\$?>' $ZINIT -- ${INNER[*]}"
	see 'in<0>$'
	run_line 'suspend'
	see '<1[0-9]*>$'
	assert_foreground "$LEADER"
	run_line 'fg'
	# It comes with no new prompt.
	assert_foreground "$(parent_of_name bash)"
	run_line 'echo inside again'
	see 'inside again'
	see 'in<0>$'
	run_line 'exit 9'
	see '<9>$'
}

# The PID of bash that is not the leader.
parent_of_name() {
	local comm
	for comm in "/proc/$NSPID/root/proc"/[0-9]*/comm; do
		[ "$(cat "$comm")" = "$1" ] || continue
		comm=${comm%/comm}
		[ "${comm##*/}" = "$LEADER" ] || echo "${comm##*/}"
	done
}

### Job control passed through

@test "Ctrl-Z stops the main child and zinit, the prompt comes back; fg and bg continue both" {
	local child zinit round
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	zinit=$(zinit_pid)
	for round in 1 2 3; do
		assert_foreground "$child"
		type_in '\032'
		see_prompt 148
		both_are "$zinit" "$child" T
		assert_foreground "$LEADER"
		run_line 'bg'
		see_prompt 0
		wait_for both_are "$zinit" "$child" S
		assert_equal "$(foreground)" "$LEADER"
		run_line 'fg'
		job_has_terminal "$zinit"
		both_are "$zinit" "$child" S
		type_in '\032'
		see_prompt 148
		both_are "$zinit" "$child" T
		run_line 'fg'
		wait_for both_are "$zinit" "$child" S
		assert_foreground "$child"
	done
	type_in '\003'
	see_prompt 130
	wait_for _gone "$child"
	wait_for _gone "$zinit"
	assert_foreground "$LEADER"
}

@test "Ctrl-Z stops the main child's whole group; fg and bg continue it whole" {
	local shell child zinit
	start_shell
	run_line '"$ZINIT" -- sh -c "sleep 1000; exit 4"'
	child=$(pid_of sleep)
	shell=$(pid_of sh)
	zinit=$(zinit_pid)
	assert_foreground "$shell"
	type_in '\032'
	see_prompt 148
	wait_for all_are T "$zinit" "$shell" "$child"
	run_line 'bg'
	see_prompt 0
	wait_for all_are S "$zinit" "$shell" "$child"
	run_line 'fg'
	job_has_terminal "$zinit"
	type_in '\032'
	see_prompt 148
	wait_for all_are T "$zinit" "$shell"
	run_line 'fg'
	assert_foreground "$shell"
	wait_for all_are S "$zinit" "$shell" "$child"
	send 9 "$child"
	see_prompt 4
}

# After bg, fg tells zinit nothing (bash sends no SIGCONT to what runs), so its group has the
# terminal until the main child wants it.
job_has_terminal() { wait_for _is_job_foreground "$1"; }
_is_job_foreground() {
	local foreground
	foreground=$(foreground)
	[ "$foreground" = "$(group_of "$1")" ] || [ "$(parent_of "$foreground")" = "$1" ]
}

@test "after Ctrl-Z, bg and fg the main child has the terminal as soon as it wants it" {
	local program
	mkfifo "$BATS_TEST_TMPDIR/go"
	start_shell
	for program in 'read line; echo got $line' 'stty -echo; read line; echo got $line'; do
		run_line "$ZINIT -- sh -c 'read go <\"\$0\"; $program; exit 4' $BATS_TEST_TMPDIR/go"
		assert_foreground "$(pid_of sh)"
		type_in '\032'
		see_prompt 148
		run_line 'bg'
		see_prompt 0
		run_line 'fg'
		job_has_terminal "$(zinit_pid)"
		echo >"$BATS_TEST_TMPDIR/go"
		assert_foreground "$(pid_of sh)"
		run_line typed
		see 'got typed'
		see_prompt 4
		assert_foreground "$LEADER"
	done
}

@test "a job that ends in the background after bg leaves the shell the terminal and its modes" {
	local child now
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	assert_foreground "$child"
	type_in '\032'
	see_prompt 148
	run_line 'bg'
	see_prompt 0
	run_line 'stty -icanon min 1'
	see_prompt 0
	now=$(modes)
	send 9 "$child"
	run_line 'wait %1'
	see_prompt 137
	assert_equal "$(foreground)" "$LEADER"
	assert_equal "$(modes)" "$now"
	run_line 'echo here'
	see here
}

@test "after Ctrl-Z and fg the main child reads from the terminal again" {
	start_shell
	run_line '"$ZINIT" -- cat'
	assert_foreground "$(pid_of cat)"
	run_line first
	see first
	type_in '\032'
	see_prompt 148
	run_line 'echo "in between"'
	see 'in between'
	see_prompt 0
	run_line 'fg'
	assert_foreground "$(pid_of cat)"
	run_line second
	see second
	type_in '\004'
	see_prompt 0
}

@test "a pipeline 'zinit a | b' stops as one, and is continued as one" {
	local child zinit other
	start_shell
	run_line '"$ZINIT" -- sleep 1000 | tail -f /dev/null -'
	child=$(pid_of sleep)
	other=$(pid_of tail)
	zinit=$(zinit_pid)
	assert_foreground "$child"
	type_in '\032'
	see_prompt 148
	all_are T "$child" "$other" "$zinit"
	assert_foreground "$LEADER"
	run_line 'bg'
	see_prompt 0
	wait_for all_are S "$child" "$other" "$zinit"
	assert_equal "$(foreground)" "$LEADER"
	run_line 'fg'
	job_has_terminal "$zinit"
	type_in '\032'
	see_prompt 148
	all_are T "$child" "$other" "$zinit"
	run_line 'fg'
	assert_foreground "$child"
	wait_for all_are S "$child" "$other" "$zinit"
	type_in '\003'
	see_prompt 130
	for child in "$child" "$other" "$zinit"; do
		wait_for _gone "$child"
	done
	assert_foreground "$LEADER"
}

@test "a pipeline with zinit at its end, or twice, stops and continues as one" {
	local child other
	start_shell
	run_line 'tail -f /dev/null | "$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	other=$(pid_of tail)
	wait_for state_is "$child" S
	type_in '\032'
	see_prompt 148
	wait_for all_are T "$child" "$other" "$(zinit_pid)"
	run_line 'fg'
	wait_for all_are S "$child" "$other" "$(zinit_pid)"
	type_in '\003'
	see_prompt 130
	wait_for _gone "$child"
	wait_for _gone "$other"
}

@test "a stop that somebody else sends to the main child, or to zinit, stops the job as well" {
	local child zinit
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	zinit=$(zinit_pid)
	assert_foreground "$child"
	send 19 "$child"
	see '<1[0-9]*>$'
	both_are "$zinit" "$child" T
	run_line 'fg'
	assert_foreground "$child"
	wait_for both_are "$zinit" "$child" S
	send 20 "$zinit"
	see_prompt 148
	both_are "$zinit" "$child" T
	# Killed while stopped: nothing hangs.
	send 9 "$child"
	run_line 'fg'
	see_prompt 137
}

@test "a stopped job that is ended by kill ends" {
	local child zinit
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	zinit=$(zinit_pid)
	assert_foreground "$child"
	type_in '\032'
	see_prompt 148
	# bash sends SIGCONT along.
	run_line 'kill %1'
	wait_for _gone "$child"
	wait_for _gone "$zinit"
	assert_equal "$(foreground)" "$LEADER"
	run_line 'wait %1; echo "status $?"'
	see 'status 143'
	see_prompt 0
}

# Outside of an interactive shell's job: the main child is stopped, zinit goes on. The main child is
# a shell that echoes lines, and leaves an orphan to zinit.
ECHOES='trap : USR1; (sleep 1000 & echo up) && while :; do read line && echo "$line"; done'

leaves_zinit_running() {
	local zinit=$1 child orphan
	see up
	child=$(pid_of bash)
	orphan=$(pid_of sleep)
	assert_foreground "$child"
	type_in '\032'
	wait_for all_are T "$child" "$orphan"
	# It reaps on ...
	wait_for has_parent "$orphan" "$zinit"
	send 9 "$orphan"
	wait_for is_reaped "$orphan"
	# ... and forwards on. By then it has handled its SIGCHLD of the stop.
	send 10 "$zinit"
	wait_for pends "$child" 10
	state_is "$zinit" SR
	state_is "$child" T
	send 18 "$zinit"
	wait_for state_is "$child" SR
	assert_foreground "$child"
	run_line word
	see word
	type_in '\032'
	wait_for state_is "$child" T
	send 15 "$zinit"
	send 18 "$zinit"
	wait_for _gone "$child"
}

has_parent() { [ "$(parent_of "$1")" = "$2" ]; }
is_reaped() { [ ! -e "/proc/$NSPID/root/proc/$1" ]; }
pends() {
	local set
	set=$(awk '/^ShdPnd/ { print $2 }' "/proc/$NSPID/root/proc/$1/status")
	(((0x$set >> ($2 - 1)) & 1))
}

@test "as the session's leader: Ctrl-Z stops the main child, and zinit goes on" {
	start_pty "$ZINIT" -- bash -c "$ECHOES"
	leaves_zinit_running "$LEADER"
	assert_end "exited 143"
}

@test "as PID 1: Ctrl-Z stops the main child, and zinit goes on" {
	start_pty_pid1 "$ZINIT" -- bash -c "$ECHOES"
	leaves_zinit_running "$LEADER"
	assert_end "exited 143"
}

@test "in a script that leads the session: Ctrl-Z stops the main child, and zinit goes on" {
	start_pty sh -c '"$ZINIT" -- bash -c "$0"; echo "status $?"; exit 3' "$ECHOES"
	leaves_zinit_running "$(zinit_pid)"
	see 'status 143'
	assert_end "exited 3"
}

### Ctrl-C

# Two shells: bash waits for what the child died of, dash dies of its own SIGINT.
@test "Ctrl-C ends a script's loop around zinit, and the shell sees 130" {
	local shell
	start_shell
	for shell in bash dash; do
		command -v $shell >/dev/null || continue
		run_line "$shell -c 'while :; do echo round; \"\$ZINIT\" -- sleep 1000; done'"
		see round
		assert_foreground "$(pid_of sleep)"
		type_in '\003'
		see '^[^r]*<130>$'
		assert_foreground "$LEADER"
	done
}

@test "Ctrl-C ends a bare command with 130, and a pipeline whole" {
	local other
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	assert_foreground "$(pid_of sleep)"
	type_in '\003'
	see_prompt 130
	run_line '"$ZINIT" -- sleep 1000 | tail -f /dev/null -'
	other=$(pid_of tail)
	assert_foreground "$(pid_of sleep)"
	type_in '\003'
	see_prompt 130
	wait_for _gone "$other"
}

@test "a main child that handles Ctrl-C ends no loop" {
	start_shell
	run_line 'bash -c "for i in 1 2 3; do $ZINIT -- bash -c '"'trap \\\"exit 0\\\" INT; echo up; while :; do read -t 9; done'"'; echo round; done"'
	see up
	type_in '\003'
	see 'round'
	see up
	type_in '\003'
	see 'round'
	see up
	type_in '\003'
	see 'round'
	see_prompt 0
}

@test "a SIGINT that somebody sends to zinit is the main child's and not the script's" {
	start_shell
	run_line "bash -c '\"\$ZINIT\" -- sleep 1000; echo status \$?'"
	assert_foreground "$(pid_of sleep)"
	send 2 "$(zinit_pid)"
	see 'status 130'
	see_prompt 0
}

@test "Ctrl-C below a session's leader ends it by SIGINT, below PID 1 with 130" {
	start_pty "$ZINIT" -- sleep 1000
	assert_foreground "$(pid_of sleep)"
	type_in '\003'
	assert_end "killed 2"
	again
	start_pty_pid1 "$ZINIT" -- sleep 1000
	assert_foreground "$(pid_of sleep)"
	type_in '\003'
	assert_end "exited 130"
}

### Once each

# From the terminal: Ctrl-C, Ctrl-\, Ctrl-Z and a new size.
keys_come_once() {
	local zinit=$1
	wait_line "$REPORT" ready
	type_in '\003'
	wait_line "$REPORT" '2 .*'
	type_in '\034'
	wait_line "$REPORT" '3 .*'
	type_in '\032'
	wait_line "$REPORT" '20 .*'
	resize 11 22
	wait_line "$REPORT" '28 .*'
	# What zinit would forward on top is forwarded before this.
	send 10 "$zinit"
	wait_line "$REPORT" '10 .*'
	assert_reported 2 3 10 20 28
	# From a user: again once.
	send 2 "$zinit"
	send 12 "$zinit"
	wait_line "$REPORT" '12 .*'
	assert_equal "$(grep -c '^2 ' "$REPORT")" 2
	assert_equal "$(grep -c '^28 ' "$REPORT")" 1
}

@test "keys and sizes reach the main child once, as a job" {
	local options
	for options in '' -g; do
		start_shell
		run_line "$ZINIT $options -- sigreport >$REPORT"
		assert_foreground "$(pid_of sigreport)"
		keys_come_once "$(zinit_pid)"
		again
	done
}

@test "keys and sizes reach the main child once, below a session's leader and PID 1" {
	local options start
	for start in start_pty start_pty_pid1; do
		for options in '' -g -S; do
			$start sh -c 'exec "$0" $1 -- sigreport >"$2"' "$ZINIT" "$options" "$REPORT"
			wait_line "$REPORT" ready
			keys_come_once "$LEADER"
			again
		done
	done
}

@test "keys and sizes reach the main child once where zinit keeps the terminal" {
	start_shell
	# A session of its own: the terminal stays zinit's, which forwards what it gets.
	run_line "$ZINIT -S -- sigreport >$REPORT"
	wait_line "$REPORT" ready
	assert_foreground "$(zinit_pid)"
	keys_come_once "$(zinit_pid)"
	again
	start_shell
	run_line "$ZINIT -- sigreport </dev/null >$REPORT 2>/dev/null"
	wait_line "$REPORT" ready
	keys_come_once "$(zinit_pid)"
}

# The init is held up, so that what it would forward on top comes as a second one for sure.
shared_group() {
	local times=$1
	start_pty sh -c 'report=$0; exec "$@" -c sigreport >"$report"' "$REPORT" "${INIT[@]}"
	wait_line "$REPORT" ready
	send 19 "$LEADER"
	wait_for state_is "$LEADER" T
	type_in '\003'
	wait_line "$REPORT" '2 128 .*'
	type_in '\034'
	wait_line "$REPORT" '3 128 .*'
	resize 11 22
	wait_line "$REPORT" '28 128 .*'
	send 18 "$LEADER"
	wait_line "$REPORT" '18 .*'
	# It has the marker after all that it had in its queue.
	send 31 "$LEADER"
	wait_line "$REPORT" '31 .*'
	assert_equal "$(grep -c '^2 ' "$REPORT")" "$times"
	assert_equal "$(grep -c '^3 ' "$REPORT")" "$times"
	assert_equal "$(grep -c '^28 ' "$REPORT")" "$times"
	# A user's are forwarded all the same.
	send 2 "$LEADER"
	wait_count "$REPORT" '2 .*' $((times + 1))
	again
}

@test "bug: with dumb-init -c, which shares its group, the keys come twice; under zinit once" {
	under_zinit dumb-init shared_group 1
	under_original dumb-init shared_group 2
}

### The terminal goes

hangs_up() {
	local number=$1
	shift
	"$@"
	wait_line "$REPORT" ready
	hang_up
	wait_line "$REPORT" '1 .*'
	send 10 "$LEADER"
	wait_line "$REPORT" '10 .*'
	# SIGCONT comes with it.
	assert_reported 1 10 18
	# Ends as it is told to.
	send 9 "$(pid_of sigreport)"
	assert_end "exited 137"
	again
}

@test "when the terminal goes the main child gets SIGHUP once, and SIGCONT" {
	local start options
	for start in start_pty start_pty_pid1; do
		for options in '' -g -S; do
			hangs_up 1 $start sh -c 'exec "$0" $1 -- sigreport >"$2"' "$ZINIT" "$options" \
				"$REPORT"
		done
	done
}

@test "when the terminal goes zinit ends with the main child's status" {
	local start options
	for start in start_pty start_pty_pid1; do
		for options in '' -g -S; do
			$start "$ZINIT" $options -- sleep 1000
			assert_foreground "$(pid_of sleep)"
			hang_up
			assert_end "exited 129"
			again
			$start "$ZINIT" $options -- bash -c 'trap "exit 5" HUP; echo up; while :; do
				read -t 9; sleep 0.01; done'
			see up
			hang_up
			assert_end "exited 5"
			again
		done
	done
}

@test "when the terminal goes with the shell, the job goes, and its stopped one too" {
	local child zinit
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	zinit=$(zinit_pid)
	assert_foreground "$child"
	hang_up
	wait_for _gone "$child"
	wait_for _gone "$zinit"
	again
	start_shell
	run_line '"$ZINIT" -- sleep 1000'
	child=$(pid_of sleep)
	zinit=$(zinit_pid)
	assert_foreground "$child"
	type_in '\032'
	see_prompt 148
	hang_up
	wait_for _gone "$child"
	wait_for _gone "$zinit"
}

### A session of the child's own

owns_terminal() {
	local child
	"$@"
	wait_line "$REPORT" ready
	child=$(pid_of sigreport)
	assert_equal "$(session_of "$child")" "$child"
	assert_foreground "$child"
	# 31 is handled after HUP and CONT, which zinit's own TIOCNOTTY causes.
	send 31 "$LEADER"
	wait_line "$REPORT" '31 .*'
	assert_reported 31
	# A user's are not dropped, neither the first nor the second.
	send 1 "$LEADER"
	wait_count "$REPORT" '1 .*' 1
	send 18 "$LEADER"
	wait_count "$REPORT" '18 .*' 1
	send 1 "$LEADER"
	wait_count "$REPORT" '1 .*' 2
	send 18 "$LEADER"
	wait_count "$REPORT" '18 .*' 2
	again
}

@test "-S as the session's leader: the child gets the terminal, no HUP and CONT of zinit's own" {
	local start
	for start in start_pty start_pty_pid1; do
		owns_terminal $start sh -c 'exec "$0" -S -- sigreport >"$1"' "$ZINIT" "$REPORT"
	done
}

dumb_init_owns_terminal() {
	owns_terminal start_pty sh -c 'report=$0; exec "$@" -- sigreport >"$report"' "$REPORT" "${INIT[@]}"
}

@test "dumb-init as the session's leader hands the terminal over and drops no user's HUP and CONT" {
	under_zinit dumb-init dumb_init_owns_terminal
}

@test "-S as a job of a shell leaves the shell its terminal" {
	local child
	start_shell
	run_line '"$ZINIT" -S -- sh -c "echo up; exec sleep 1000"'
	see up
	child=$(pid_of sleep)
	wait_for session_is "$child" "$child"
	assert_foreground "$(zinit_pid)"
	type_in '\003'
	see_prompt 130
	wait_for _gone "$child"
	assert_foreground "$LEADER"
	run_line 'echo here'
	see here
}

session_is() { [ "$(session_of "$1")" = "$2" ]; }

### dumb-init's own tests of the terminal

reads_and_writes() {
	start_pty "${INIT[@]}" tac
	type_in '1\n2\n3\n'
	type_in '\004'
	see '^3.2.1'
	assert_end "exited 0"
	again
}

job_control_without_i() {
	start_pty "${INIT[@]}" bash -m
	run_line 'echo "flags are: [[$-]]"'
	see 'flags are: \[\[[a-zA-Z]*m[a-zA-Z]*\]\]'
	run_line 'exit 0'
	assert_end "exited 0"
	again
}

@test "dumb-init: the program reads from and writes to the terminal" {
	under_each dumb-init reads_and_writes
}

@test "dumb-init: a shell has job control, as it got the controlling terminal" {
	under_each dumb-init job_control_without_i
}
