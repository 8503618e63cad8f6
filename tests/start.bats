#!/usr/bin/env bats
# The start: no signal is lost in the gap before the main child runs, and what stands in its way is
# named.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2030,SC2031 # each test is its own shell, and is to be
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

MODES="-- -g -S"

reported() { grep -E '^[0-9]' "$1" | cut -d' ' -f1; }

# The barrier

# All signals but the three that SIGCONT would discard, pending in zinit at its execve.
pending_at_execve() {
	local mode stops=20,21,22 rest
	rest=$(seq -s, 1 64 | sed 's/\b\(9\|17\|19\|20\|21\|22\),//g')
	for mode in $MODES; do
		"$1" exec_with block=all raise="$rest" -- "$ZINIT" "$mode" sigreport -n 58 \
			>"$BATS_TEST_TMPDIR/out"
		assert_equal "$(reported "$BATS_TEST_TMPDIR/out" | sort -n)" "$(tr , '\n' <<<"$rest")"
		"$1" exec_with block=all raise=$stops -- "$ZINIT" "$mode" sigreport -n 3 \
			>"$BATS_TEST_TMPDIR/out"
		assert_equal "$(reported "$BATS_TEST_TMPDIR/out" | sort -n)" "$(tr , '\n' <<<$stops)"
	done
}

@test "every signal that is pending and blocked at execve reaches the main child, as PID 1" {
	pending_at_execve in_pidns
}

@test "every signal that is pending and blocked at execve reaches the main child, as a subreaper" {
	pending_at_execve below_init
}

@test "a queued signal that is pending at execve keeps its value and its place in the order" {
	run in_pidns exec_with block=34,40 queue=40:7 queue=34:1 queue=34:2 queue=34:3 -- \
		"$ZINIT" sigreport -n 4
	assert_success
	assert_line --regexp '^34 -1 1 .*'
	assert_line --regexp '^34 -1 2 .*'
	assert_line --regexp '^34 -1 3 .*'
	assert_line --regexp '^40 -1 7 .*'
	assert_equal "$(grep '^34' <<<"$output" | cut -d' ' -f3)" $'1\n2\n3'
}

# The peers lose this 40 times of 40 in group mode.
signal_at_once() {
	local mode i
	for mode in $MODES; do
		for i in {1..20}; do
			"$@" -b 15 -t 10 "$ZINIT" "$mode" sleep 1000 || :
			[ "$(how)" = "exited 143" ] || fail "run $i with $mode: $(how)"
		done
	done
}

@test "a SIGTERM sent at the moment at which zinit blocks it ends the main child, as PID 1" {
	signal_at_once in_pidns
}

@test "a SIGTERM sent at the moment at which zinit blocks it ends the main child, as a subreaper" {
	signal_at_once below_init
}

# SYSCALLS: each of them takes long, zinit's own or the main child's.
signal_in_gap() {
	local start=$1 syscalls=$2 mode trace
	need_traced_injection
	for mode in $MODES; do
		trace=$BATS_TEST_TMPDIR/trace.$mode
		"$start" strace -D -f -qq -o "$trace" -e trace="$syscalls,execve" \
			-e inject="$syscalls:delay_enter=400000" "$ZINIT" "$mode" sleep 1000
		wait_for holds_signals "$ZPID"
		sigsend "$ZPID" 15
		finish
		assert_how "exited 143"
		# It was the program that died of it, not what was there before the program.
		run grep -E 'execve\("[^"]*/sleep"|killed by SIGTERM' "$trace"
		assert_line --index 0 --partial execve
		assert_equal "$(tail -n 1 <<<"$output" | grep -c "killed by SIGTERM")" 1
	done
}

@test "a signal sent while clone takes long reaches the program, as PID 1" {
	signal_in_gap start_in_pidns clone,clone3,fork,vfork
}

@test "a signal sent while clone takes long reaches the program, as a subreaper" {
	signal_in_gap start_below_init clone,clone3,fork,vfork
}

