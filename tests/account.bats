#!/usr/bin/env bats
# The account: how each process ended and what it used (--warn-on-reap, --report).
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

setup() {
	trace_test_only
	need_namespaces
	REPORT=$BATS_TEST_TMPDIR/report
	JSON=(--log-format json)
}

teardown() {
	end_started
	[ -z "${MEMORY-}" ] || rmdir "$MEMORY" 2>/dev/null || :
}

# figure NAME: what burn printed of itself.
figure() { sed -nE "s/.*\\b$1 ([0-9]+).*/\\1/p" "$OUT"; }

# about NAME SAID OWN SLACK: zinit's figure is the process's own within 10 %, or by SLACK.
about() {
	local difference=$(($2 - $3))
	[ "$3" -gt 0 ] || fail "$1 was not used at all"
	[ ${difference#-} -le $(($3 / 10)) ] || [ ${difference#-} -le "$4" ] ||
		fail "$1: zinit says $2, the process itself said $3"
}

# The figures in the JSON object $1 against those that burn printed.
compare_figures() {
	said() { jq -r ".$1" <<<"$object"; }
	object=$1
	about "user time" "$(said user_microseconds)" "$(figure user)" 0
	about "system time" "$(said system_microseconds)" "$(figure system)" 5000
	about "peak memory" "$(said peak_memory_kib)" "$(figure peak)" 0
	about "minor faults" "$(said minor_faults)" "$(figure minor)" 0
	about "voluntary switches" "$(said voluntary_switches)" "$(figure voluntary)" 2
	[ "$(said involuntary_switches)" -ge "$(figure involuntary)" ]
	[ "$(said major_faults)" -ge "$(figure major)" ]
}

@test "-w: an orphan's figures are those that it saw itself, within 10 %" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -w "${JSON[@]}" -- sh -c '(burn -u 300 -s 200 -m 50 -v 300 -e 7 &); exec sleep 1000'
		wait_for grep -q orphan-reaped "$ERR"
		compare_figures "$(grep orphan-reaped "$ERR")"
		run jq -r '[.event, .level, .name, .exit_status] | join(" ")' "$ERR"
		assert_output "orphan-reaped warning burn 7"
		kill -KILL "$(main_child)"
		finish
	done
}

@test "-w: how each orphan ended is said in words" {
	start_pid1 -w -- sh -c '(sh -c "exit 3" &); (die 9 &); (die 15 &); (sh -c "kill -SEGV \$\$" &); exec sleep 1000'
	wait_count "$ERR" '.* reaped orphan .*' 4
	run sed -E 's/.*\((.*)\), which (.*); user .*/\1 \2/' "$ERR"
	assert_line 'sh exited with status 3'
	assert_line 'die was killed by SIGKILL'
	assert_line 'die was killed by SIGTERM'
	assert_line --regexp '^sh was killed by SIGSEGV( \(core dumped\))?$'
	run grep -cE '; user [0-9]+\.[0-9]{3} s, system [0-9]+\.[0-9]{3} s, peak memory [0-9]+ KiB, block input [0-9]+, output [0-9]+, page faults [0-9]+ minor, [0-9]+ major, switches [0-9]+ voluntary, [0-9]+ involuntary$' "$ERR"
	assert_output 4
	kill -KILL "$(main_child)"
	finish
}

@test "-w: every signal that kills is named, real-time ones, too" {
	start_pid1 -w "${JSON[@]}" -- sh -c '(die 1 &); (die 34 &); (die 36 &); (die 64 &); exec sleep 1000'
	wait_count "$ERR" '.*orphan-reaped.*' 4
	run jq -r .signal "$ERR"
	assert_line SIGHUP
	assert_line SIGRTMIN
	assert_line SIGRTMIN+2
	assert_line --regexp '^SIGRTM(AX|IN\+30)$'
	kill -KILL "$(main_child)"
	finish
}

@test "without -w and --report nothing is said of orphans" {
	run as_pid1 -v sh -c '(exit 3 &); (die 9 &); sleep .1'
	assert_success
	refute_output --partial orphan
}

@test "a core dump is told" {
	need_core_files
	start_pid1 -w --report "$REPORT" "${JSON[@]}" -- sh -c "cd '$BATS_TEST_TMPDIR'; ulimit -c unlimited; (sh -c 'kill -ABRT \$\$' &); sleep .2; kill -SEGV \$\$"
	finish
	assert_equal "$status" 139
	run jq -r '[.signal, .core_dumped] | join(" ")' <(grep orphan "$ERR"; head -n 1 "$REPORT")
	assert_output $'SIGABRT 1\nSIGSEGV 1'
	run jq -r .message "$REPORT"
	assert_line --regexp '^main child 2 was killed by SIGSEGV \(core dumped\); '
}
need_core_files() {
	read -r pattern </proc/sys/kernel/core_pattern
	[[ $pattern != '|'* && $pattern != /* ]] || skip "core files go elsewhere here: $pattern"
	[ "$(ulimit -Hc)" = unlimited ] || skip "core files are limited here"
}

@test "--report: the main child's figures are those that it saw itself, and its run time" {
	local way ran
	for way in $BOTH_WAYS; do
		start_"$way" --report "$REPORT" "${JSON[@]}" burn -u 300 -s 200 -m 50 -v 300 -e 7
		finish
		assert_equal "$status" 7
		compare_figures "$(head -n 1 "$REPORT")"
		run jq -r '[.event, .exit_status // "-"] | join(" ")' "$REPORT"
		assert_output $'report-main-child 7\nreport-zinit -'
		ran=$(head -n 1 "$REPORT" | jq .run_microseconds)
		[ "$ran" -ge 500000 ] && [ "$ran" -lt 10000000 ]
	done
}

@test "--report: block output is counted where there is a real disk" {
	start_pid1 --report "$REPORT" "${JSON[@]}" burn -w "$BATS_TEST_TMPDIR/data:3"
	finish
	assert_equal "$status" 0
	[ "$(figure outputs)" != 0 ] || skip "the kernel counts no block output here (tmpfs?)"
	about "block output" "$(head -n 1 "$REPORT" | jq .block_outputs)" "$(figure outputs)" 8
	# 3 MiB in units of 512 bytes.
	[ "$(figure outputs)" -ge 6144 ]
}

@test "--report: what a process waited for is included, and peak memory is the largest of all" {
	local user
	start_pid1 --report "$REPORT" "${JSON[@]}" sh -c 'burn -u 200 -m 60; burn -u 200 -m 10; exit 0'
	finish
	user=$(head -n 1 "$REPORT" | jq .user_microseconds)
	[ "$user" -ge 400000 ]
	about "peak memory" "$(head -n 1 "$REPORT" | jq .peak_memory_kib)" "$(figure peak | head -n 1)" 0
}

@test "--report: how the main child ended, in words" {
	run as_pid1 --report - sh -c 'exit 3'
	assert_failure 3
	assert_line --regexp '^zinit\[1\]: main child 2 exited with status 3; ran [0-9]+\.[0-9]{3} s, user '
	run as_pid1 --report - die 15
	assert_failure 143
	assert_line --regexp '^zinit\[1\]: main child 2 was killed by SIGTERM; ran '
	run -127 as_pid1 --report - /nonexistent
	assert_failure 127
	assert_line --regexp '^zinit\[1\]: main child 2 exited with status 127; '
}

@test "--report: orphans, signals by name, most zombies at once, and zombies held at the end" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" --report "$REPORT" -- sh -c 'trap : USR1 HUP; orphans 10; negligent -n 7 & echo ready; while :; do sleep .05; done'
		wait_line "$OUT" '[0-9]+ holds 7'
		wait_line "$OUT" ready
		kill -USR1 "$ZPID"
		wait_for caught "$(main_child)" "$(sig USR1)"
		kill -HUP "$ZPID"
		wait_for caught "$(main_child)" "$(sig HUP)"
		kill -TERM "$ZPID"
		finish
		assert_equal "$status" 143
		run tail -n 1 "$REPORT"
		assert_output --regexp "^zinit [12]: 1[01] orphans adopted and reaped, at most ([1-9]|1[0-2]) zombies? at once; forwarded SIGHUP 1, SIGUSR1 1, SIGTERM 1; 7 zombies held by others at the end$"
	done
	run as_pid1 --report - "${JSON[@]}" sh -c 'kill -USR1 1; sleep .2'
	assert_failure 138
	run jq -cs '.[1] | [.forwarded, .orphans_reaped, .held_zombies]' <<<"$output"
	assert_output '[{"SIGUSR1":1},0,0]'
}
caught() { ! has_signal "$1" ShdPnd "$2" && ! has_signal "$1" SigPnd "$2"; }

@test "--report: two lines, whole; a file from before is emptied, and what the program wrote is kept" {
	echo "an old report" >"$REPORT"
	run as_pid1 --report "$REPORT" sh -c "echo 'my last words' >>'$REPORT'"
	assert_success
	assert_output ""
	run cat "$REPORT"
	assert_equal "${#lines[@]}" 3
	assert_line --index 0 "my last words"
	assert_line --index 1 --regexp '^main child 2 exited with status 0; .* involuntary$'
	assert_line --index 2 --regexp '^zinit 1: .* at the end$'
	[ "$(wc -c <"$REPORT")" -lt 4096 ]
	assert_equal "$(stat -c %a "$REPORT")" 644
}

@test "--report: a relative name is that of the directory that zinit was started in" {
	cd "$BATS_TEST_TMPDIR"
	run as_pid1 --report here sh -c 'cd /; exit 4'
	assert_failure 4
	run grep -c . here
	assert_output 2
	run as_subreaper --report again sleep 0
	assert_success
	assert_file_exists again
}

@test "--report: the main child does not inherit the report's descriptor" {
	run as_pid1 --report "$REPORT" sh -c 'ls -l /proc/self/fd; readlink /proc/self/cwd'
	assert_success
	refute_output --partial report
}

@test "--report: with --user the file needs to be writable for who starts zinit alone" {
	need_root "--user"
	chmod 755 "$BATS_TEST_TMPDIR"
	run as_pid1 --user 65534 --report "$REPORT" sh -c 'id -u'
	assert_success
	assert_output 65534
	run grep -c . "$REPORT"
	assert_output 2
}

@test "--report: what cannot be written is one warning, and changes no status" {
	local file
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	for file in /nonexistent/report /dev/full "$BATS_TEST_TMPDIR/fifo" "$BATS_TEST_TMPDIR"; do
		run as_pid1 --report "$file" sh -c 'exit 5'
		assert_failure 5
		assert_equal "${#lines[@]}" 1
		assert_line --regexp "^zinit\[1\]: warning: cannot (open|write) the report $file: [A-Z]"
	done
}

@test "--report -: a reader who does not read holds nobody up" {
	mkfifo "$BATS_TEST_TMPDIR/log"
	exec {log}<>"$BATS_TEST_TMPDIR/log"
	# Filled to the last byte.
	run timeout 1 dd if=/dev/zero of="$BATS_TEST_TMPDIR/log" bs=4096 oflag=nonblock
	status=0
	timeout 10 "$HELPERS/pidns" "$ZINIT" --report - sh -c 'exit 6' 2>"$BATS_TEST_TMPDIR/log" {log}>&- || status=$?
	assert_equal "$status" 6
	exec {log}>&-
}

@test "out of memory: the report says so, of the main child and of what was below it" {
	need_root "a memory cgroup"
	in_memory_cgroup "$ZINIT" --report "$REPORT" "${JSON[@]}" burn -m 200
	assert_equal "$status" 137
	run jq -r '[.signal, .oom_kills] | join(" ")' <(head -n 1 "$REPORT")
	assert_output "SIGKILL 1"
	run jq -r .message "$REPORT"
	assert_line --regexp '^main child 2 was killed by SIGKILL, probably out of memory; ran '

	in_memory_cgroup "$ZINIT" --report "$REPORT" -- sh -c 'burn -m 200; exit 9'
	assert_equal "$status" 9
	run head -n 1 "$REPORT"
	assert_output --regexp '^main child 2 exited with status 9; 1 of its cgroup were killed, out of memory; ran '

	# The control: a SIGKILL from somebody else.
	in_memory_cgroup "$ZINIT" --report "$REPORT" -- die 9
	assert_equal "$status" 137
	run head -n 1 "$REPORT"
	assert_output --regexp '^main child 2 was killed by SIGKILL; ran '
}

# Runs a program as PID 1 in a memory cgroup of 64 MiB.
in_memory_cgroup() {
	local own top=/sys/fs/cgroup/memory
	own=$(sed -nE 's/^[0-9]+:memory:(.*)/\1/p' /proc/self/cgroup)
	[ -n "$own" ] || top=/sys/fs/cgroup own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	MEMORY=$top${own%/}/zinit-test-$$-$BATS_TEST_NUMBER
	mkdir "$MEMORY" 2>/dev/null || skip "no memory cgroup can be made here"
	status=0
	if [ -e "$MEMORY/memory.limit_in_bytes" ]; then
		echo 64M >"$MEMORY/memory.limit_in_bytes"
		echo 64M >"$MEMORY/memory.memsw.limit_in_bytes" 2>/dev/null || :
	elif ! { echo 64M >"$MEMORY/memory.max"; } 2>/dev/null; then
		rmdir "$MEMORY"
		skip "there is no memory controller here"
	else
		echo 0 >"$MEMORY/memory.swap.max" 2>/dev/null || :
	fi
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$MEMORY" "$HELPERS/pidns" "$@" \
		>/dev/null 2>"$BATS_TEST_TMPDIR/err" || status=$?
	wait_for rmdir "$MEMORY" 2>/dev/null
}
