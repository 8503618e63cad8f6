#!/usr/bin/env bats
# Under catatonit's names zinit keeps catatonit's contract, and has none of its bugs.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

passes_statuses() {
	local code name
	for code in 0 1 2 32 64 126 127 128 254 255; do
		run "-$code" init_pid1 -- sh -c "exit $code"
		run "-$code" init_below -g -- sh -c "exit $code"
	done
	for name in HUP INT QUIT KILL TERM USR1; do
		run "-$((128 + $(sig $name)))" init_pid1 -- die "$(sig $name)"
		run "-$((128 + $(sig $name)))" init_below -- die "$(sig $name)"
	done
	run -0 --separate-stderr init_pid1 -- sh -c 'echo out; echo err >&2'
	assert_output out
	assert_equal "$stderr" err
}

@test "catatonit: statuses, 128+n, and both streams are passed through" {
	under_each catatonit passes_statuses
}

exec_fails() {
	touch "$BATS_TEST_TMPDIR/plain"
	ln -sfn loop "$BATS_TEST_TMPDIR/loop"
	for program in "$BATS_TEST_TMPDIR/none" none-of-that-name "$BATS_TEST_TMPDIR/plain" \
		"$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/loop"; do
		run -1 --separate-stderr init_pid1 -- "$program"
		assert_output ""
		refute [ -z "$stderr" ]
	done
}

@test "catatonit: a failed exec is 1, whatever the reason" {
	under_each catatonit exec_fails
}

shows() {
	local option
	for option in -V --version --vers; do
		run -0 --separate-stderr init_pid1 "$option"
		assert_output --regexp '^tini version [0-9.]+_catatonit$'
		assert_equal "$stderr" ""
		run -0 --separate-stderr init_pid1 "$option" -- false
		assert_output --regexp '^tini version [0-9.]+_catatonit$'
	done
	run -0 --separate-stderr init_pid1 -h
	assert_output ""
	[[ $stderr == *-h* ]]
	run -0 --separate-stderr init_pid1 -L
	[[ $output == *[Ll]icen[cs]e* || $output == *opyright* ]]
	assert_equal "$stderr" ""
}

@test "catatonit: -V and -L are on stdout, -h is on stderr, with status 0" {
	under_each catatonit shows
}