@test "a signal sent while setpgid or setsid takes long reaches the program, as PID 1" {
	signal_in_gap start_in_pidns setpgid,setsid
}

@test "a signal sent while setpgid or setsid takes long reaches the program, as a subreaper" {
	signal_in_gap start_below_init setpgid,setsid
}

@test "a signal sent while the mask is given back reaches the program" {
	# Twice a process: zinit blocks, the child gives back.
	signal_in_gap start_in_pidns rt_sigprocmask
}

unexeced_child() {
	local pid
	for pid in $(children "$ZPID"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$ZINIT")" ]; then
			_child=$pid
			return 0
		fi
	done
	return 1
}

stopped_in_gap() {
	local mode
	need_traced_injection
	for mode in $MODES; do
		"$1" exec_with sleeper -- strace -D -f -qq -o /dev/null \
			-e trace=setpgid,setsid -e inject=setpgid,setsid:delay_enter=1000000 \
			"$ZINIT" "$mode" sleep 1000
		wait_for unexeced_child
		kill -STOP "$_child"
		wait_for in_state "$_child" tT
		# Not the delay's stop: SIGSTOP has been taken.
		wait_for no_signal_pending "$_child"
		sigsend "$ZPID" 15
		kill -KILL "$(child_running exec_with)"
		wait_for lacks_child exec_with
		has_signal "$ZPID" ShdPnd 15 || fail "SIGTERM does not wait"
		kill -CONT "$_child"
		finish
		assert_how "exited 143"
	done
}

@test "a child stopped in the gap: signals wait until it has exec'd, and zinit reaps meanwhile, as PID 1" {
	stopped_in_gap start_in_pidns
}

@test "a child stopped in the gap: signals wait until it has exec'd, and zinit reaps meanwhile, as a subreaper" {
	stopped_in_gap start_below_init
}

no_signal_pending() { ! has_signal "$1" ShdPnd 19 && ! has_signal "$1" SigPnd 19; }
lacks_child() { ! _find_child_running "$1"; }

@test "a child killed in the gap: its death is zinit's status" {
	need_traced_injection
	start_in_pidns strace -D -f -qq -o /dev/null -e trace=setpgid \
		-e inject=setpgid:delay_enter=1000000 "$ZINIT" sleep 1000
	wait_for unexeced_child
	kill -KILL "$_child"
	finish
	assert_how "exited 137"
}

@test "a signal that is pending when the program cannot be found: status 127, and no hang" {
	run -127 --separate-stderr in_pidns exec_with block=15 raise=15 -- "$ZINIT" no-such-program
	assert_one_line "$stderr" no-such-program
}

# What was inherited and upset the peers

@test "SIGCHLD inherited as ignored: the status is right, nothing hangs, the child ignores it too" {
	local in
	for in in in_pidns below_init; do
		run "$in" exec_with ignore=17 -- "$ZINIT" sh -c 'exit 9'
		assert_failure 9
		run "$in" exec_with ignore=17 -- "$ZINIT" dump
		assert_success
		assert_line "signal 17 ignored"
	done
	start_in_pidns exec_with ignore=17 -- "$ZINIT" sh -c 'orphans 20; exec sleep 1000'
	wait_line "$OUT" '20 orphans have ended'
	wait_for has_children "$ZPID" 1
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 143
}

has_children() { [ "$(children "$1" | wc -w)" = "$2" ]; }

@test "SIGCHLD inherited as blocked: the status is right" {
	local in
	for in in in_pidns below_init; do
		run "$in" exec_with block=all -- "$ZINIT" sh -c 'exit 9'
		assert_failure 9
	done
}

@test "a closed stdin, stdout or stderr, or all, is no error" {
	local in closed
	for in in in_pidns below_init; do
		for closed in close=0 close=1 close=2 "close=0 close=1" "close=0 close=1 close=2"; do
			# shellcheck disable=SC2086 # words
			run "$in" exec_with $closed -- "$ZINIT" sh -c 'exit 9'
			assert_failure 9
			assert_output ""
		done
	done
}

