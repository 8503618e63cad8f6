#!/usr/bin/env bats
# zinit leaves no trace in the child, and keeps nothing that it does not need.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# same [WORK-OF-exec_with]... [-- COMMAND-IN-FRONT...]
# What a program finds is the same under zinit as without, as PID 1's child and a subreaper's.
same() {
	local in direct=$BATS_TEST_TMPDIR/direct under=$BATS_TEST_TMPDIR/under works=()
	while [ $# != 0 ] && [ "$1" != -- ]; do
		works+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	for in in in_pidns below_init; do
		rm -f "$direct" "$under"
		"$in" "$@" exec_with "${works[@]}" -- dump -o "$direct" x </dev/null >/dev/null
		"$in" "$@" exec_with "${works[@]}" -- "$ZINIT" dump -o "$under" x </dev/null >/dev/null
		[ "$(grep -vc '^own ' "$direct")" -gt 120 ] || fail "an empty dump"
		sed -i "s|$direct|FILE|" "$direct"
		sed -i "s|$under|FILE|" "$under"
		# Each run has namespaces of its own.
		diff -u <(comparable "$direct") <(comparable "$under") ||
			fail "not the same under zinit ($in ${works[*]} $*)"
	done
}

comparable() {
	sed -E '/^own |^\/proc\/self\/ns\/(mnt|pid|user) /d; s/pipe:\[[0-9]+\]/a pipe/' "$1"
}

@test "a plain start: everything that a program can find is as without zinit" {
	same
}

@test "the mask is inherited bit for bit" {
	same block=all
	same block=20,21,22
	same block=32
	same block=33,34
	same block=1,15,17,64
	same block=2,13,35,63
}

@test "ignored signals are inherited one for one, SIGCHLD too" {
	same ignore=all
	same ignore=17
	same ignore=32,33,34
	same ignore=1,2,3,13,20,21,22,64
	same ignore=1,2,13 block=15,17
}

@test "nothing is pending in the child that was not sent to it" {
	run in_pidns exec_with block=10,17,34 -- "$ZINIT" dump
	assert_line --regexp '^status SigPnd:.0000000000000000$'
	assert_line --regexp '^status ShdPnd:.0000000000000000$'
}

@test "descriptors are inherited, all and no other" {
	same open=3:/etc/passwd
	same open=4:/dev/null open=5:/etc/passwd open=9:/etc/group open=77:/etc/passwd
	same pipe=20 open=255:/dev/zero
}

@test "descriptors that are closed at the start are closed in the child" {
	same close=0
	same close=1
	same close=2
	same close=0 close=1
	same close=0 close=2
	same close=1 close=2
	same close=0 close=1 close=2
	same close=0 close=1 close=2 open=3:/etc/passwd
}

@test "the file offset of a descriptor is shared with the child, and not moved" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/file"
	run as_pid1 sh -c 'read -r line; echo "$line"' <"$BATS_TEST_TMPDIR/file"
	assert_output one
	{
		run as_pid1 sh -c 'read -r line'
		read -r line
	} <"$BATS_TEST_TMPDIR/file"
	assert_equal "$line" two
}

@test "the working directory is inherited, also one that was removed" {
	mkdir "$BATS_TEST_TMPDIR/a b" "$BATS_TEST_TMPDIR/gone"
	same directory=/usr
	same "directory=$BATS_TEST_TMPDIR/a b"
	same -- sh -c 'cd "$0/gone" && rmdir "$0/gone" && "$@"; s=$?; mkdir "$0/gone"; exit $s' \
		"$BATS_TEST_TMPDIR"
}

@test "umask, limits, nice value and OOM score are inherited" {
	same umask=0
	same umask=077
	same umask=137
	same limit=nofile:2000 limit=core:1 limit=stack:1000000 limit=fsize:1000000 limit=cpu:1000
	same limit=nproc:5000 limit=sigpending:77
	same nice=7
	same oom=500
}

@test "timer slack, no_new_privs, personality, affinity and scheduler are inherited" {
	same slack=12345
	same no_new_privs
	need_command setarch
	same -- setarch -R
	same -- taskset 1
	same -- chrt -b 0
	same -- ionice -c 3
}

@test "capabilities, users and secure bits are inherited" {
	need_root "changes users"
	need_command setpriv
	open_to_all
	same -- setpriv --bounding-set -sys_admin,-net_raw
	same -- setpriv --inh-caps +chown --ambient-caps +chown
	same -- setpriv --reuid 65534 --regid 65534 --groups 1,2,3
	same -- setpriv --securebits +noroot
}

