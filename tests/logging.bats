#!/usr/bin/env bats
# Messages: on stderr, a line each, and never at the price of zinit's work.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2153,SC2154 # stderr and stderr_lines come from run and finish

load lib

has_children() { [ "$(children "$1" | wc -w)" = "$2" ]; }

# At -vv each forwarded signal is a line.
TALKING="-vv"

# start_with_stderr WAY FILE ARG...: zinit's and the child's stderr is FILE, opened for writing, or
# what the fifo FILE is.
start_with_stderr() {
	local way=$1 file=$2 start=start_in_pidns
	shift 2
	[ "$way" = pid1 ] || start=start_below_init
	"$start" sh -c 'file=$1; shift; exec "$@" 2>>"$file"' sh "$file" "$ZINIT" "$@"
}

# A fifo that is open at both ends, so that nothing waits for the other: the descriptor FIFO_FD.
open_fifo() {
	FIFO=$BATS_TEST_TMPDIR/fifo.$RANDOM
	mkfifo "$FIFO"
	exec {FIFO_FD}<>"$FIFO"
}

# Fills the fifo to the last byte, which is less than a line.
fill_fifo() {
	dd if=/dev/zero of="$FIFO" bs=65536 count=64 oflag=nonblock status=none 2>/dev/null || :
	dd if=/dev/zero of="$FIFO" bs=1 count=8192 oflag=nonblock status=none 2>/dev/null || :
}

# Takes off what is in the fifo, without waiting for more.
drain_fifo() { dd if="$FIFO" iflag=nonblock bs=65536 status=none 2>/dev/null || :; }

# serves WAY: zinit forwards, reaps and ends, whatever its log does. The child was started with
# sigreport and lives.
serves() {
	local i
	for i in {1..30}; do
		sigsend "$ZPID" 10
		wait_count "$OUT" '10 .*' "$i"
	done
	enter orphans 20 >/dev/null
	wait_for has_no_zombies
	sigsend "$ZPID" 64
	finish
	assert_equal "$status" 0
}

has_no_zombies() { [ "$(zombies "$ZPID")" = 0 ]; }

# The form

@test "a message is one line: the name and PID of zinit, the level, the text" {
	local way line
	for way in $BOTH_WAYS; do
		start_"$way" $TALKING sigreport -u 64
		wait_line "$OUT" ready
		sigsend "$ZPID" 10
		wait_line "$OUT" '10 .*'
		sigsend "$ZPID" 64
		finish
		[ "${#stderr_lines[@]}" -ge 3 ]
		for line in "${stderr_lines[@]}"; do
			[[ $line =~ ^zinit\[[12]\]:\ (error|warning|info|debug):\ [^\ ] ]] ||
				fail "not of the form: $line"
		done
		assert_regex "$stderr" 'debug: .*USR1'
		# Nothing of it is on stdout (tini mixes its own into the program's output).
		refute_regex "$output" 'zinit\['
	done
}

@test "the levels: -q errors, the default warnings, -v what was started, -vv each signal" {
	local level
	for level in -q -- -v -vv; do
		start_pid1 "$level" sigreport -l 0 -u 64
		wait_line "$OUT" ready
		# A warning: the child's queue has no room for the value.
		sigsend -q 1 "$ZPID" 40
		wait_line "$OUT" '40 .*'
		sigsend "$ZPID" 64
		finish
		case $level in
		-q) assert_equal "$stderr" "" ;;
		--) assert_one_line "$stderr" "warning:" ;;
		-v)
			assert_regex "$stderr" 'info: .*sigreport'
			refute_regex "$stderr" 'debug:'
			;;
		-vv) assert_regex "$stderr" 'debug: .*RTM' ;;
		esac
	done
	run -127 --separate-stderr as_pid1 -q no-such-program
	assert_one_line "$stderr" "error:"
}

@test "a line has at most 512 bytes, and is one write" {
	local name
	name=$(printf 'x%.0s' {1..200})
	printf '#!/bin/sh\nexec sigreport -u 64\n' >"$BATS_TEST_TMPDIR/$name"
	chmod +x "$BATS_TEST_TMPDIR/$name"
	mkdir -p "$BATS_TEST_TMPDIR/$name.d/$name.d/$name.d"
	cp "$BATS_TEST_TMPDIR/$name" "$BATS_TEST_TMPDIR/$name.d/$name.d/$name.d/$name"
	start_pid1 -v "$BATS_TEST_TMPDIR/$name.d/$name.d/$name.d/$name"
	wait_line "$OUT" ready
	sigsend "$ZPID" 64
	finish
	assert_one_line "$stderr" xxxx
	[ "$(wc -c <"$ERR")" -le 512 ]
}