@test "a stdin that is no terminal, or another session's, is no error" {
	local in file=$BATS_TEST_TMPDIR/file
	: >"$file"
	for in in in_pidns below_init; do
		for from in /dev/null /dev/zero "$file"; do
			run "$in" "$ZINIT" sh -c 'exit 9' <"$from"
			assert_failure 9
			assert_output ""
		done
		run "$in" "$ZINIT" sh -c 'exit 9' < <(:)
		assert_failure 9
		assert_output ""
		need_command script
		run script -qec "$HELPERS/pidns $([ $in = in_pidns ] || echo -i) $ZINIT sh -c 'exit 9'" \
			/dev/null
		assert_failure 9
		assert_output ""
	done
}

@test "no file can be opened any more: the program starts all the same" {
	local way
	run in_pidns exec_with limit=nofile:6 -- "$ZINIT" sh -c 'exit 9'
	assert_failure 9
}

# Programs that are scripts

@test "a script without #! runs with /bin/sh, with its name and its arguments" {
	local script=$BATS_TEST_TMPDIR/plain
	printf 'echo "$0|$#|$1|$2"\nexit 6\n' >"$script"
	chmod +x "$script"
	for way in $BOTH_WAYS; do
		run as_"$way" "$script" 'a b' ''
		assert_failure 6
		assert_output "$script|2|a b|"
		run as_"$way" -g -- "$script"
		assert_failure 6
		assert_output "$script|0||"
	done
}

@test "a script without #! that PATH leads to runs with /bin/sh" {
	printf 'echo "$0|$1"\n' >"$BATS_TEST_TMPDIR/plain-script"
	chmod +x "$BATS_TEST_TMPDIR/plain-script"
	PATH=/nowhere:$BATS_TEST_TMPDIR:$PATH
	run as_pid1 plain-script x
	assert_success
	assert_output "$BATS_TEST_TMPDIR/plain-script|x"
}

@test "an empty script runs, and succeeds" {
	: >"$BATS_TEST_TMPDIR/empty"
	chmod +x "$BATS_TEST_TMPDIR/empty"
	run as_pid1 "$BATS_TEST_TMPDIR/empty"
	assert_success
	assert_output ""
}

@test "a program is searched in PATH, beyond directories that lack or refuse it" {
	local dir=$BATS_TEST_TMPDIR
	mkdir "$dir/refused" "$dir/dir" "$dir/good" "$dir/dir/prog"
	printf '#!/bin/sh\necho refused\n' >"$dir/refused/prog"
	printf '#!/bin/sh\necho good\n' >"$dir/good/prog"
	chmod +x "$dir/good/prog"
	: >"$dir/file"
	local PATH="$dir/none:$dir/file:$dir/refused:$dir/dir:$dir/good:$PATH"
	run as_pid1 prog
	assert_success
	assert_output good
}

@test "an empty place in PATH is the working directory, of which zinit starts the child" {
	local PATH=$PATH:
	cd "$BATS_TEST_TMPDIR"
	printf '#!/bin/sh\necho here\n' >here-only
	chmod +x here-only
	run as_pid1 here-only
	assert_output here
	run as_pid1 ./here-only
	assert_output here
}

@test "without PATH the usual directories are searched" {
	run in_pidns "$(command -v env)" -i "$ZINIT" sh -c 'echo found'
	assert_success
	assert_output found
}

# Programs that cannot start

# STATUS WORD COMMAND...: the status, one line on stderr that has the word and the program's name,
# nothing on stdout.
refused() {
	local expected=$1 word=$2 way
	shift 2
	for way in $BOTH_WAYS; do
		run -"$expected" --separate-stderr as_"$way" "$@"
		assert_output ""
		assert_one_line "$stderr" "$word"
		[[ $stderr == *"$1"* ]] || fail "does not name $1: $stderr"
	done
}

