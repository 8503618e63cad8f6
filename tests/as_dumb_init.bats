#!/usr/bin/env bats
# Under dumb-init's name zinit keeps dumb-init's contract, and has none of its bugs.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

in_both_modes() {
	"$@"
	"$@" -c
}

passes_statuses() {
	local code name
	for code in 0 1 2 32 64 126 127 128 254 255; do
		run "-$code" init_pid1 sh -c "exit $code"
		run "-$code" init_below -c sh -c "exit $code"
	done
	for name in HUP INT QUIT KILL TERM USR1; do
		run "-$((128 + $(sig $name)))" init_pid1 die "$(sig $name)"
		run "-$((128 + $(sig $name)))" init_below -c die "$(sig $name)"
	done
	run --separate-stderr init_pid1 sh -c 'echo out; echo err >&2'
	assert_success
	assert_output out
	assert_equal "$stderr" err
}

@test "dumb-init: statuses, 128+n, and both streams are passed through" {
	under_each dumb-init passes_statuses
}

exec_fails() {
	touch "$BATS_TEST_TMPDIR/plain"
	ln -sfn loop "$BATS_TEST_TMPDIR/loop"
	for program in "$BATS_TEST_TMPDIR/none" none-of-that-name "$BATS_TEST_TMPDIR/plain" \
		"$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/loop"; do
		run -2 --separate-stderr init_pid1 "$program"
		assert_output ""
		[[ $stderr == *"$program"* ]] || fail "does not name $program: $stderr"
		run -2 init_below -c "$program"
	done
}

@test "dumb-init: a failed exec is 2, and names the program on stderr" {
	under_each dumb-init exec_fails
}

shows() {
	local option
	for option in -h --help --hel; do
		run -0 --separate-stderr init_pid1 "$option"
		assert_output ""
		[[ $stderr == *--rewrite* ]] || fail "$option: $stderr"
	done
	for option in -V --version --vers; do
		run -0 --separate-stderr init_pid1 "$option"
		assert_output ""
		assert_equal "$stderr" "dumb-init v1.2.5"
	done
}

@test "dumb-init: help and version are on stderr with status 0" {
	under_each dumb-init shows
}