@test "lines of zinit's and of the child's in one pipe are never mixed" {
	local way i reader seen=$BATS_TEST_TMPDIR/seen
	for way in $BOTH_WAYS; do
		open_fifo
		cat "$FIFO" >"$seen" {FIFO_FD}>&- &
		reader=$!
		start_with_stderr "$way" "$FIFO" $TALKING sh -c 'trap "" USR1
			echo ready; while :; do echo "program" >&2; done'
		wait_line "$OUT" ready
		for i in {1..100}; do
			sigsend "$ZPID" 10
		done
		wait_for grep -q USR1 "$seen"
		kill -KILL "$(main_child)"
		finish
		exec {FIFO_FD}>&-
		wait "$reader"
		[ "$(grep -cE '^zinit\[[12]\]: debug: .*USR1' "$seen")" -gt 0 ]
		run grep -m 3 -vE '^program$|^zinit\[[12]\]: [a-z]+: [^z]' "$seen"
		assert_output ""
		run grep -m 3 -E 'program.|.program|.zinit\[' "$seen"
		assert_output ""
	done
}

# A log that is stuck, or gone

@test "a full pipe that nobody reads: zinit forwards, reaps and ends all the same" {
	local way
	for way in $BOTH_WAYS; do
		open_fifo
		fill_fifo
		start_with_stderr "$way" "$FIFO" $TALKING -w sigreport -u 64
		wait_line "$OUT" ready
		serves
		exec {FIFO_FD}>&-
	done
}

@test "a child that fills the same pipe at full speed holds up nothing" {
	local way i
	for way in $BOTH_WAYS; do
		open_fifo
		# The child writes to it for ever; a slow reader makes room now and then, for either.
		start_with_stderr "$way" "$FIFO" $TALKING -w sh -c 'yes >&2 & exec sigreport -u 64'
		wait_line "$OUT" ready
		for i in {1..20}; do
			dd if="$FIFO" of=/dev/null bs=100 count=7 status=none
			sigsend "$ZPID" 10
			wait_count "$OUT" '10 .*' "$i"
		done
		kill -KILL "$(children "$(main_child)" | tr -d ' ')"
		enter orphans 20 >/dev/null
		wait_for has_no_zombies
		sigsend "$ZPID" 64
		finish
		assert_equal "$status" 0
		exec {FIFO_FD}>&-
	done
}

@test "lines that were lost are counted, and the count is said when the log flows again" {
	local way text
	for way in $BOTH_WAYS; do
		open_fifo
		start_with_stderr "$way" "$FIFO" $TALKING sigreport -u 64
		wait_line "$OUT" ready
		fill_fifo
		sigsend "$ZPID" 10
		wait_count "$OUT" '10 .*' 1
		sigsend "$ZPID" 12
		wait_count "$OUT" '12 .*' 1
		sigsend "$ZPID" 1
		wait_count "$OUT" '1 .*' 1
		# Each line is written before the next signal is read.
		wait_for in_state "$ZPID" S
		drain_fifo >/dev/null
		sigsend "$ZPID" 2
		wait_count "$OUT" '2 .*' 1
		sigsend "$ZPID" 64
		finish
		text=$(drain_fifo | tr -d '\0')
		assert_regex "$text" 'warning: 3 messages were lost'
		refute_regex "$text" USR1
		assert_regex "$text" SIGINT
		exec {FIFO_FD}>&-
	done
}

@test "a reader that has gone: zinit forwards, reaps and ends all the same" {
	local way start
	for way in $BOTH_WAYS; do
		start=start_in_pidns
		[ "$way" = pid1 ] || start=start_below_init
		"$start" exec_with pipe=8 close=8 -- sh -c 'exec "$@" 2>&9 9>&-' sh \
			"$ZINIT" $TALKING -w sigreport -u 64
		wait_line "$OUT" ready
		serves
		# No SIGPIPE came to the child.
		refute_regex "$output" '(^|'$'\n'')13 '
	done
}

@test "a closed stderr holds up nothing, and zinit's own descriptors get no line" {
	local way start
	for way in $BOTH_WAYS; do
		start=start_in_pidns
		[ "$way" = pid1 ] || start=start_below_init
		"$start" exec_with close=2 -- "$ZINIT" $TALKING -w sigreport -u 64
		wait_line "$OUT" ready
		serves
	done
}

@test "a full disk, or a limit to a file's size, is no error, and no SIGXFSZ for the child" {
	run in_pidns exec_with limit=fsize:0 -- sh -c 'file=$1; shift; exec "$@" 2>>"$file"' sh \
		"$BATS_TEST_TMPDIR/file" "$ZINIT" $TALKING sh -c '
		trap "echo got; exit 3" USR1
		kill -USR1 1
		while :; do sleep 0.01; done'
	assert_failure 3
	assert_output got
	[ -e /dev/full ] || skip "no /dev/full"
	start_with_stderr pid1 /dev/full $TALKING sigreport -u 64
	wait_line "$OUT" ready
	serves
}

