#!/usr/bin/env bats
# PIDs running out: which limit is nearest, and when it is said.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib

# Reads "COMMAND" lines from the FIFO $0 and starts each in the background; "end" ends the last.
MENU='exec 3<>"$0"; while read -r command <&3; do
	case $command in
	end) kill -KILL "$!"; wait "$!" 2>/dev/null ;;
	*) $command & ;;
	esac
done'

setup() {
	trace_test_only
	need_namespaces
	FIFO=$BATS_TEST_TMPDIR/commands
	mkfifo "$FIFO"
}

teardown() {
	end_started
	[ -z "${CGROUP-}" ] || rmdir "$CGROUP/below" "$CGROUP" 2>/dev/null || :
}

please() { echo "$1" >"$FIFO"; }

# A pids cgroup below this process's own: prints its directory. Version 1 or 2.
make_cgroup() {
	need_root "cgroups"
	local top=/sys/fs/cgroup/pids own
	own=$(sed -nE 's/^[0-9]+:pids:(.*)/\1/p' /proc/self/cgroup)
	[ -n "$own" ] || top=/sys/fs/cgroup own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	CGROUP=$top${own%/}/zinit-test-$$-$BATS_TEST_NUMBER
	mkdir "$CGROUP" 2>/dev/null || skip "no cgroup can be made here"
	[ -e "$CGROUP/pids.max" ] || { rmdir "$CGROUP" && skip "there is no pids controller here"; }
}

# start_in_cgroup DIR COMMAND...: as start_in_pidns, with all of it in the cgroup.
start_in_cgroup() {
	local dir=$1
	shift
	start_in_pidns sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$dir" "$@"
}

remove_cgroups() { wait_for rmdir "$@" 2>/dev/null; }

said() { jq -r "select(.event | startswith(\"pids-\")) | [.event, .percent] | join(\" \")" "$ERR"; }
_said_count() { [ "$(said 2>/dev/null | wc -l)" -ge "$1" ]; }
wait_said() { wait_for _said_count "$1"; }

@test "one warning at 80 %, 90 % and 95 % of the cgroup's pids.max, and one when it falls back" {
	make_cgroup
	echo 200 >"$CGROUP/pids.max"
	start_in_cgroup "$CGROUP" "$ZINIT" --log-format json --watch 30ms -- sh -c "$MENU" "$FIFO"
	# zinit, the shell and the crowd's first process make three.
	please 'crowd 150'
	wait_line "$OUT" '150 live'
	please 'negligent -n 2'
	wait_for grep -q held-zombies "$ERR"
	assert_equal "$(said)" ""
	please 'crowd 3' # 2 + 151 + 3 + 4 = 160 of 200
	wait_said 1
	please 'crowd 19' # 180
	wait_said 2
	please 'crowd 9' # 190
	wait_said 3
	please 'end' # 180: no more of it
	please 'crowd 9'
	wait_count "$OUT" '9 live' 2
	kill -KILL "$(outside_named crowd 151)"
	wait_said 4
	kill -KILL "$(main_child)"
	finish
	run said
	assert_output --regexp $'^pids-scarce 80\npids-scarce 90\npids-scarce 95\npids-recovered [0-9]+$'
	run jq -r 'select(.event == "pids-scarce") | [.pids_used, .pids_limit, .limit_file, .zombies, .parent_name, .parent_zombies] | join(" ")' "$ERR"
	assert_line --index 0 "160 200 $CGROUP/pids.max 2 negligent 2"
	assert_line --index 1 "180 200 $CGROUP/pids.max 2 negligent 2"
	assert_line --index 2 "190 200 $CGROUP/pids.max 2 negligent 2"
	remove_cgroups "$CGROUP"
}
# The main child's child of that name that has so many processes, itself included.
outside_named() {
	local pid
	for pid in $(children "$(main_child)"); do
		[ "$(cat "/proc/$pid/comm")" = "$1" ] && [ "$(children "$pid" | wc -w)" = $(($2 - 1)) ] && echo "$pid"
	done
}

@test "the message in words, with the limit's file, the zombies and who holds most" {
	make_cgroup
	echo 20 >"$CGROUP/pids.max"
	start_in_cgroup "$CGROUP" "$ZINIT" --watch 50ms -- sh -c 'negligent -N few -n 2 & negligent -N most -n 10 & wait'
	wait_line "$ERR" "zinit\[1\]: warning: PIDs run out: 16 of 20 PIDs are in use \(80 %, $CGROUP/pids\.max\); 12 of them are zombies, most held by [0-9]+ \(most\): 10"
	kill -KILL "$(main_child)"
	finish
	remove_cgroups "$CGROUP"
}

