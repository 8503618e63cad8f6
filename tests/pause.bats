#!/usr/bin/env bats
# Pause mode: no program, zombies are reaped, SIGTERM and SIGINT end it.
# shellcheck disable=SC2016,SC2119,SC2120 # what is in single quotes is for the shell under the init
# shellcheck disable=SC2030,SC2031,SC2154 # status, output, stderr come from run and finish

load lib
load helpers/peers

no_zombie() { [ "$(enter zombies 1)" = 0 ]; }

# Starts it by $@ and ends it by the signal $1.
ends_by() {
	local number=$1
	shift
	"$@"
	wait_for holds_signals "$ZPID"
	sigsend "$ZPID" "$number"
	finish
	assert_how "exited 0"
	assert_equal "$output" ""
}

@test "-P and --pause run no program; SIGTERM and SIGINT end it with 0" {
	local way number
	for way in $BOTH_WAYS; do
		for number in 15 2; do
			ends_by $number start_"$way" -P
			ends_by $number start_"$way" --pause
			ends_by $number start_"$way" -P --
			assert_equal "$stderr" ""
		done
	done
}

@test "no other signal ends it, nor stops it" {
	local way
	for way in $BOTH_WAYS; do
		start_"$way" -P
		wait_for holds_signals "$ZPID"
		sigsend "$ZPID" {3..8} 1 {10..14} 16 17 18 {20..64}
		sigsend -q 5 "$ZPID" 34
		wait_for all_handled "$ZPID"
		in_state "$ZPID" SR
		sigsend "$ZPID" 15
		finish
		assert_how "exited 0"
	done
}

all_handled() { [ "$(_signal_set "$1" ShdPnd)" = 0x0000000000000000 ]; }

@test "it ends on a signal that came before it was ready" {
	local number
	for number in 15 2; do
		run -0 in_pidns exec_with block=$number raise=$number -- "$ZINIT" -P
		run -0 below_init exec_with block=$number raise=$number -- "$ZINIT" -P
		# podman's pause process ignores what a terminal sends.
		run -0 below_init exec_with block=$number ignore=1,2,3,13 raise=$number -- "$ZINIT" -P
	done
}

@test "it reaps as PID 1 what other programs of the namespace leave to it" {
	start_pid1 -P
	wait_for holds_signals "$ZPID"
	assert_equal "$(enter orphans 100)" "100 orphans have ended"
	wait_for no_zombie
	# Those it has to wait for as well.
	enter orphans -l 10
	assert_equal "$(children "$ZPID" | wc -w)" 10
	children "$ZPID" | xargs kill -KILL
	wait_for no_zombie
	assert_equal "$(children "$ZPID" | wc -w)" 0
	sigsend "$ZPID" 15
	finish
	assert_how "exited 0"
}

# The first is a zombie, with its SIGCHLD long gone, before zinit is executed.
@test "it reaps what was its child before" {
	start_below_init /usr/bin/python3 -S -c 'import os, sys
child = os.fork()
if child == 0:
    os._exit(3)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
os.execvp(sys.argv[1], sys.argv[1:])' exec_with sleeper -- "$ZINIT" -P
	wait_for holds_signals "$ZPID"
	wait_for has_children 1
	children "$ZPID" | xargs kill -KILL
	wait_for has_children 0
	sigsend "$ZPID" 15
	finish
	assert_how "exited 0"
}

has_children() { [ "$(children "$ZPID" | wc -w)" = "$1" ]; }

@test "its end as PID 1 takes the namespace along at once" {
	local pid
	start_pid1 -P
	wait_for holds_signals "$ZPID"
	enter orphans -l 5
	pid=$(children "$ZPID")
	sigsend "$ZPID" 15
	finish
	assert_how "exited 0"
	for pid in $pid; do
		assert_not_exist "/proc/$pid"
	done
}

@test "a PROGRAM beside -P is an error that names it, and is not started" {
	local option
	for option in -P --pause; do
		run -125 --separate-stderr as_pid1 $option touch "$BATS_TEST_TMPDIR/started"
		assert_output ""
		[[ $stderr == *touch* ]] || fail "$stderr"
		run -125 as_pid1 $option -- touch "$BATS_TEST_TMPDIR/started"
	done
	assert_not_exist "$BATS_TEST_TMPDIR/started"
}

@test "a lone -P works where the binary's folder is the root file system, as in podman's pods" {
	local root=$BATS_TEST_TMPDIR/root
	need_root "to change the root"
	mkdir "$root"
	cp "$ZINIT" "$root/catatonit"
	cp "$ZINIT" "$root/pause"
	cp "$ZINIT" "$root/zinit"
	ends_by 15 start_in_pidns chroot "$root" /catatonit -P
	assert_equal "$stderr" ""
	ends_by 2 start_in_pidns chroot "$root" /pause
	assert_equal "$stderr" ""
	ends_by 15 start_in_pidns chroot "$root" /zinit -P
	assert_equal "$stderr" ""
	# Nothing was written into it either.
	assert_equal "$(cd "$root" && echo *)" "catatonit pause zinit"
}

@test "it works with every descriptor closed" {
	ends_by 15 start_in_pidns exec_with close=0 close=1 close=2 -- "$ZINIT" -P
	ends_by 15 start_below_init exec_with close=0 close=1 close=2 -- "$ZINIT" -P
}

@test "it holds no descriptor but its own and no directory but /" {
	touch "$BATS_TEST_TMPDIR/held"
	cd "$BATS_TEST_TMPDIR" || return
	start_in_pidns exec_with open=7:"$BATS_TEST_TMPDIR/held" -- "$ZINIT" -P
	wait_for holds_no_file
	wait_for is_in_root
	sigsend "$ZPID" 15
	finish
	assert_how "exited 0"
}

holds_no_file() { holds_signals "$ZPID" && ! readlink /proc/"$ZPID"/fd/* | grep -q /held; }
is_in_root() { [ "$(enter readlink /proc/1/cwd)" = / ]; }

# The name pause

ends() {
	local number
	for number in 15 2; do
		ends_by "$number" start_init "$@"
		assert_equal "$stderr" ""
		# Where it is not PID 1 it may say so; it goes on all the same.
		ends_by "$number" start_init_below "$@"
	done
}

@test "pause: needs no option; TERM and INT end it with 0, as PID 1 or not" {
	under_zinit pause ends
}

@test "pause: other words mean nothing to it" {
	under_zinit pause ends word
	under_zinit pause ends word -x other
	under_zinit pause ends -x
}

version() {
	local option
	for option in -v -V; do
		run -0 --separate-stderr init_pid1 "$option"
		assert_output --regexp '^pause\.c [0-9].*$'
		assert_equal "$stderr" ""
		run -0 --separate-stderr init_pid1 word "$option"
		assert_output --regexp '^pause\.c [0-9].*$'
	done
}

@test "pause: -v, in any case and anywhere, shows the version on stdout" {
	under_zinit pause version
}

reaps() {
	start_init
	wait_for holds_signals "$ZPID"
	assert_equal "$(enter orphans 50)" "50 orphans have ended"
	wait_for no_zombie
	sigsend "$ZPID" 15
	finish
	assert_how "exited 0"
}

@test "pause: reaps" {
	under_zinit pause reaps
}