@test "a file gets the lines at its end, whoever else writes to it" {
	local file=$BATS_TEST_TMPDIR/log
	echo first >"$file"
	start_with_stderr pid1 "$file" $TALKING sh -c 'echo second >&2; exec sigreport -u 64'
	wait_line "$OUT" ready
	echo third >>"$file"
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	wait_for grep -q USR1 "$file"
	sigsend "$ZPID" 64
	finish
	run cat "$file"
	assert_line first
	assert_line second
	assert_line third
	assert_line --partial USR1
}

@test "a file that is not opened for appending: what the child wrote is not overwritten" {
	local file=$BATS_TEST_TMPDIR/log
	start_below_init sh -c 'file=$1; shift; exec "$@" 2>"$file"' sh "$file" \
		"$ZINIT" $TALKING sh -c 'echo written-by-the-child >&2; exec sigreport -u 64'
	wait_line "$OUT" ready
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	wait_for grep -q USR1 "$file"
	sigsend "$ZPID" 64
	finish
	run cat "$file"
	assert_line written-by-the-child
	assert_line --partial USR1
}

# The ways out

@test "the child's stderr never becomes non-blocking" {
	local in
	for in in in_pidns below_init; do
		open_fifo
		run "$in" sh -c 'exec "$@" 2>"$0"' "$FIFO" "$ZINIT" $TALKING sh -c '
			trap "came=1" USR2
			kill -USR2 $PPID
			while [ -z "$came" ]; do sleep 0.01; done
			exec dump'
		assert_success
		# O_WRONLY with O_LARGEFILE; O_NONBLOCK would be 4000 more.
		assert_line --regexp '^fd 2 .* flags 10000?1 cloexec 0'
		exec {FIFO_FD}>&-
	done
}

# without ERROR: pwritev2 fails with ERROR, as on an old kernel or for a terminal.
without() {
	local error=$1
	shift
	need_traced_injection
	open_fifo
	start_in_pidns sh -c 'fifo=$1; shift; exec "$@" 2>"$fifo"' sh "$FIFO" \
		strace -D -qq -o /dev/null -e trace=pwritev2,open,openat \
		-e inject="pwritev2:error=$error" "$@" "$ZINIT" --no-sandbox $TALKING sigreport -u 64
	wait_line "$OUT" ready
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	wait_for fifo_has USR1
	fill_fifo
	serves
	exec {FIFO_FD}>&-
	rm -f "$BATS_TEST_TMPDIR/seen"
}

fifo_has() {
	drain_fifo | tr -d '\0' >>"$BATS_TEST_TMPDIR/seen"
	grep -q -- "$1" "$BATS_TEST_TMPDIR/seen"
}

@test "without RWF_NOWAIT a private description of the same pipe does, and never blocks" {
	without EOPNOTSUPP
	without ENOSYS
	without EINVAL
}

@test "without that one either, poll and write do, for a pipe that nobody else fills" {
	need_traced_injection
	open_fifo
	start_in_pidns sh -c 'fifo=$1; shift; umount /proc; exec "$@" 2>"$fifo"' sh "$FIFO" \
		strace -D -qq -o /dev/null -e trace=pwritev2 -e inject=pwritev2:error=ENOSYS \
		"$ZINIT" --no-sandbox $TALKING sigreport -u 64
	wait_line "$OUT" ready
	sigsend "$ZPID" 10
	wait_line "$OUT" '10 .*'
	wait_for fifo_has USR1
	fill_fifo
	serves
	exec {FIFO_FD}>&-
}

@test "a terminal is written to" {
	need_command script
	run script -qec "$HELPERS/pidns $ZINIT -v sh -c 'exit 9'" /dev/null </dev/null
	assert_failure 9
	assert_line --partial "info: started"
}

@test "after the start zinit can still log to where its log is a terminal" {
	need_command script
	# The private description is open before zinit gives open(2) up.
	run script -qec "$HELPERS/pidns $ZINIT -vv sh -c 'sleep 0.2; kill -USR1 1; sleep 10'" \
		/dev/null </dev/null
	assert_failure 138
	assert_line --partial USR1
}

@test "where its log is a fifo with a name zinit has a description of its own before that" {
	open_fifo
	start_with_stderr pid1 "$FIFO" sleep 60
	own_description() {
		local fd
		for fd in "/proc/$ZPID/fd"/*; do
			[ "${fd##*/}" -gt 2 ] && [ "$(readlink "$fd")" = "$FIFO" ] &&
				(($(sed -n 's/^flags:\t//p' "/proc/$ZPID/fdinfo/${fd##*/}") & 04000)) && return
		done
		return 1
	}
	wait_for own_description
	# No other pipe costs a descriptor.
	start_pid1 sleep 60
	wait_for grep -qx 'Seccomp:	[2]' "/proc/$ZPID/status"
	run find "/proc/$ZPID/fd" -mindepth 1 -printf '%f\n'
	assert_equal "${#lines[@]}" 4
	exec {FIFO_FD}>&-
}