# Without the message that they are no longer scarce, which may come while all are being ended.
scarce() {
	jq -r 'select(.event == "pids-scarce") | [.pids_used, .pids_limit, .limit_file] | join(" ")' \
		"$ERR"
}

@test "a limit on a level above counts, and so does one for threads" {
	make_cgroup
	mkdir "$CGROUP/below"
	echo 50 >"$CGROUP/pids.max"
	start_in_cgroup "$CGROUP/below" "$ZINIT" --log-format json --watch 50ms -- crowd -t 41
	wait_said 1
	kill -KILL "$(main_child)"
	finish
	run scarce
	assert_output "43 50 $CGROUP/pids.max"
	# The nearer of two.
	echo 10 >"$CGROUP/below/pids.max"
	start_in_cgroup "$CGROUP/below" "$ZINIT" --log-format json --watch 50ms -- crowd 7
	wait_said 1
	kill -KILL "$(main_child)"
	finish
	run scarce
	assert_output "9 10 $CGROUP/below/pids.max"
	remove_cgroups "$CGROUP/below" "$CGROUP"
}

@test "the check counts against the same limit" {
	make_cgroup
	echo 100 >"$CGROUP/pids.max"
	start_in_cgroup "$CGROUP" "$ZINIT" crowd 89
	wait_line "$OUT" '89 live'
	run enter sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CGROUP" "$ZINIT" --check
	assert_failure 1
	assert_line --index 0 "unhealthy: 92 of 100 PIDs used (92 %, $CGROUP/pids.max), more than 90 %; 0 zombies held"
	kill -KILL "$(main_child)"
	finish
	remove_cgroups "$CGROUP"
}

need_own_pid_max() {
	local release
	need_root "the namespace's pid_max"
	IFS=. read -r -a release < <(uname -r)
	[ "${release[0]}" -gt 6 ] || { [ "${release[0]}" = 6 ] && [ "${release[1]}" -ge 14 ]; } ||
		skip "pid_max is the namespace's own since Linux 6.14"
}

@test "the namespace's pid_max: processes and threads in it count, no others" {
	need_own_pid_max
	start_in_pidns sh -c 'echo 400 >/proc/sys/kernel/pid_max; exec "$@"' sh "$ZINIT" --log-format json --watch 50ms -- \
		sh -c 'crowd 100 & crowd -t 220 & wait'
	wait_said 1
	kill -KILL "$(main_child)"
	finish
	# zinit, the shell, 101 and 221.
	run jq -r '[.event, .pids_used, .pids_limit, .percent, .limit_file] | join(" ")' "$ERR"
	assert_output "pids-scarce 324 400 81 /proc/sys/kernel/pid_max"
}

@test "RLIMIT_NPROC of zinit's user: that user's processes and threads count" {
	need_root "another user"
	start_in_pidns exec_with limit=nproc:50 -- "$ZINIT" --user 61236 --log-format json --watch 50ms -- \
		sh -c 'crowd 20 & crowd -t 20 & wait'
	wait_said 1
	kill -KILL "$(main_child)"
	finish
	run jq -r '[.event, .pids_used, .pids_limit, .percent, .limit_file] | join(" ")' "$ERR"
	assert_output "pids-scarce 44 50 88 RLIMIT_NPROC"
}

@test "RLIMIT_NPROC is not root's" {
	need_root "root's own"
	start_in_pidns exec_with limit=nproc:20 -- "$ZINIT" --log-format json --watch 50ms -- \
		sh -c 'crowd 30 & negligent & wait'
	wait_for grep -q held-zombies "$ERR"
	kill -KILL "$(main_child)"
	finish
	assert_equal "$(said)" ""
}

# Version 2, and what containers see, cannot be had on every machine: /proc and the cgroup's files
# are made up. with_cgroups CGROUP MOUNTINFO sets $output to the limit's file.
with_cgroups() {
	printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/cgroup"
	printf '%s\n' "$2" >"$BATS_TEST_TMPDIR/mountinfo"
	run in_pidns unshare -m sh -c '
		mount --bind "$1/cgroup" /proc/1/cgroup && mount --bind "$1/mountinfo" /proc/1/mountinfo &&
		exec "$0" --check --settle 1ms --log-format json' "$ZINIT" "$BATS_TEST_TMPDIR"
	[ "$status" != 32 ] || skip "mount cannot lay a file over /proc's here"
	output=$(jq -r '[.pids_used, .pids_limit, .limit_file] | join(" ")' <<<"$output")
}

