#!/usr/bin/env bats
# --check: for a container's health check.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib

teardown() {
	end_started
	[ -z "${CGROUPS-}" ] || rmdir "$CGROUPS-other/below" "$CGROUPS-mine" "$CGROUPS-other" 2>/dev/null || :
}

# Beside what was started last, as `docker exec` runs a health check.
check() { enter "$ZINIT" --check "$@"; }

holds() { wait_line "$OUT" "[0-9]+ holds $1"; }

@test "healthy: status 0, the verdict in the first line, nothing on stderr" {
	start_pid1 sleep 1000
	main_child >/dev/null
	run --separate-stderr check
	assert_success
	assert_line --index 0 --regexp '^healthy: 0 zombies held by 0 parents; [0-9]+ of [0-9]+ PIDs used \([0-9]+ %, /[a-z/_.]+\)$'
	assert_line --index 1 '0 zombies held in total'
	assert_equal "${#lines[@]}" 2
	assert_equal "$stderr" ""
	kill -TERM "$ZPID"
	finish
}

@test "held zombies are shown with their parents, most first, and are no reason by themselves" {
	start_pid1 sh -c 'negligent -N few -n 2 & negligent -N many -Z dead -n 5 & wait'
	holds 2
	holds 5
	run check
	assert_success
	assert_line --index 0 --regexp '^healthy: 7 zombies held by 2 parents; '
	assert_line --index 1 --regexp '^ +PID +PARENT +ZOMBIES +ONE ZOMBIE +WHAT TO DO$'
	assert_line --index 2 --regexp '^ +[0-9]+ +many +5 +[0-9]+ dead +fix it; '
	assert_line --index 3 --regexp '^ +[0-9]+ +few +2 +[0-9]+ few +fix it; '
	assert_line --index 4 '7 zombies held in total'
	kill -KILL "$(main_child)"
	finish
}

@test "--max-zombies N: unhealthy when one parent holds more" {
	start_pid1 sh -c 'negligent -N few -n 2 & negligent -N many -n 5 & wait'
	holds 2
	holds 5
	run check --max-zombies 5
	assert_success
	assert_line --index 0 --regexp '^healthy: '
	run check --max-zombies 4
	assert_failure 1
	assert_line --index 0 --regexp '^unhealthy: [0-9]+ \(many\) holds 5 zombies, more than 4; [0-9]+ of [0-9]+ PIDs used '
	run check --max-zombies 0
	assert_failure 1
	kill -KILL "$(main_child)"
	finish
}