refuses() {
	local word
	run -1 --separate-stderr init_pid1
	assert_output ""
	refute [ -z "$stderr" ]
	run -1 --separate-stderr init_pid1 -c
	refute [ -z "$stderr" ]
	# Letters of the other peers, of zinit, and of nobody.
	for word in -g -P -l -L -s -w -e -p -S -q -x --nonsense -r --rewrite; do
		run -1 --separate-stderr init_pid1 "$word"
		assert_output ""
		refute [ -z "$stderr" ]
	done
	run -1 init_pid1 -x touch "$BATS_TEST_TMPDIR/started"
	run -1 init_pid1 --nonsense touch "$BATS_TEST_TMPDIR/started"
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "dumb-init: no program and unknown options are usage errors on stderr, status 1" {
	under_each dumb-init refuses
}

refuses_rewrites() {
	local spec
	for spec in '' : 15 15: :15 a:b 15:b a:15 0:15 -1:15 32:15 64:15 15:32 15:-1 15:64 TERM:QUIT; do
		run --separate-stderr init_pid1 -r "$spec" touch "$BATS_TEST_TMPDIR/started"
		[ "$status" = 1 ] || fail "-r '$spec': status $status"
		assert_output ""
		refute [ -z "$stderr" ]
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "dumb-init: -r refuses names, real-time signals and what is no pair, status 1" {
	under_each dumb-init refuses_rewrites
}

# The options up to --, then pairs FROM:TO in numbers: FROM is sent, TO has to come (none by 0).
rewritten_to() {
	local options=() pair sent=() expected=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	for pair; do
		sent+=("${pair%:*}")
		[ "${pair#*:}" = 0 ] || expected+=("${pair#*:}")
	done
	start_init "${options[@]}" sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" "${sent[@]}"
	wait_count "$OUT" '[0-9].*' ${#expected[@]}
	# The init has handled them all once it has forwarded the next.
	sigsend "$ZPID" 31
	wait_line "$OUT" '31 .*'
	assert_told "$OUT" "$(main_child)" "${expected[@]}" 31
	end_init
}

rewrites() {
	rewritten_to "$@" -r 15:2 --rewrite 1:3 --rewrite=10:4 --rew=12:5 -r 13:0 -r 14:6xyz \
		-r ' 16:7' -r 23:8 -r 23:11 -- 15:2 1:3 10:4 12:5 13:0 14:6 16:7 23:11 28:28 24:24
	# What was rewritten is not rewritten again.
	rewritten_to "$@" -r 1:2 -r 2:3 -r 3:10 -r 15:0 -- 1:2 3:10 15:0
}

@test "dumb-init: -r a:b rewrites and drops, as sscanf reads it, and the last one wins" {
	under_each dumb-init rewrites
	under_each dumb-init rewrites -c
}

stops_at_first_word() {
	run -3 init_pid1 sh -c 'exit 3'
	run -4 init_pid1 -c sh -e -c 'exit 4'
	run -0 --separate-stderr init_pid1 sh -c 'echo "$0 $1"' --version -V
	assert_output -- "--version -V"
	run -5 init_pid1 -c -- sh -c 'exit 5'
}

@test "dumb-init: options end at the program's name, with -- or without it" {
	under_each dumb-init stops_at_first_word
}

interprets() {
	printf '#!%s /bin/sh\necho "$1"; exit 14\n' "${INIT[0]}" >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	run -14 in_pidns "$BATS_TEST_TMPDIR/script" word
	assert_output word
}

# A `#!` line has room for one argument, so --as is for the command line only.
interprets_by_name() { [ ${#INIT[@]} != 1 ] || interprets; }

@test "dumb-init: works as the interpreter of a #! line" {
	under_each dumb-init interprets_by_name
}

verbose() {
	run -0 --separate-stderr init_pid1 "$@" echo hello
	assert_output hello
	refute [ -z "$stderr" ]
}

quiet() {
	run -0 --separate-stderr init_pid1 echo hello
	assert_output hello
	assert_equal "$stderr" ""
	run -0 --separate-stderr init_below echo hello
	assert_output hello
	assert_equal "$stderr" ""
}

debug_variable() {
	DUMB_INIT_DEBUG=1 verbose
	DUMB_INIT_DEBUG=0 verbose -v
	DUMB_INIT_DEBUG=0 quiet
	DUMB_INIT_DEBUG='' quiet
	DUMB_INIT_DEBUG=11 quiet
	DUMB_INIT_DEBUG=yes quiet
}

@test "dumb-init: says what it does on stderr with -v, --verbose or DUMB_INIT_DEBUG=1 only" {
	under_each dumb-init verbose -v
	under_each dumb-init verbose --verbose
	under_each dumb-init quiet
	under_each dumb-init debug_variable
}

# main_child's PID, session and group as the namespace counts.
ids() { enter ps -o pid=,sid=,pgid= -p "$(inside_pid "$1")" | xargs; }

in_a_session() {
	local pid
	start_two "$@"
	pid=$(inside_pid "$(main_child)")
	assert_equal "$(ids "$(main_child)")" "$pid $pid $pid"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID" 10 15
	end_init
}

@test "dumb-init: the program leads a session of its own, and its group gets the signals" {
	under_each dumb-init in_a_session
}

# PID, process group and session of the program.
leads() {
	run -0 "$@" sh -c 'read a b c d group session e </proc/$$/stat; echo "$$ $group $session"'
	read -r pid group session <<<"$output"
	[ "$pid $pid" = "$group $session" ]
}

session_variable() {
	leads init_pid1
	DUMB_INIT_SETSID=1 leads init_pid1
	DUMB_INIT_SETSID='' leads init_pid1
	DUMB_INIT_SETSID=00 leads init_pid1
	DUMB_INIT_SETSID=0 refute leads init_pid1
	DUMB_INIT_SETSID=0 refute leads init_below
	DUMB_INIT_SETSID=1 refute leads init_pid1 -c
}

@test "dumb-init: DUMB_INIT_SETSID=0 turns the session off, and nothing else does, nor back on" {
	under_each dumb-init session_variable
}

single_child() {
	start_two_below -c
	# In the init's own group and session.
	assert_equal "$(ids "$(main_child)" | cut -d' ' -f2-)" "$(ids "$ZPID" | cut -d' ' -f2-)"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID"
	end_init
}

single_child_forms() {
	refute leads init_pid1 -c
	refute leads init_below --single-child
	refute leads init_pid1 --sing
}

@test "dumb-init: -c leaves the program in the init's group, and it alone gets the signals" {
	under_each dumb-init single_child
}

@test "dumb-init: --single-child is -c, and may be shortened" {
	under_each dumb-init single_child_forms
}

forwards_every() {
	local all=(1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 18 23 24 25 26 27 28 29 30 31)
	start_init "$@" sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" "${all[@]}"
	wait_count "$OUT" '[0-9].*' ${#all[@]}
	assert_told "$OUT" "$(main_child)" "${all[@]}"
	end_init
}

@test "dumb-init: forwards every signal below 32, those of faults too, in both modes" {
	under_each dumb-init in_both_modes forwards_every
}

# Background jobs of shells: upstream's shell_background_test.
stops_itself() {
	local name round=0
	start_init_below "$@" sigreport
	wait_line "$OUT" ready
	for name in TSTP TTIN TTOU; do
		round=$((round + 1))
		sigsend "$ZPID" "$(sig $name)"
		wait_line "$OUT" "$(sig $name) .*"
		wait_for in_state "$ZPID" T
		sigsend "$ZPID" "$(sig CONT)"
		wait_for in_state "$ZPID" SR
		wait_count "$OUT" "$(sig CONT) .*" $round
	done
	assert_told "$OUT" "$(main_child)" 20 21 22 18 18 18
	end_init
}

@test "dumb-init: -c: TSTP, TTIN and TTOU are forwarded as they are and stop the init too" {
	under_each dumb-init stops_itself -c
}

stops_the_session() {
	local name child
	start_init_below "$@" sh -c 'echo up; exec sleep 1000'
	wait_line "$OUT" up
	child=$(main_child)
	for name in TSTP TTIN TTOU; do
		sigsend "$ZPID" "$(sig $name)"
		wait_for in_state "$child" T
		wait_for in_state "$ZPID" T
		sigsend "$ZPID" "$(sig CONT)"
		wait_for in_state "$child" SR
		wait_for in_state "$ZPID" SR
	done
	end_init
}

@test "dumb-init: in a session they go on as STOP, for its group is orphaned, and CONT continues all" {
	under_each dumb-init stops_the_session
}

rewrites_stops() {
	rewritten_to -r 20:12 -r 21:0 -r 22:22 -- 20:12 21:0 22:22
	rewritten_to -c -r 22:15 -- 22:15 20:20
}

@test "dumb-init: -r of TSTP, TTIN or TTOU counts more than STOP" {
	under_each dumb-init rewrites_stops
}

rewritten_stop_stops() {
	start_init_below -r 20:"$1" sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 20
	wait_for in_state "$ZPID" T
	sigsend "$ZPID" 18
	wait_line "$OUT" '18 .*'
	assert_told "$OUT" "$(main_child)" "${@:2}" 18
	end_init
}

@test "dumb-init: a TSTP that is rewritten or dropped still stops the init" {
	under_each dumb-init rewritten_stop_stops 12 12
	under_each dumb-init rewritten_stop_stops 0
}

no_stop_as_pid1() {
	start_init sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 20
	wait_for in_state "$(main_child)" T
	sigsend "$ZPID" 18
	wait_line "$OUT" '18 .*'
	in_state "$ZPID" SR
	end_init
}

@test "dumb-init: as PID 1 it does not stop itself" {
	under_each dumb-init no_stop_as_pid1
}

# The leftover tells of SIGTERM, whatever else it gets.
terminates_the_rest() {
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	# It waits for what the leftover says, and for the file's last line.
	run below_init sh -c '"$@"; echo "status $?"
		until grep -q "^15 " "$0"; do sleep 0.01; done' "$left" \
		"${INIT[@]}" sh -c 'sigreport -u 15 >"$0" & until grep -q ready "$0"; do sleep 0.01; done
		exit 5' "$left"
	assert_line "status 5"
	assert_equal "$(grep -c '^[0-9]' "$left")" 1
}

@test "dumb-init: at the program's end its group gets SIGTERM, and the init ends with its status" {
	under_each dumb-init terminates_the_rest
}

spares_the_rest() {
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	run below_init sh -c '"$@"; echo "status $?"
		read -r pid <"$0.pid"; kill -64 "$pid"
		until grep -q "^64 " "$0"; do sleep 0.01; done; cat "$0"' "$left" \
		"${INIT[@]}" "$@" sh -c 'sigreport -u 64 >"$0" & echo $! >"$0.pid"
		until grep -q ready "$0"; do sleep 0.01; done; exit 5' "$left"
	assert_line "status 5"
	assert_equal "$(grep -c '^[0-9]' "$left")" 1
}

@test "dumb-init: -c spares what the program leaves" {
	under_each dumb-init spares_the_rest -c
}

at_once() {
	# A leftover that ignores SIGTERM is no reason to wait.
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	run below_init sh -c '"$@"; status=$?; read -r pid <"$0"
		kill -0 "$pid" && echo "$pid lives, $status"' "$left" \
		"${INIT[@]}" sh -c 'trap "" TERM; sleep 1000 & echo $! >"$0"; exit 5' "$left"
	assert_success
	assert_output --regexp '^[0-9]+ lives, 5$'
}

@test "dumb-init: at the program's end it does not wait for the rest" {
	under_each dumb-init at_once
}

adopts_nobody() {
	run init_below "$@" sh -c "$ADOPTED"
	assert_success
	assert_output "adopted by 1"
}

@test "dumb-init: is no subreaper, and says nothing about it" {
	under_each dumb-init in_both_modes adopts_nobody
}

reaps() {
	run -0 init_pid1 "$@" orphans 50
	assert_output "50 orphans have ended"
	start_init "$@" sh -c 'orphans 20; echo up; exec sleep 1000'
	wait_line "$OUT" up
	wait_for no_zombie
	end_init
}

no_zombie() { [ "$(enter zombies 1)" = 0 ]; }

@test "dumb-init: as PID 1 it reaps every orphan, in both modes" {
	under_each dumb-init in_both_modes reaps
}

changes_directory() {
	cd "$BATS_TEST_TMPDIR" || return
	start_init sh -c 'pwd; echo up; exec sleep 1000'
	wait_line "$OUT" up
	assert_line_in "$OUT" "$BATS_TEST_TMPDIR"
	wait_for is_in_root "$ZPID"
	end_init
}

assert_line_in() { grep -qxF -- "$2" "$1" || fail "$1 has no line '$2': $(cat "$1")"; }
is_in_root() { [ "$(enter readlink "/proc/$(inside_pid "$1")/cwd")" = / ]; }

@test "dumb-init: holds no directory but /, and the program keeps the one it was started in" {
	under_each dumb-init changes_directory
}

takes_own_longs() {
	run -0 --separate-stderr init_pid1 --remap-exit=3 --no-new-privs -c \
		sh -c 'grep NoNewPrivs /proc/self/status; exit 3'
	assert_output "NoNewPrivs:"$'\t'"1"
	run -5 init_pid1 --group sh -c 'exit 5'
}

@test "dumb-init: zinit's own long options work beside dumb-init's" {
	under_zinit dumb-init takes_own_longs
}

# The peers' bugs

mask_of_program() {
	local with=(exec_with 'block=1,10,35' 'ignore=2,13,17' --)
	in_pidns "${with[@]}" dump | grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/direct"
	in_pidns "${with[@]}" "${INIT[@]}" "$@" dump |
		grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/under"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/direct")" = 65 ]
}

keeps_mask() {
	mask_of_program "$@"
	diff "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/under"
}

wipes_mask() {
	mask_of_program
	refute diff "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/under"
}

@test "bug: the program's mask and ignored signals are wiped by dumb-init, not by zinit" {
	under_zinit dumb-init keeps_mask
	under_zinit dumb-init keeps_mask -c
	under_original dumb-init wipes_mask
}

forwards_beyond_31() {
	start_init "$@" sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 32 33 34 35 36 40 50 63
	wait_count "$OUT" '[0-9].*' 8
	assert_told "$OUT" "$(main_child)" 32 33 34 35 36 40 50 63
	end_init
}

@test "bug: real-time signals index a table of 31 in dumb-init; zinit forwards each" {
	under_zinit dumb-init in_both_modes forwards_beyond_31
}

# Pending from the start, so that it comes before the child could have its session.
keeps_early_signal() {
	run in_pidns -t "$1" exec_with block=15 raise=15 -- "${INIT[@]}" "${@:3}" sigreport -u 15
	assert_how "$2"
}

@test "bug: a signal from before the program's start is lost to its group: not by zinit" {
	under_zinit dumb-init keeps_early_signal 10 "exited 0"
	under_zinit dumb-init keeps_early_signal 10 "exited 0" -c
}

final_signal() {
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	run below_init sh -c '"$@"; until grep -q "^1[05] " "$0"; do sleep 0.01; done' "$left" \
		"${INIT[@]}" -r 15:10 sh -c 'sigreport -n 1 >"$0" &
		until grep -q ready "$0"; do sleep 0.01; done' "$left"
	assert_success
	assert_equal "$(grep '^[0-9]' "$left" | cut -d' ' -f1)" "$1"
}

@test "dumb-init: the SIGTERM at the end is itself subject to -r" {
	under_each dumb-init final_signal 10
}

# A PID that was waited for may be somebody else's by now. Prints what was sent after that wait;
# WNOWAIT is none.
sent_after_reaping() {
	start_init "$@" sh -c 'echo up; read -r line'
	wait_line "$OUT" up
	trace_zinit -e trace=wait4,waitid,kill,tgkill,tkill,rt_sigqueueinfo,pidfd_send_signal
	kill -KILL "$(main_child)"
	finish
	end_trace
	assert_equal "$status" 137
	grep -qE '^wait(4|id)\(.*(SIGKILL|CLD_KILLED)' "$TRACE" || fail "not seen: $(cat "$TRACE")"
	sed -nE '/^wait4\(.*SIGKILL|^waitid\(.*CLD_KILLED/{/WNOWAIT/!{:a;n;p;ba}}' "$TRACE" |
		grep -E '^(kill|tgkill|tkill|rt_sigqueueinfo|pidfd_send_signal)\(' || :
}

signals_no_reaped_pid() { assert_equal "$(sent_after_reaping "$@")" ""; }
signals_reaped_pid() { [[ $(sent_after_reaping "$@") == *SIGTERM* ]]; }

@test "bug: dumb-init signals the program's PID after it was reaped, zinit never does" {
	mkfifo "$BATS_TEST_TMPDIR/never"
	exec {never}<>"$BATS_TEST_TMPDIR/never"
	under_zinit dumb-init in_both_modes signals_no_reaped_pid <&"$never"
	under_original dumb-init signals_reaped_pid -c <&"$never"
}

survives_ignored_chld() {
	run in_pidns -t 10 exec_with ignore=17 -- "${INIT[@]}" "$@" sh -c 'exit 6'
	assert_how "exited 6"
}

@test "dumb-init: SIGCHLD inherited as ignored loses no status" {
	under_each dumb-init in_both_modes survives_ignored_chld
}

runs_script_without_interpreter() {
	printf 'echo "script $1"\nexit 12\n' >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	run -12 init_pid1 "$BATS_TEST_TMPDIR/script" word
	assert_output "script word"
}

@test "dumb-init: a script without #! is run by sh, as in glibc's builds" {
	under_each dumb-init runs_script_without_interpreter
}

closed_stdin() {
	run -8 in_pidns exec_with close=0 -- "${INIT[@]}" sh -c 'exit 8'
	run -8 in_pidns exec_with close=0 -- "${INIT[@]}" -c sh -c 'exit 8'
}

@test "dumb-init: a closed stdin is no error" {
	under_each dumb-init closed_stdin
}

# Upstream's tests start a pipeline below and look who lives.
pipeline_ends() {
	start_init bash -c 'yes | tail -f /dev/null & yes | cat >/dev/null & echo up; wait'
	wait_line "$OUT" up
	wait_for has_processes 6
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 143
}

has_processes() { [ "$(enter sh -c 'echo /proc/[0-9]*' | wc -w)" -ge "$1" ]; }

@test "dumb-init: a pipeline below the program ends with it" {
	under_each dumb-init pipeline_ends
}