@test "a program that is not there: 127" {
	refused 127 "no-such-program" no-such-program
	refused 127 "No such file" /no/such/program
	refused 127 "No such file" ./no-such-program
	refused 127 "" ''
}

@test "a program that may not be executed: 126" {
	local dir=$BATS_TEST_TMPDIR
	: >"$dir/plain"
	refused 126 "ermission denied" "$dir/plain"
	refused 126 "ermission denied" "$dir"
	PATH=$dir:$PATH
	refused 126 "ermission denied" plain
}

@test "a program whose path leads through a file: 126 or 127 as env(1) has it" {
	: >"$BATS_TEST_TMPDIR/file"
	refused 126 "" "$BATS_TEST_TMPDIR/file/program"
}

@test "a loop of links, a name that is too long, a program that is being written: 126" {
	local long dir=$BATS_TEST_TMPDIR writer
	ln -s loop "$dir/loop"
	refused 126 "" "$dir/loop"
	long=$(printf 'x%.0s' {1..300})
	refused 126 "" "/$long"
	cp "$(command -v die)" "$dir/busy"
	exec {writer}>>"$dir/busy"
	refused 126 "" "$dir/busy"
	exec {writer}>&-
}

@test "a script whose interpreter is missing: 127, and the interpreter is named" {
	local script=$BATS_TEST_TMPDIR/uninterpreted
	printf '#!/no/such/interpreter -x\n' >"$script"
	chmod +x "$script"
	refused 127 /no/such/interpreter "$script"
	cd "$BATS_TEST_TMPDIR"
	refused 127 /no/such/interpreter ./uninterpreted
	PATH=$BATS_TEST_TMPDIR:$PATH
	refused 127 /no/such/interpreter uninterpreted
	# As it is when PATH is relative, and zinit in / by then.
	PATH=.:$PATH
	refused 127 /no/such/interpreter uninterpreted
}

@test "a script whose #! line ends with CR LF: 127, and the message says so" {
	local script=$BATS_TEST_TMPDIR/script
	printf '#!/bin/sh\r\necho hello\r\n' >"$script"
	chmod +x "$script"
	refused 127 CR "$script"
	refused 127 /bin/sh "$script"
	refute_regex "$stderr" $'\r'
}

@test "a program whose dynamic loader is missing: 127, and the loader is named" {
	local loader program=$BATS_TEST_TMPDIR/program
	need_command readelf
	loader=$(readelf -lW "$(command -v die)" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
	[ -n "$loader" ] || skip "the helpers are static"
	sed "s|${loader}|${loader%?}X|" "$(command -v die)" >"$program"
	chmod +x "$program"
	refused 127 "${loader%?}X" "$program"
}

@test "a program for another architecture: 126, and the message says so" {
	local program=$BATS_TEST_TMPDIR/program machine='\xb7\x00'
	[ "$(uname -m)" != aarch64 ] || machine='\x3e\x00'
	cp "$(command -v die)" "$program"
	printf %b "$machine" | dd of="$program" bs=1 seek=18 conv=notrunc status=none
	refused 126 architecture "$program"
}

@test "a name with control bytes is shown in one line, without them" {
	run -127 --separate-stderr as_pid1 $'/no/su\nch\e[31mprogram'
	assert_one_line "$stderr" /no/su
	refute_regex "$stderr" $'\e'
}

@test "no process can be made: 125, and the message says so" {
	need_traced_injection
	run --separate-stderr below_init strace -D -qq -o /dev/null -e trace=clone,clone3,fork,vfork \
		-e inject=clone,clone3,fork,vfork:error=EAGAIN "$ZINIT" sigreport
	assert_failure 125
	assert_output ""
	assert_one_line "$stderr" zinit
}

@test "clone with shared memory is refused, as by qemu: a plain fork does" {
	need_traced_injection
	run below_init strace -D -f -qq -o /dev/null -e trace=clone,clone3,fork,vfork \
		-e inject=clone:error=EINVAL:when=1 "$ZINIT" sh -c 'exit 9'
	assert_failure 9
}