# Runs the check with its second look 1.5 s after the first, and $1 in between.
check_around() {
	enter "$ZINIT" --check --settle 1500ms --log-format json >"$BATS_TEST_TMPDIR/check" 3>&- &
	local check=$!
	_started+=("$check")
	wait_for sleeping_check "$check"
	"$@"
	wait "$check"
}
sleeping_check() {
	local pid
	for pid in $(descendants "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$(basename "$ZINIT")" ] && in_state "$pid" S && return 0
	done
	return 1
}
descendants() {
	local child
	for child in $(children "$1" 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
}

@test "what is a zombie at one of the two looks alone is not held" {
	local parent
	start_pid1 negligent -n 3
	holds 3
	parent=$(main_child)
	check_around kill -USR2 "$parent"
	assert_equal "$(jq .held_zombies "$BATS_TEST_TMPDIR/check")" 0
	holds 0
	check_around kill -USR1 "$parent"
	assert_equal "$(jq .held_zombies "$BATS_TEST_TMPDIR/check")" 0
	# The control: nothing in between.
	check_around true
	assert_equal "$(jq .held_zombies "$BATS_TEST_TMPDIR/check")" 3
	kill -TERM "$ZPID"
	finish
}

@test "a dead leader whose other threads live is no zombie" {
	start_pid1 leader_ends 0
	wait_line "$OUT" 'the leader has ended'
	in_state "$(main_child)" Z
	run check
	assert_success
	assert_line --index 0 --regexp '^healthy: 0 zombies held '
	kill -USR1 "$(main_child)"
	finish
}

@test "--max-pids: unhealthy when more of the PIDs are used" {
	need_own_pid_max
	start_in_pidns sh -c 'echo 1000 >/proc/sys/kernel/pid_max; exec "$@"' sh "$ZINIT" crowd 98
	wait_line "$OUT" '98 live'
	run check --max-pids 9
	assert_failure 1
	assert_line --index 0 --regexp '^unhealthy: 10[1-9] of 1000 PIDs used \(10 %, /proc/sys/kernel/pid_max\), more than 9 %; 0 zombies held$'
	run check --max-pids 11
	assert_success
	run check
	assert_success
	kill -KILL "$(main_child)"
	finish
}
need_own_pid_max() {
	local release
	need_root "the namespace's pid_max"
	IFS=. read -r -a release < <(uname -r)
	[ "${release[0]}" -gt 6 ] || { [ "${release[0]}" = 6 ] && [ "${release[1]}" -ge 14 ]; } ||
		skip "pid_max is the namespace's own since Linux 6.14"
}

@test "the advice fits the parent" {
	# PID 1 itself is negligent.
	start_in_pidns negligent -N init
	holds 1
	run check
	assert_line --regexp ' 1 +init +1 +2 init +restart the container, with an init as PID 1$'
	end_started
	# One with a handler, and one without.
	start_pid1 sh -c 'negligent -N deaf & negligent -N hears -n 2 merged & wait'
	wait_line "$OUT" '[0-9]+ holds 2'
	wait_line "$OUT" '[0-9]+ holds 1'
	run check
	assert_line --regexp ' deaf +1 .* end it, and PID 1 reaps'
	refute_line --regexp ' deaf .*CHLD it'
	assert_line --regexp ' hears +1 .* kill -CHLD it'
	kill -KILL "$(main_child)"
	finish
}

@test "a zombie under a tracer is the tracer's" {
	local go=$BATS_TEST_TMPDIR/go child
	mkfifo "$go"
	start_pid1 sh -c 'sh -c "sleep 1000 & echo child \$!; exec sleep 1000" & read -r child <"$0"; tracer "$child" & wait; exec sleep 1000' "$go"
	wait_line "$OUT" 'child [0-9]+'
	child=$(sed -n 's/^child //p' "$OUT")
	echo "$child" >"$go"
	wait_line "$OUT" "traces $child"
	enter kill -KILL "$child"
	run check
	assert_line --regexp ' tracer +1 +[0-9]+ sleep +end this tracer, or let it detach$'
	kill -KILL "$(main_child)"
	finish
}

@test "it takes a quarter of a second, and --settle says otherwise" {
	local before after
	before=${EPOCHREALTIME/./}
	in_pidns "$ZINIT" --check >/dev/null
	after=${EPOCHREALTIME/./}
	[ $((after - before)) -ge 250000 ] && [ $((after - before)) -lt 1000000 ] || fail "$((after - before)) us"
	before=${EPOCHREALTIME/./}
	in_pidns "$ZINIT" --check --settle 500ms >/dev/null
	after=${EPOCHREALTIME/./}
	[ $((after - before)) -ge 500000 ] || fail "$((after - before)) us"
}

@test "it starts nothing and signals nobody" {
	need_command strace
	start_pid1 negligent -n 3
	holds 3
	run enter strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "$ZINIT" --check
	assert_success
	run grep -cE ' (exit_group)\(' "$BATS_TEST_TMPDIR/trace"
	assert_output 1
	run grep -E ' (v?fork|clone3?|execve|kill|tkill|tgkill|rt_sigqueueinfo|pidfd_send_signal)\(' "$BATS_TEST_TMPDIR/trace"
	assert_equal "${#lines[@]}" 1
	assert_line --index 0 --regexp 'execve'
	kill -TERM "$ZPID"
	finish
}

@test "a crowd of negligent parents: under 4,096 bytes, and whole" {
	local format
	start_pid1 sh -c 'i=0; while [ $i -lt 280 ]; do negligent -N "$0" -Z "$0" -n 2 & i=$((i+1)); done; wait' $'\e\e\e\e\e\e\e\e\e\e\e\e\e\e\e'
	WAIT_SECONDS=30 wait_count "$OUT" '[0-9]+ holds 2' 280
	run check
	assert_success
	assert_line --index 0 --regexp '^healthy: 560 zombies held by 2[0-9][0-9] parents; '
	assert_line --regexp '^and 2[0-9][0-9] more parents$'
	assert_line '560 zombies held in total'
	for format in text json; do
		check --log-format "$format" >"$BATS_TEST_TMPDIR/out"
		[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -lt 4096 ]
		run ! grep -qP '[^\x20-\x7e]' "$BATS_TEST_TMPDIR/out"
	done
	run jq -r '.held_zombies, (.parents | length > 5)' "$BATS_TEST_TMPDIR/out"
	assert_output $'560\ntrue'
	kill -KILL "$(main_child)"
	finish
}

@test "as JSON: the verdict, the figures and the parents" {
	start_pid1 negligent -N 'a "b"' -Z dead -n 3
	holds 3
	run --separate-stderr check --log-format json --max-zombies 2
	assert_failure 1
	assert_equal "${#lines[@]}" 1
	run jq -c '[.event, .level, .exit_status, .held_zombies, .negligent_parents, (.pids_used > 3), (.pids_limit > 0), (.limit_file | startswith("/")), (.message | startswith("unhealthy: 2 "))]' <<<"$output"
	assert_output '["check","warning",1,3,1,true,true,true,true]'
	run check --log-format json
	assert_success
	run jq -c '.parents | map([.parent_pid, .parent_name, .zombies, .zombie_name, (.advice | length > 9)])' <<<"$output"
	assert_output '[[2,"a \"b\"",3,"dead",true]]'
	kill -TERM "$ZPID"
	finish
}

# cannot_tell WHY PROGRAM...: status 125, and a verdict that is not healthy, in both forms.
cannot_tell() {
	local why=$1
	shift
	run in_pidns "$@" "$ZINIT" --check
	assert_failure 125
	assert_equal "${#lines[@]}" 1
	assert_line --regexp "^unknown: $why"
	run in_pidns "$@" "$ZINIT" --check --log-format json
	assert_failure 125
	run jq -r '[.event, .level, .exit_status] | join(" ")' <<<"$output"
	assert_output "check error 125"
}

@test "125 where it cannot tell: no /proc, or another namespace's" {
	cannot_tell 'there is no /proc of this PID namespace' unshare -m sh -c 'umount /proc; exec "$@"' sh
	cannot_tell 'there is no /proc of this PID namespace' unshare -pf
}

@test "125 where it cannot tell: hidepid, for a user and group that are not root" {
	need_root "hidepid"
	local mode
	for mode in 1 2 4; do
		cannot_tell '/proc hides other users' unshare -m sh -c "mount -o remount,hidepid=$mode /proc && exec setpriv --reuid 61234 --regid 61234 --clear-groups \"\$@\"" sh
	done
	cannot_tell '/proc hides other users' unshare -m sh -c 'mount -o remount,hidepid=2,gid=61235 /proc && exec setpriv --reuid 61234 --regid 0 --groups 0 "$@"' sh
	cannot_tell '/proc hides other users' unshare -m sh -c 'mount -o remount,hidepid=2 /proc && exec setpriv --reuid 0 --regid 61234 --clear-groups --bounding-set -sys_ptrace "$@"' sh
}

@test "hidepid is no obstacle for the group that may see all, nor with CAP_SYS_PTRACE, nor when it is off" {
	need_root "hidepid"
	local who
	for who in 'hidepid=2,gid=61235 /proc && exec setpriv --reuid 61234 --regid 61235 --clear-groups' \
		'hidepid=2,gid=61235 /proc && exec setpriv --reuid 61234 --regid 1 --groups 5,61235' \
		'hidepid=2 /proc && exec setpriv --reuid 61234 --regid 0 --clear-groups' \
		'hidepid=2 /proc && exec setpriv --reuid 0 --regid 61234 --clear-groups' \
		'hidepid=0 /proc && exec setpriv --reuid 61234 --regid 61234 --clear-groups'; do
		start_in_pidns sh -c 'sh -c "negligent -n 3 & exec sleep 1000" & wait; exec sleep 1000'
		holds 3
		run enter unshare -m sh -c "mount -o remount,$who \"\$@\"" sh "$ZINIT" --check --max-zombies 2
		assert_failure 1
		assert_line --index 0 --regexp '^unhealthy: [0-9]+ \(negligent\) holds 3 zombies'
		end_started
	done
}

@test "a usage error is 125" {
	for word in --settle=x --max-pids=x --max-pids=101 --max-zombies=-1 --nonsense; do
		run as_pid1 --check "$word"
		assert_failure 125
	done
}

@test "it works in an image that has nothing else" {
	need_root "chroot"
	mkdir -p "$BATS_TEST_TMPDIR/image/proc"
	cp "$ZINIT" "$BATS_TEST_TMPDIR/image/zinit"
	run in_pidns unshare -m sh -c 'mount --bind /proc "$0/proc"; exec chroot "$0" /zinit --check' "$BATS_TEST_TMPDIR/image"
	assert_success
	assert_line --index 0 --regexp '^healthy: '
}

@test "with a shared PID namespace it says that it counts the pod's zombies" {
	ln -s "$ZINIT" "$BATS_TEST_TMPDIR/pause"
	start_in_pidns "$BATS_TEST_TMPDIR/pause"
	wait_for holds_signals "$ZPID"
	run check
	assert_success
	assert_line --index 1 "the PID namespace is shared: what is counted is the pod's processes, not this container's alone"
	run check --log-format json
	run jq -r .pid_namespace <<<"$output"
	assert_output --regexp "^shared: "
	kill -TERM "$ZPID"
	finish
	# The control.
	start_pid1 sleep 1000
	run check
	refute_line --partial "shared"
	kill -TERM "$ZPID"
	finish
}

@test "PID 1 in the cgroup of another container: the namespace is shared" {
	need_root "cgroups"
	local top=/sys/fs/cgroup/unified mine other
	[ -e "$top/cgroup.procs" ] || top=/sys/fs/cgroup
	CGROUPS=$top/zinit-test-$$
	mine=$CGROUPS-mine other=$CGROUPS-other
	mkdir "$mine" "$other" 2>/dev/null || skip "no cgroups can be made here"
	(echo "$BASHPID" >"$mine/cgroup.procs") 2>/dev/null || skip "no process can enter a cgroup here"
	start_in_pidns sh -c 'echo $$ >"$0/cgroup.procs"; exec sleep 1000' "$other"
	wait_for grep -q . "$other/cgroup.procs"
	run enter sh -c 'echo $$ >"$0/cgroup.procs"; exec "$1" --check' "$mine" "$ZINIT"
	assert_line --partial "is shared: "
	# The same one, and one below.
	run enter sh -c 'echo $$ >"$0/cgroup.procs"; exec "$1" --check' "$other" "$ZINIT"
	refute_line --partial "shared"
	mkdir "$other/below"
	run enter sh -c 'echo $$ >"$0/below/cgroup.procs"; exec "$1" --check' "$other" "$ZINIT"
	refute_line --partial "shared"
	kill -KILL "$ZPID"
	finish
	wait_for rmdir "$other/below" "$mine" "$other" 2>/dev/null
}