refuses() {
	local word
	run -1 --separate-stderr init_pid1
	assert_output ""
	refute [ -z "$stderr" ]
	# Letters of the other peers, of zinit, and of nobody.
	for word in -c -v -s -w -l -e -p -r -S -q -x --help --nonsense -gz; do
		run --separate-stderr init_pid1 "$word" -- touch "$BATS_TEST_TMPDIR/started"
		[ "$status" = 1 ] || fail "$word: status $status"
		assert_output ""
		refute [ -z "$stderr" ]
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "catatonit: no program and unknown options (--help is one) are usage errors, status 1" {
	under_each catatonit refuses
}

stops_at_first_word() {
	run -3 init_pid1 sh -c 'exit 3'
	run -4 init_pid1 -g sh -e -c 'exit 4'
}

permutes() { run -1 init_pid1 sh -c 'exit 3'; }

@test "catatonit: options end at the program's name, with -- or without it" {
	under_zinit catatonit stops_at_first_word
	under_original catatonit permutes
}

takes_own_longs() {
	run -0 --separate-stderr init_pid1 --remap-exit=3 --no-new-privs -g -- \
		sh -c 'grep NoNewPrivs /proc/self/status; exit 3'
	assert_output "NoNewPrivs:"$'\t'"1"
	run -5 init_pid1 --group --session -- sh -c 'exit 5'
}

@test "catatonit: zinit's own long options work beside catatonit's" {
	under_zinit catatonit takes_own_longs
}

forwards_to_child() {
	local pid
	start_two "$@"
	pid=$(inside_pid "$(main_child)")
	assert_equal "$(enter ps -o pgid= -p "$pid" | tr -d ' ')" "$pid"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID"
	end_init
}

forwards_to_group() {
	start_two "$@"
	sigsend "$ZPID" 10 15
	wait_line "$OUT" '15 .*'
	assert_told "$OUT" "$(main_child)" 10 15
	assert_told "$SECOND" "$SECOND_PID" 10 15
	end_init
}

@test "catatonit: signals go to the program alone, which leads a group of its own" {
	under_each catatonit forwards_to_child --
}

@test "catatonit: -g sends them to the program's group" {
	under_each catatonit forwards_to_group -g --
}

forwards_every() {
	local all=(1 2 3 10 12 13 14 15 16 18 23 24 25 26 27 28 29 30 35 50 63)
	start_init -- sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" "${all[@]}"
	wait_count "$OUT" '[0-9].*' ${#all[@]}
	assert_told "$OUT" "$(main_child)" "${all[@]}"
	end_init
}

@test "catatonit: every signal is forwarded, the real-time ones too" {
	under_each catatonit forwards_every
}

swallows() {
	start_init_below -- sigreport
	wait_line "$OUT" ready
	sigsend "$ZPID" 20 21 22
	# A later one: it is there after the three.
	sigsend "$ZPID" 28
	wait_line "$OUT" '28 .*'
	in_state "$ZPID" SR
	assert_told "$OUT" "$(main_child)" 28
	end_init
}

@test "catatonit: TSTP, TTIN and TTOU are swallowed" {
	under_each catatonit swallows
}

adopts() {
	run -0 init_below -- sh -c "$ADOPTED"
	assert_output "adopted by 2"
	run -0 --separate-stderr init_below -- true
	assert_equal "$stderr" ""
}

@test "catatonit: is a subreaper where it is not PID 1" {
	under_each catatonit adopts
}

no_subreaper() {
	run -1 --separate-stderr below_init strace -qq -o /dev/null -e inject=prctl:error=EPERM \
		"${INIT[@]}" -- touch "$BATS_TEST_TMPDIR/started"
	refute [ -z "$stderr" ]
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "catatonit: it is fatal when it cannot be a subreaper" {
	need_traced_injection
	under_each catatonit no_subreaper
}

leaves_the_rest() {
	local left=$BATS_TEST_TMPDIR/left.$RANDOM
	run -0 below_init sh -c '"$@"; status=$?; read -r pid <"$0"
		kill -0 "$pid" && echo "$pid lives, $status"' "$left" \
		"${INIT[@]}" -- sh -c 'sleep 1000 & echo $! >"$0"; exit 5' "$left"
	assert_output --regexp '^[0-9]+ lives, 5$'
}

@test "catatonit: ends with the program and lets the others live" {
	under_each catatonit leaves_the_rest
}

reaps() {
	run -0 init_pid1 -- orphans 50
	assert_output "50 orphans have ended"
	start_init -- sh -c 'orphans 20; echo up; exec sleep 1000'
	wait_line "$OUT" up
	wait_for no_zombie
	end_init
}

no_zombie() { [ "$(enter zombies 1)" = 0 ]; }

@test "catatonit: reaps every orphan" {
	under_each catatonit reaps
}

variables() {
	CATATONIT_LOG='' run -1 --separate-stderr init_pid1 -- touch "$BATS_TEST_TMPDIR/started"
	refute [ -z "$stderr" ]
	assert_not_exist "$BATS_TEST_TMPDIR/started"
	CATATONIT_DEBUG='' run -0 --separate-stderr init_pid1 -- echo hello
	assert_output hello
	refute [ -z "$stderr" ]
	run -0 --separate-stderr init_pid1 -- echo hello
	assert_output hello
	assert_equal "$stderr" ""
}

@test "catatonit: CATATONIT_DEBUG says more on stderr, CATATONIT_LOG is an error" {
	under_each catatonit variables
}

listens() {
	run -0 in_pidns exec_with environ_pid=LISTEN_PID environ=LISTEN_FDS=1 -- "${INIT[@]}" -- \
		sh -c '[ "$LISTEN_PID" = $$ ] && echo "$LISTEN_FDS"'
	assert_output 1
	run -0 in_pidns exec_with environ=LISTEN_PID=999 -- "${INIT[@]}" -- \
		sh -c 'echo "$LISTEN_PID"'
	assert_output 999
	run -0 init_pid1 -- sh -c 'echo "${LISTEN_PID-none}"'
	assert_output none
}

@test "catatonit: LISTEN_PID that named the init names the program, any other stays" {
	under_each catatonit listens
}

holds_nothing() {
	cd "$BATS_TEST_TMPDIR" || return
	touch "$BATS_TEST_TMPDIR/held"
	start_in_pidns exec_with open=7:"$BATS_TEST_TMPDIR/held" -- "${INIT[@]}" -- \
		sh -c 'pwd; readlink /proc/$$/fd/7; echo up; exec sleep 1000'
	wait_line "$OUT" up
	# The program has both.
	assert_equal "$(<"$OUT")" "$BATS_TEST_TMPDIR"$'\n'"$BATS_TEST_TMPDIR/held"$'\n'up
	wait_for is_in_root "$ZPID"
	wait_for holds_none "$ZPID"
	end_init
}

is_in_root() { [ "$(enter readlink "/proc/$(inside_pid "$1")/cwd")" = / ]; }
holds_none() { ! readlink "/proc/$1/fd/"* | grep -qx "$BATS_TEST_TMPDIR/held"; }

# Since 0.2; Debian 12 has 0.1.7.
@test "catatonit: holds no directory and no descriptor of the program's" {
	under_zinit catatonit holds_nothing
}

closed_stdin() { run -8 in_pidns exec_with close=0 -- "${INIT[@]}" -- sh -c 'exit 8'; }

@test "catatonit: a closed stdin is no error" {
	under_each catatonit closed_stdin
}

as_podman_runs_it() {
	run -9 init_pid1 -- /bin/sh -c 'echo "$0 $1"; exit 9' first second
	assert_output "first second"
}

@test "podman-init -- CMD..., as podman calls it" {
	under_zinit podman-init as_podman_runs_it
	under_each catatonit as_podman_runs_it
}

@test "catatonit: a script without #! is run by sh, as in glibc's builds" {
	under_each catatonit runs_script_without_interpreter
}

runs_script_without_interpreter() {
	printf 'echo "script $1"\nexit 12\n' >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	run -12 init_pid1 -- "$BATS_TEST_TMPDIR/script" word
	assert_output "script word"
}

# Pause mode: podman's infra container, and its rootless pause process

pauses() {
	local number=$1
	shift
	"$@"
	wait_for holds_most "$ZPID"
	# Neither of these ends it.
	sigsend "$ZPID" 1 10 12 14
	sigsend "$ZPID" "$number"
	finish
	assert_equal "$status" 0
	assert_equal "$output" ""
}

# glibc and musl leave out the signals of their own.
holds_most() { has_signal "$1" SigBlk 1 && has_signal "$1" SigBlk 15 && has_signal "$1" SigBlk 17; }

pauses_every_way() {
	pauses 15 start_init -P
	pauses 2 start_init_below -P
	# A program is ignored.
	pauses 15 start_init -P touch "$BATS_TEST_TMPDIR/started"
	pauses 2 start_init -P -- touch "$BATS_TEST_TMPDIR/started"
	# podman's pause process ignores what a terminal sends.
	pauses 15 start_in_pidns exec_with ignore=1,2,3,13 -- "${INIT[@]}" -P
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "catatonit: -P runs no program, TERM and INT end it with 0" {
	under_each catatonit pauses_every_way
}

pause_reaps() {
	start_init -P
	wait_for holds_most "$ZPID"
	assert_equal "$(enter orphans 20)" "20 orphans have ended"
	wait_for no_zombie
	sigsend "$ZPID" 15
	finish
	assert_equal "$status" 0
}

@test "catatonit: -P reaps" {
	under_each catatonit pause_reaps
}

@test "catatonit: -P is a subreaper too" {
	need_command strace
	under_each catatonit pause_asks
}

pause_asks() {
	local trace=$BATS_TEST_TMPDIR/trace.$RANDOM
	start_below_init strace -qq -o "$trace" -e trace=prctl "${INIT[@]}" -P
	wait_line "$trace" '.*PR_SET_CHILD_SUBREAPER, 1.*'
	wait_for pause_is_up
	sigsend "$(children "$ZPID" | tr -d ' ')" 15
	finish
	assert_equal "$status" 0
}

pause_is_up() { holds_most "$(children "$ZPID" | tr -d ' ')"; }

# The peers' bugs

inherits() {
	local with=(exec_with 'block=1,10' 'ignore=2,13' --)
	in_pidns "${with[@]}" dump | grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/direct"
	in_pidns "${with[@]}" "${INIT[@]}" -- dump | grep -E '^(mask|signal)' >"$BATS_TEST_TMPDIR/under"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/direct")" = 65 ]
	diff "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/under" >"$BATS_TEST_TMPDIR/diff"
}

blocks_stops() {
	refute inherits
	run cat "$BATS_TEST_TMPDIR/diff"
	assert_line "< mask 0000000000000201"
	assert_line "> mask 0000000000380201"
}

@test "bug: TSTP, TTIN and TTOU stay blocked under catatonit; zinit gives the mask back exactly" {
	under_zinit catatonit inherits
	under_original catatonit blocks_stops
}

survives_ignored_chld() {
	run in_pidns -t "$1" exec_with ignore=17 -- "${INIT[@]}" -- sh -c 'exit 6'
	assert_regex "$(how)" "^($2)\$"
}

@test "bug: SIGCHLD inherited as ignored loses the status: catatonit hangs, zinit does not" {
	under_zinit catatonit survives_ignored_chld 10 "exited 6"
	# Or it finds its child gone before it looks, as on a busy machine.
	under_original catatonit survives_ignored_chld 1 "timeout|exited 1"
}

keeps_early_signal() {
	run in_pidns -t "$1" exec_with block=15 raise=15 -- "${INIT[@]}" "${@:3}" -- sigreport -u 15
	assert_how "$2"
}

@test "bug: a signal from before the program's start is lost to its group: not by zinit" {
	under_zinit catatonit keeps_early_signal 10 "exited 0" -g
	under_zinit catatonit keeps_early_signal 10 "exited 0"
	under_original catatonit keeps_early_signal 1 timeout -g
}