# level DIR USED LIMIT
level() {
	mkdir -p "$1"
	echo "$2" >"$1/pids.current"
	echo "$3" >"$1/pids.max"
}

@test "cgroup version 2: each level up to the highest that can be seen" {
	need_root "mounts over /proc"
	local dir=$BATS_TEST_TMPDIR/cg
	level "$dir/a/b" 10 max
	level "$dir/a" 50 100
	level "$dir" 60 1000
	# What is not below the mount is not looked at.
	echo 1 >"$BATS_TEST_TMPDIR/pids.max"
	echo 1 >"$BATS_TEST_TMPDIR/pids.current"
	with_cgroups '0::/a/b' "30 24 0:26 / $dir rw,nosuid - cgroup2 cgroup2 rw"
	assert_output "50 100 $dir/a/pids.max"
	level "$dir/a/b" 9 10
	with_cgroups '0::/a/b' "30 24 0:26 / $dir rw,nosuid shared:5 - cgroup2 cgroup2 rw"
	assert_output "9 10 $dir/a/b/pids.max"
	# In a cgroup namespace the own cgroup is the root.
	with_cgroups '0::/' "30 24 0:26 / $dir rw,nosuid - cgroup2 cgroup2 rw"
	assert_output "60 1000 $dir/pids.max"
}

@test "cgroup version 1 in a container: the mount's root is the container's part" {
	need_root "mounts over /proc"
	local dir=$BATS_TEST_TMPDIR/cg
	level "$dir" 30 40
	with_cgroups $'7:memory:/x\n8:cpu,pids:/docker/abc\n0::/' "30 24 0:26 /docker/abc $dir rw - cgroup cgroup rw,cpu,pids"
	assert_output "30 40 $dir/pids.max"
	level "$dir/sub" 39 40
	with_cgroups $'8:pids:/docker/abc/sub' "30 24 0:26 /docker/abc $dir rw - cgroup cgroup rw,pids"
	assert_output "39 40 $dir/sub/pids.max"
	# Another's part, and a hierarchy without the controller, are not zinit's.
	with_cgroups $'8:pids:/docker/abcd' "30 24 0:26 /docker/abc $dir rw - cgroup cgroup rw,pids"
	assert_output --regexp ' /proc/sys/kernel/pid_max$'
	with_cgroups $'8:pids:/docker/abc' "30 24 0:26 /docker/abc $dir rw - cgroup cgroup rw,pidsx"
	assert_output --regexp ' /proc/sys/kernel/pid_max$'
	with_cgroups $'8:pids:/../abc' "30 24 0:26 / $dir rw - cgroup cgroup rw,pids"
	assert_output --regexp ' /proc/sys/kernel/pid_max$'
}

@test "version 1 and 2 at once: the nearer limit of both" {
	need_root "mounts over /proc"
	local dir=$BATS_TEST_TMPDIR/cg mounts
	level "$dir/v1" 10 100
	level "$dir/v2" 20 100
	mounts="30 24 0:26 / $dir/v2 rw - cgroup2 cgroup2 rw
31 24 0:27 / $dir/v1 rw - cgroup cgroup rw,pids"
	with_cgroups $'8:pids:/\n0::/' "$mounts"
	assert_output "20 100 $dir/v2/pids.max"
	level "$dir/v1" 30 100
	with_cgroups $'8:pids:/\n0::/' "$mounts"
	assert_output "30 100 $dir/v1/pids.max"
}

@test "mountinfo: a thousand mounts, a line too long, blanks in a name" {
	need_root "mounts over /proc"
	local dir="$BATS_TEST_TMPDIR/a b" long mounts
	level "$dir" 5 10
	printf -v long '%05000d' 0
	mounts=$(for i in {1..1000}; do echo "$i 24 0:26 / /mnt/$i rw - ext4 /dev/vda rw"; done
		echo "29 24 0:26 /$long /mnt rw - cgroup2 cgroup2 rw"
		echo "30 24 0:26 / ${dir// /\\040} rw - cgroup2 cgroup2 rw")
	with_cgroups '0::/' "$mounts"
	assert_output "5 10 $dir/pids.max"
}
