# shellcheck shell=bash
# pty.bash: a pseudo terminal for a test, driven by helpers/pty.c. `load helpers/pty` below lib.
#
#   start_pty PROGRAM...     PROGRAM leads a session of its own on a new terminal, with PID 1 of a
#                            PID namespace (the driver) as its parent; all PIDs here are that
#                            namespace's. Sets LEADER. One at a time: it ends the one before.
#   start_pty_pid1 PROGRAM...  PROGRAM is PID 1 of one more PID namespace below
#   start_shell              an interactive bash as the leader, at its first prompt
#   type_in TEXT             types TEXT: \n, \003 (Ctrl-C), \032 (Ctrl-Z), \034 (Ctrl-\), \004
#   run_line TEXT            the same with \n at its end
#   see REGEX                waits for output that matches, takes it off; SEEN is it, or group 1
#   see_prompt STATUS        waits for start_shell's prompt, which tells the last status
#   rest_seen                SEEN is all that came and nothing took off
#   assert_foreground PGID   waits until that is the terminal's foreground process group
#   modes                    prints the terminal's modes
#   resize ROWS COLUMNS      hang_up         send NUMBER PID
#   assert_end "exited N"    waits for the leader's end
#
# In the namespace, by its PIDs (each a condition for wait_for, or printing):
#   there PID                PID is there and no zombie
#   state_is PID LETTERS     group_is PID PGID
#   pid_of NAME              prints the PID of the one process that runs NAME (waits)
#   parent_of PID  group_of PID  session_of PID

PTY_SECONDS=${PTY_SECONDS:-10}

_start_pty() {
	local options=()
	while [[ $1 == -* ]]; do
		options+=("$1")
		shift
	done
	end_pty
	mkfifo "$BATS_TEST_TMPDIR/pty.commands" "$BATS_TEST_TMPDIR/pty.replies"
	exec {_pty_commands}<>"$BATS_TEST_TMPDIR/pty.commands"
	exec {_pty_replies}<>"$BATS_TEST_TMPDIR/pty.replies"
	start_in_pidns pty "${options[@]}" "$BATS_TEST_TMPDIR/pty.commands" \
		"$BATS_TEST_TMPDIR/pty.replies" "$@"
	_pty leader
	# shellcheck disable=SC2034 # for the tests
	LEADER=$SEEN
}

end_pty() {
	[ -e "$BATS_TEST_TMPDIR/pty.commands" ] || return 0
	end_started
	_started=()
	exec {_pty_commands}>&- {_pty_replies}>&-
	rm "$BATS_TEST_TMPDIR/pty.commands" "$BATS_TEST_TMPDIR/pty.replies"
}

start_pty() { _start_pty "$@"; }
start_pty_pid1() { _start_pty -1 "$@"; }

# Without readline the terminal's modes stay as they are. The prompt tells the last status.
start_shell() {
	TERM=dumb PS1='<$?>' start_pty bash --norc --noprofile --noediting -i
	see_prompt 0
}

# One command to the driver and its reply, which is SEEN then.
_pty() {
	local reply
	printf '%s\n' "$*" >&"$_pty_commands"
	if ! IFS= read -r -t $((PTY_SECONDS + 5)) -u "$_pty_replies" reply; then
		fail "the terminal's driver has gone: $(cat "$ERR")"
		return 1
	fi
	SEEN=${reply#ok}
	SEEN=${SEEN# }
	if [[ $reply != ok* ]]; then
		fail "$1: ${reply#no}"
		return 1
	fi
}

type_in() { _pty send "$1"; }
run_line() { _pty send "$1\\n"; }
see() { _pty expect "$PTY_SECONDS" "$1"; }
see_prompt() { see "<$1>\$"; }
rest_seen() { _pty rest; }
resize() { _pty resize "$1" "$2"; }
hang_up() { _pty hangup; }
send() { _pty signal "$1" "$2"; }

foreground() {
	_pty foreground
	echo "$SEEN"
}

modes() {
	_pty modes
	echo "$SEEN"
}

_foreground_is() { [ "$(foreground)" = "$1" ]; }
assert_foreground() {
	WAIT_SECONDS=$PTY_SECONDS wait_for _foreground_is "$1" ||
		fail "the foreground is $(foreground), not $1"
}

assert_end() {
	_pty wait "$PTY_SECONDS"
	assert_equal "$SEEN" "$1"
}

_stat() {
	local line
	{ read -r line <"/proc/$NSPID/root/proc/$1/stat"; } 2>/dev/null || return 1
	# state ppid pgrp session
	# shellcheck disable=SC2086 # words
	set -- "$2" ${line##*) }
	eval "echo \"\${$(($1 + 1))}\""
}

there() { [[ $(_stat "$1" 1) == [RSDTt] ]]; }
state_is() { [[ $(_stat "$1" 1) == ["$2"] ]]; }
group_is() { [ "$(_stat "$1" 3)" = "$2" ]; }
parent_of() { _stat "$1" 2; }
group_of() { _stat "$1" 3; }
session_of() { _stat "$1" 4; }
_gone() { ! there "$1"; }

_find_pid() {
	local comm name
	_found=
	for comm in "/proc/$NSPID/root/proc"/[0-9]*/comm; do
		{ read -r name <"$comm"; } 2>/dev/null || continue
		[ "$name" = "$1" ] || continue
		comm=${comm%/comm}
		there "${comm##*/}" || continue
		[ -z "$_found" ] || return 1
		_found=${comm##*/}
	done
	[ -n "$_found" ]
}

pid_of() {
	wait_for _find_pid "$1"
	echo "$_found"
}