@test "the environment is inherited, also an empty one, or an odd one" {
	local dump
	dump=$(command -v dump)
	run in_pidns env -i "$ZINIT" "$dump"
	assert_success
	refute_line --regexp '^environ '
	same -- env -i PATH="$PATH" A=1 'B=two words' C= =odd
	same environ=ZINIT_UNKNOWN=1 environ=LISTEN_FDS=3 environ=LISTEN_PID=4000 environ=NOTIFY_SOCKET=/x
}

@test "arguments are passed on as they are" {
	run as_pid1 dump '' ' ' 'a b' $'new\nline' -- -g --group -x
	assert_success
	assert_line 'argument 1 '
	assert_line 'argument 2  '
	assert_line 'argument 3 a b'
	assert_line 'argument 4 new'
	assert_line 'argument 5 --'
	assert_line 'argument 6 -g'
	assert_line 'argument 7 --group'
	assert_line 'argument 8 -x'
	# shellcheck disable=SC2046 # words
	run as_pid1 sh -c 'echo "$#:${#1}:$(($#))"' sh "$(printf '%0100000d' 0)" $(seq 1 5000)
	assert_output 5001:100000:5001
}

@test "the child leads a process group of its own, in zinit's session" {
	local way
	for way in $BOTH_WAYS; do
		run as_"$way" dump
		assert_success
		# zinit's session is that of the namespace's PID 1, either way.
		assert_line --regexp '^own pid ([0-9]+) ppid [12] pgid \1 sid 1$'
		assert_line 'own session leader 0'
		assert_line 'subreaper 0'
		assert_line 'own pdeathsig 0'
	done
}

@test "/proc/1/cmdline and the name of PID 1 stay zinit's" {
	run as_pid1 sh -c 'tr "\0" " " </proc/1/cmdline; echo; cat /proc/1/comm' sh
	assert_line --index 0 --partial "$ZINIT sh -c"
	assert_line --index 1 "$(basename "$ZINIT" | cut -c1-15)"
}

# Socket activation and the watchdog

@test "LISTEN_PID and WATCHDOG_PID that name zinit name the child, LISTEN_PIDFDID goes" {
	local in
	for in in in_pidns below_init; do
		run "$in" exec_with environ_pid=LISTEN_PID environ=LISTEN_FDS=1 \
			environ=LISTEN_PIDFDID=123 environ_pid=WATCHDOG_PID \
			environ=LISTEN_FDNAMES=web open=3:/etc/passwd -- "$ZINIT" \
			sh -c 'echo "$$ $LISTEN_PID $WATCHDOG_PID $LISTEN_FDS $LISTEN_FDNAMES
				${LISTEN_PIDFDID-none} $(readlink /proc/$$/fd/3)"'
		assert_success
		assert_output --regexp '^([0-9]+) \1 \1 1 web'
		assert_output --partial "none /etc/passwd"
	done
}

@test "LISTEN_PID and WATCHDOG_PID that name another process are left alone" {
	run in_pidns exec_with environ=LISTEN_PID=4000 environ=LISTEN_PIDFDID=123 \
		environ=WATCHDOG_PID=4001 -- "$ZINIT" \
		sh -c 'echo "$LISTEN_PID $WATCHDOG_PID $LISTEN_PIDFDID"'
	assert_output "4000 4001 123"
	run in_pidns exec_with environ=LISTEN_PID=1x environ=WATCHDOG_PID= environ=LISTEN_PIDFDID=9 \
		-- "$ZINIT" sh -c 'echo "$LISTEN_PID ${WATCHDOG_PID-unset} $LISTEN_PIDFDID"'
	assert_output "1x  9"
}

@test "each of two zinits corrects LISTEN_PID" {
	run in_pidns exec_with environ_pid=LISTEN_PID -- "$ZINIT" "$ZINIT" \
		sh -c '[ "$LISTEN_PID" = $$ ]'
	assert_success
}

# What zinit keeps

targets() {
	local fd
	for fd in "/proc/$1/fd"/*; do
		echo "$(basename "$fd") $(readlink "$fd")"
	done
}

holds_signalfd_only() { [ "$(targets "$ZPID" | awk '$1 > 2' | cut -d' ' -f2)" = "anon_inode:[signalfd]" ]; }

@test "zinit keeps its signalfd and no other descriptor above 2" {
	local start
	for start in start_in_pidns start_below_init; do
		"$start" exec_with open=3:/etc/passwd pipe=8 open=200:/dev/null -- "$ZINIT" sigreport -u 10
		wait_line "$OUT" ready
		wait_for holds_signalfd_only
		sigsend "$ZPID" 10
		finish
		assert_equal "$status" 0
	done
}

@test "zinit's own descriptors never land on 0, 1 or 2" {
	local start
	for start in start_in_pidns start_below_init; do
		"$start" exec_with close=0 close=1 close=2 -- "$ZINIT" sleep 1000
		main_child >/dev/null
		wait_for holds_signalfd_only
		run targets "$ZPID"
		refute_line --regexp '^[012] (anon|pipe|socket)'
		sigsend "$ZPID" 15
		finish
	done
}

@test "zinit's stdin becomes /dev/null; stdout and stderr stay as PID 1" {
	start_pid1 sigreport -u 10 </dev/zero
	wait_line "$OUT" ready
	wait_for holds_signalfd_only
	run targets "$ZPID"
	assert_line "0 /dev/null"
	assert_line "1 $OUT"
	assert_line "2 $ERR"
	sigsend "$ZPID" 10
	finish
}

@test "as a subreaper zinit lets go of stdout, too" {
	start_subreaper sigreport -u 10
	wait_line "$OUT" ready
	wait_for holds_signalfd_only
	run targets "$ZPID"
	assert_line "0 /dev/null"
	assert_line "1 /dev/null"
	assert_line "2 $ERR"
	sigsend "$ZPID" 10
	finish
}

@test "a job writes to the log by /proc/1/fd/1 and /proc/1/fd/2" {
	start_pid1 sh -c 'exec >/dev/null 2>&1
		echo to-out >/proc/1/fd/1; echo to-err >/proc/1/fd/2; exit 3'
	finish
	assert_equal "$status" 3
	assert_equal "$output" to-out
	assert_equal "$stderr" to-err
	# A pipe, as an engine has it.
	run in_pidns sh -c '"$0" sh -c "echo by-pipe >/proc/1/fd/1" | cat' "$ZINIT"
	run as_pid1 sh -c 'echo by-pipe >/proc/1/fd/1'
	assert_output by-pipe
}

@test "a user other than root can look at its own zinit's descriptors: it stays dumpable" {
	need_root "changes users"
	need_command setpriv
	run in_pidns setpriv --reuid 65534 --regid 65534 --clear-groups "$ZINIT" \
		sh -c 'sleep 0.2; readlink /proc/1/fd/0'
	assert_success
	assert_output /dev/null
}

@test "zinit never holds the reading end of somebody's pipe: the writer learns that nobody reads" {
	local way writer fifo
	for way in $BOTH_WAYS; do
		fifo=$BATS_TEST_TMPDIR/fifo.$way
		mkfifo "$fifo"
		yes >"$fifo" 2>/dev/null 3>&- &
		writer=$!
		start_"$way" sh -c 'exec </dev/null; echo closed; exec sleep 1000' <"$fifo"
		wait_line "$OUT" closed
		wait_gone "$writer"
		wait "$writer" && status=0 || status=$?
		assert_equal "$status" 141
		sigsend "$ZPID" 15
		finish
	done
}

@test "as a subreaper zinit does not keep a pipe open that the child has closed" {
	local fifo=$BATS_TEST_TMPDIR/fifo
	mkfifo "$fifo"
	# The reader gets its end of file while zinit and the child still run.
	start_below_init sh -c 'exec "$0" sh -c "echo text; exec >/dev/null; exec sleep 1000" >"$1"' \
		"$ZINIT" "$fifo"
	run timeout 5 cat "$fifo"
	assert_success
	assert_output text
	kill -0 "$ZPID"
	sigsend "$ZPID" 15
	finish
}

@test "zinit does not pin the working directory" {
	local way
	for way in $BOTH_WAYS; do
		cd "$BATS_TEST_TMPDIR"
		start_"$way" sigreport -u 10
		wait_line "$OUT" ready
		wait_for holds_signalfd_only
		wait_for is_in_root
		sigsend "$ZPID" 10
		finish
	done
}

is_in_root() { [ "$(readlink "/proc/$ZPID/cwd")" = / ]; }

@test "without /dev/null zinit's stdin is closed, and all goes well" {
	local start
	for start in start_in_pidns start_below_init; do
		"$start" sh -c 'mount -t tmpfs none /dev && exec "$0" sigreport -u 10' "$ZINIT" </dev/zero
		wait_line "$OUT" ready
		wait_for holds_signalfd_only
		run targets "$ZPID"
		refute_line --regexp '^0 '
		sigsend "$ZPID" 10
		finish
		assert_equal "$status" 0
		assert_equal "$stderr" ""
	done
}

@test "without /proc the child starts, is served and ends as ever" {
	run in_pidns sh -c 'umount /proc && exec "$0" sh -c "orphans 3; exit 6"' "$ZINIT"
	assert_failure 6
	assert_output "3 orphans have ended"
}
