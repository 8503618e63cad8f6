#!/usr/bin/env bats
# What zinit itself may still do once the main child runs, and that it is enough.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2086 # options and commands in variables are words
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# As engines start a container's root by default.
DEFAULT_CAPS=+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service
DEFAULT_CAPS+=,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap
ENGINE="setpriv --bounding-set -all,$DEFAULT_CAPS"
USER_1000="--reuid 1000 --regid 1000 --clear-groups"
NONE=0000000000000000
KILL=0000000000000020

# For the shell under zinit: until its sandbox is up.
UNTIL_UP='until grep -q "^Seccomp:.2" /proc/$PPID/status; do sleep 0.01; done'

status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }
is_up() { [ "$(status_of "$ZPID" Seccomp)" = 2 ]; }

assert_status() {
	local key=$1 expected=$2
	assert_equal "$key $(status_of "$ZPID" "$key")" "$key $expected"
}

# Starts zinit, and waits for its sandbox.
start_up() {
	start_in_pidns "$@" </dev/null
	wait_for is_up
}

in_background() {
	"$@" 3>&- &
	_started+=("$!")
}

# What zinit has

@test "once the main child runs, root's zinit has CAP_KILL and no other capability" {
	need_root "it has others to drop"
	local way key
	for way in in_pidns below_init; do
		"start_$way" "$ZINIT" sleep 60 </dev/null
		wait_for is_up
		assert_status CapPrm $KILL
		assert_status CapEff $KILL
		for key in CapInh CapBnd CapAmb; do assert_status $key $NONE; done
		assert_status NoNewPrivs 1
		assert_status Uid 0
	done
}

@test "inherited and ambient capabilities are dropped, too" {
	need_root "it has others to drop"
	local key
	start_up setpriv --inh-caps +kill,+chown --ambient-caps +kill,+chown "$ZINIT" sleep 60
	for key in CapInh CapBnd CapAmb; do assert_status $key $NONE; done
	assert_status CapEff $KILL
	start_up setpriv $USER_1000 --inh-caps +kill,+chown --ambient-caps +kill,+chown "$ZINIT" sleep 60
	for key in CapInh CapAmb; do assert_status $key $NONE; done
	assert_status CapPrm $KILL
	assert_status CapEff $KILL
}

@test "CAP_KILL is kept only where zinit has it" {
	need_root "to be without it"
	start_up setpriv --bounding-set -kill "$ZINIT" sleep 60
	assert_status CapPrm $NONE
	assert_status CapBnd $NONE
	start_up setpriv $USER_1000 "$ZINIT" sleep 60
	assert_status CapPrm $NONE
	assert_status NoNewPrivs 1
}

@test "an ordinary user's zinit has a sandbox as well, as root of a user namespace" {
	start_up "$ZINIT" sleep 60
	assert_status CapEff $KILL
	assert_status CapBnd $NONE
	assert_status NoNewPrivs 1
	[ "$(id -u)" = 0 ] || return 0
	# The same from root's tests: an ordinary user starts the namespaces.
	run setpriv $USER_1000 unshare -Urpf --mount-proc "$ZINIT" sh -c "$UNTIL_UP"'
		grep -E "^(CapEff|CapBnd):" /proc/1/status'
	assert_output "$(printf 'CapEff:\t%s\nCapBnd:\t%s' $KILL $NONE)"
}

@test "zinit stays dumpable: its files in /proc are its user's" {
	start_up "$ZINIT" sleep 60
	assert_equal "$(stat -c %u "/proc/$ZPID/fd")" "$(id -u)"
	need_root "to be another user"
	start_up setpriv $USER_1000 "$ZINIT" sleep 60
	assert_equal "$(stat -c %u "/proc/$ZPID/fd")" 1000
}

# When

@test "it comes even under load, when signals arrive without a pause" {
	local end
	start_pid1 sh -c 'trap : WINCH; echo up; while :; do sleep 1; done' </dev/null
	wait_line "$OUT" up
	end=$((SECONDS + 10))
	until is_up; do
		kill -WINCH "$ZPID"
		[ $SECONDS -lt $end ] || fail "no sandbox after 10 s of signals"
	done
}

@test "a program that ends before pays nothing: no call is made for it" {
	need_command strace
	local trace=$BATS_TEST_TMPDIR/trace
	# Again where the machine was so slow that zinit's first rest came before the program's end.
	for _ in {1..20}; do
		run in_pidns strace -qq -o "$trace" "$ZINIT" true
		assert_success
		grep -q 'ppoll.*= 0 (Timeout)' "$trace" || break
	done
	run cat "$trace"
	assert_line --partial exit_group
	refute_output --regexp 'PR_SET_(NO_NEW|SECCOMP)|PR_CAPBSET_DROP|capset|capget'
	run in_pidns strace -qq -o "$trace" "$ZINIT" sleep 0.3
	assert_success
	run cat "$trace"
	assert_line --partial PR_SET_SECCOMP
}

@test "without a privilege option nothing is done before the child but libcap's constructor" {
	need_command strace
	local trace=$BATS_TEST_TMPDIR/trace calls
	run in_pidns strace -qq -o "$trace" "$ZINIT" true
	assert_success
	calls=$(sed '/^clone/,$d' "$trace")
	assert_regex "$calls" execve
	[ "$(grep -c PR_CAPBSET_READ <<<"$calls")" -le 7 ] || fail "$calls"
	refute_regex "$calls" 'capget|capset|PR_CAP_AMBIENT|/etc/|brk|mmap|set.*[ug]id|setgroups'
}

@test "--no-sandbox: nothing of it" {
	need_root "it has capabilities to keep"
	local key before
	start_in_pidns "$ZINIT" --no-sandbox sh -c 'sleep 0.2; echo late; exec sleep 60' </dev/null
	wait_line "$OUT" late
	assert_status Seccomp 0
	assert_status NoNewPrivs 0
	for key in CapEff CapPrm CapBnd; do
		before=$(status_of self $key)
		assert_status $key "$before"
	done
}

@test "where a part is refused it is said at -v alone, and zinit goes on" {
	need_traced_injection
	run --separate-stderr in_pidns strace -qq -o /dev/null -e inject=capset:error=EPERM \
		"$ZINIT" sh -c "$UNTIL_UP; echo on"
	assert_success
	assert_output on
	assert_equal "$stderr" ""
	run --separate-stderr in_pidns strace -qq -o /dev/null -e inject=capset:error=EPERM \
		"$ZINIT" -v sh -c "$UNTIL_UP; echo on"
	assert_output on
	assert_regex "$stderr" "info: the sandbox lacks a part, the dropped capabilities: Operation not permitted"
}

@test "an engine's filter that refuses seccomp and prctl does not stop zinit" {
	need_traced_injection
	run --separate-stderr in_pidns strace -qq -o /dev/null -e inject=prctl:error=ENOSYS \
		"$ZINIT" -v sh -c 'sleep 0.2; echo on; exit 3'
	assert_failure 3
	assert_output on
	assert_regex "$stderr" "the sandbox lacks a part, no_new_privs"
	assert_regex "$stderr" "the sandbox lacks a part, the filter of system calls"
}

# The filter, from inside

need_call_inside() {
	local result=0
	call_inside "$ZPID" getpid >/dev/null 2>&1 || result=$?
	[ $result != 77 ] || skip "no system call can be made in another process here"
}

# What the loop, the log, the end and the crowd's sweep need. The rest of the calls that they make
# (openat, fcntl, ioctl, madvise, prctl) is looked at by its arguments, and refuses those of this test.
LOOP="clock_gettime close exit exit_group fstat getpid kill lseek poll ppoll pwritev2 read
restart_syscall rt_sigaction rt_sigprocmask rt_sigqueueinfo rt_sigreturn wait4 waitid write"

@test "every system call that is not allowed is answered with EPERM" {
	start_up "$ZINIT" sleep 60
	need_call_inside
	run call_inside "$ZPID"
	assert_success
	assert_equal "$(sort <<<"$output")" "$(tr ' ' '\n' <<<"$LOOP" | sort)"
	# It went on as if nothing had been.
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 143
}

@test "the same with --user, as an ordinary user, and as a subreaper" {
	local expected
	expected=$(tr ' ' '\n' <<<"$LOOP" | sort)
	start_below_init "$ZINIT" sleep 60 </dev/null
	wait_for is_up
	need_call_inside
	assert_equal "$(call_inside "$ZPID" | sort)" "$expected"
	need_root "changing the user"
	start_up "$ZINIT" -u 1000:1000 sleep 60
	assert_equal "$(call_inside "$ZPID" | sort)" "$expected"
	start_up setpriv $USER_1000 "$ZINIT" sleep 60
	assert_equal "$(call_inside "$ZPID" | sort)" "$expected"
}

@test "each option adds what it needs, and no more" {
	local options looks="getdents64 pidfd_open pidfd_send_signal" expected
	expected=$(tr ' ' '\n' <<<"$LOOP $looks" | sort)
	for options in "-t 1s" "--timeout 60s" "-a" "--watch 60s" "-v"; do
		start_up "$ZINIT" $options sleep 60
		need_call_inside
		assert_equal "$options: $(call_inside "$ZPID" | sort)" "$options: $expected"
	done
	start_up "$ZINIT" --report "$BATS_TEST_TMPDIR/report" sleep 60
	assert_equal "$(call_inside "$ZPID" | sort)" "$expected"
	for options in "--exit-by-signal" "-w" "-g" "--stop-timeout 5s"; do
		start_up "$ZINIT" $options sleep 60
		assert_equal "$options: $(call_inside "$ZPID" | sort)" \
			"$options: $(tr ' ' '\n' <<<"$LOOP" | sort)"
	done
}

@test "files are opened to be read, and not otherwise" {
	start_up "$ZINIT" sleep 60
	need_call_inside
	# No pointer points anywhere: EFAULT (14) is the answer behind the filter, EPERM (1) is the filter's.
	local flags
	# O_RDONLY, with O_CLOEXEC, O_DIRECTORY, O_NONBLOCK
	for flags in 0 0x80000 0x10000 0x800; do
		assert_equal "$flags $(call_inside "$ZPID" openat -100 0 $flags)" "$flags 14"
		assert_equal "$flags $(call_inside "$ZPID" open 0 $flags)" "$flags 14"
	done
	# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE|O_RDWR
	for flags in 1 2 0x40 0x200 0x410002; do
		assert_equal "$flags $(call_inside "$ZPID" openat -100 0 $flags)" "$flags 1"
		assert_equal "$flags $(call_inside "$ZPID" open 0 $flags)" "$flags 1"
	done
}

@test "of fcntl, ioctl, madvise and prctl only what zinit makes of them is allowed" {
	start_up "$ZINIT" sleep 60
	need_call_inside
	local call
	# F_SETFD, F_DUPFD_CLOEXEC; TIOCGPGRP, TIOCSPGRP, TCSETSW: EBADF
	for call in "fcntl -1 2 1" "fcntl -1 1030 3" "ioctl -1 0x540f" "ioctl -1 0x5410" "ioctl -1 0x5403"; do
		assert_equal "$call: $(call_inside "$ZPID" $call)" "$call: 9"
	done
	# MADV_DONTNEED of nothing, and not page-aligned: EINVAL; MADV_WILLNEED, MADV_DONTFORK
	assert_equal "$(call_inside "$ZPID" madvise 1 0 4)" 22
	assert_equal "$(call_inside "$ZPID" madvise 1 0 3)" 1
	assert_equal "$(call_inside "$ZPID" madvise 1 0 10)" 1
	# F_DUPFD, F_SETFL, F_SETOWN; TIOCSTI, TIOCSCTTY, TIOCLINUX
	for call in "fcntl -1 0 0" "fcntl -1 4 0" "fcntl -1 8 1" "ioctl -1 0x5412" "ioctl -1 0x540e" \
		"ioctl -1 0x541c"; do
		assert_equal "$call: $(call_inside "$ZPID" $call)" "$call: 1"
	done
	# PR_SET_DUMPABLE (2 is no value that it may have: EINVAL); PR_SET_NAME, PR_SET_PDEATHSIG
	assert_equal "$(call_inside "$ZPID" prctl 4 2 0 0 0)" 22
	assert_equal "$(call_inside "$ZPID" prctl 15 0 0 0 0)" 1
	assert_equal "$(call_inside "$ZPID" prctl 1 9 0 0 0)" 1
}

# It is enough

# zinit's own calls after the filter, of a run: none was refused.
assert_none_refused() {
	local refused
	grep -q 'PR_SET_SECCOMP.* = 0$' "$1" || fail "no filter was installed: $(tail -n 5 "$1")"
	refused=$(sed '1,/PR_SET_SECCOMP/d' "$1" | grep -F ' = -1 EPERM' || :)
	assert_equal "$refused" ""
}

# traced_run SHELL-COMMAND [ZINIT-ARG]...: the command runs under zinit, with the sandbox up
traced_run() {
	local command=$1
	shift
	run --separate-stderr in_pidns strace -qq -o "$BATS_TEST_TMPDIR/trace" \
		"$ZINIT" "$@" sh -c "$UNTIL_UP; $command"
	refute_regex "$(how)" timeout
	assert_none_refused "$BATS_TEST_TMPDIR/trace"
}

@test "no call is missed: reaping, a crowd, signals, the ends" {
	need_command strace
	traced_run 'exit 3'
	assert_failure 3
	traced_run 'kill -9 $$'
	assert_failure 137
	traced_run 'for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 & ); done; sleep 0.3' -w
	assert_success
	traced_run 'trap : USR1 HUP; kill -USR1 $PPID; kill -HUP $PPID; kill -CONT $PPID; sleep 0.2; exit 5' -vv
	assert_failure 5
	assert_regex "$stderr" 'forwarded SIGHUP'
	traced_run '(sleep 0.3 & ) ; exit 4' -a
	assert_failure 4
}

@test "no call is missed: stopping, the timeout, the report, the log as JSON" {
	need_command strace
	traced_run '(sleep 60 & ); (sh -c "trap : TERM; while :; do sleep 1; done" & ); exit 4' -t 200ms -v
	assert_failure 4
	traced_run 'sleep 60' --timeout 300ms
	assert_failure 124
	traced_run 'trap : TERM; kill -TERM $PPID; while :; do sleep 0.1; done' --stop-timeout 200ms
	assert_failure 137
	traced_run 'exit 5' --report "$BATS_TEST_TMPDIR/report" --log-format json -v
	assert_failure 5
	assert_file_not_empty "$BATS_TEST_TMPDIR/report"
	traced_run 'exit 5' --report -
	assert_failure 5
	assert_regex "$stderr" 'status 5'
	traced_run 'sleep 0.5' --watch 100ms -v
	assert_success
}

@test "no call is missed as a subreaper: descendants are pinned and stopped, death by signal" {
	need_command strace
	local trace=$BATS_TEST_TMPDIR/trace
	run below_init strace -qq -o "$trace" "$ZINIT" -v -t 200ms \
		sh -c "$UNTIL_UP"'; (sleep 60 & ); (sh -c "trap : TERM; while :; do sleep 1; done" & ); exit 4'
	assert_failure 4
	assert_none_refused "$trace"
	run grep -c pidfd_open "$trace"
	refute_output 0
	run below_init strace -D -qq -o "$trace" "$ZINIT" --exit-by-signal sh -c "$UNTIL_UP"'; kill -KILL $$'
	assert_how "killed 9"
	assert_none_refused "$trace"
	run below_init strace -D -qq -o "$trace" "$ZINIT" --exit-by-signal sh -c "$UNTIL_UP"'; kill -SEGV $$'
	assert_how "killed 11"
	assert_none_refused "$trace"
}

# Orphans, a negligent parent and signals, in an eighth of a second.
BUSY='trap : USR1 USR2 WINCH; (sleep 0.03 & ); negligent -i -n 3 >/dev/null &
sigsend -q 7 $PPID 12; kill -WINCH $PPID; kill -CHLD $PPID; sleep 0.12; exit 6'

@test "no call is missed in mixtures of options, with the sandbox at once" {
	cd "$REPO"
	[ "$ZINIT" -ef "${BUILD:-build}/zinit" ] || skip "zinit was not built here"
	local traced=$BATS_TEST_TMPDIR/zinit told=$BATS_TEST_TMPDIR/told way options runs=0
	local mixtures=("" "-v -w -t 50ms" "-t 50ms --grace-signal INT" "-w"
		"--watch 20ms --on-held-zombies terminate-parent --report - -q"
		"--watch 20ms --on-held-zombies terminate-parent --grace 30ms"
		"-a --log-format json -v --timeout 80ms -t 30ms"
		"-S --timeout 50ms -t 30ms -r USR1:USR2" "-g -p TERM --exit-by-signal -e 6")
	[ "$(id -u)" != 0 ] || mixtures+=("-u 1000:1000 -t 50ms --stop-timeout 1s" "-u 1000:1000 --watch 20ms")
	tests/trace-sandbox -o -b "$traced"
	ln -s zinit "$BATS_TEST_TMPDIR/dumb-init"
	open_to_all
	in_background refused "$traced" >"$told"
	wait_line "$told" listens
	for way in in_pidns below_init; do
		for options in "${mixtures[@]}"; do
			run $way "$traced" $options sh -c "$BUSY" </dev/null
			runs=$((runs + 1))
		done
		run $way "$BATS_TEST_TMPDIR/dumb-init" -v sh -c "$BUSY" </dev/null
		runs=$((runs + 1))
	done
	run grep '^refused' "$told"
	assert_output ""
	run grep -c '^filter' "$told"
	assert_output $runs
}

@test "the engine's default capabilities are enough for all of it" {
	need_root "to have them"
	start_up $ENGINE "$ZINIT" sleep 60
	assert_status CapPrm $KILL
	assert_status CapBnd $NONE
	run in_pidns $ENGINE "$ZINIT" -u 1000:1000 --keep-caps net_bind_service sh -c "$UNTIL_UP"'
		grep -E "^CapEff" /proc/self/status /proc/1/status'
	assert_output "$(printf '/proc/self/status:CapEff:\t%s\n/proc/1/status:CapEff:\t%s' 0000000000000400 $NONE)"
}

# /proc/1/fd is a public interface

WRITES='echo one >/proc/1/fd/1 && echo two >/proc/1/fd/2'

@test "/proc/1/fd/1 and 2 can be written to before and after, as root with an engine's capabilities" {
	need_root "to have them"
	run in_pidns $ENGINE "$ZINIT" sh -c "$WRITES; $UNTIL_UP; $WRITES"
	assert_success
	assert_output "$(printf 'one\ntwo\none\ntwo')"
}

@test "/proc/1/fd/1 and 2 can be written to by the container's user, and with --user" {
	need_root "to be another user"
	# The engine gives a container's streams to its user.
	run in_pidns sh -c 'chown 1000 /proc/self/fd/1 /proc/self/fd/2; exec "$@"' - $ENGINE $USER_1000 \
		"$ZINIT" sh -c "$WRITES; $UNTIL_UP; $WRITES"
	assert_success
	assert_output "$(printf 'one\ntwo\none\ntwo')"
	run in_pidns $ENGINE "$ZINIT" -u 1000:1000 sh -c "$WRITES; $UNTIL_UP; $WRITES"
	assert_success
	assert_output "$(printf 'one\ntwo\none\ntwo')"
}

@test "a child without CAP_KILL cannot trace zinit" {
	need_root "to have it"
	need_command strace
	run in_pidns $ENGINE "$ZINIT" sh -c "$UNTIL_UP"'
		setpriv --bounding-set -kill strace -qq -o /dev/null -p 1'
	assert_failure
	assert_output --partial "Operation not permitted"
	# It is that capability: a child of the same user's that has it can.
	run in_pidns $ENGINE "$ZINIT" sh -c "$UNTIL_UP"'
		strace -qq -o /dev/null -p 1 & until grep -q "^TracerPid:.[1-9]" /proc/1/status; do
			kill -0 $! || exit 1
			sleep 0.01
		done; kill -INT $!; wait; exit 7'
	assert_failure 7
}

@test "another user's child cannot trace zinit" {
	need_root "to be another user"
	need_command strace
	run in_pidns $ENGINE "$ZINIT" sh -c "$UNTIL_UP"'
		setpriv --reuid 1000 --regid 1000 --clear-groups strace -qq -o /dev/null -p 1'
	assert_failure
	assert_output --partial "Operation not permitted"
}

# It still works

ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# Neither spins nor has died: it sleeps, takes a signal, and has used no CPU to speak of.
assert_sound() {
	local before
	wait_for in_state "$ZPID" S
	before=$(ticks "$ZPID")
	sleep 0.3
	[ $(($(ticks "$ZPID") - before)) -le 3 ] || fail "it spins"
	kill -USR1 "$ZPID"
	wait_count "$OUT" "USR1" "$1"
}

SAYS='trap "echo USR1" USR1; while :; do sleep 0.02; done'

# Starts zinit with the options in each of its waits: while the main child runs, and (behind -t and
# -a) when it has ended and has left one that does not end.
start_wait() {
	local main
	case $1 in
	-t* | -a)
		start_up "$ZINIT" $1 sh -c '(trap "" TERM; echo up; '"$SAYS"') & exec sleep 60'
		wait_line "$OUT" up
		main=$(child_running sleep)
		kill -KILL "$main"
		wait_for test ! -e "/proc/$main"
		;;
	*) start_up "$ZINIT" $1 sh -c "echo up; $SAYS" && wait_line "$OUT" up ;;
	esac
}

@test "SIGSTOP and SIGCONT in every wait" {
	local options
	for options in "" "--timeout 60s" "--watch 20s" "-t 60s" "-a"; do
		start_wait "$options"
		kill -STOP "$ZPID"
		wait_for in_state "$ZPID" T
		kill -CONT "$ZPID"
		assert_sound 1
	done
}

@test "a debugger that comes and goes, in every wait" {
	need_command strace
	local options
	for options in "" "--timeout 60s" "--watch 20s" "-t 60s" "-a"; do
		start_wait "$options"
		trace_zinit
		kill -INT "$STRACE"
		end_trace
		assert_sound 1
		# And one that is killed.
		trace_zinit
		kill -KILL "$STRACE"
		end_trace
		assert_sound 2
	done
}

teardown() {
	[ -z "${frozen:-}" ] || echo 0 >"$frozen/cgroup.freeze"
	end_started
	[ -z "${frozen:-}" ] || rmdir "$frozen"
}

@test "freeze and thaw in every wait" {
	need_root "to make a cgroup"
	local root options
	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	frozen=$root/zinit-test-$$-$RANDOM
	if [ -z "$root" ] || ! mkdir "$frozen" 2>/dev/null; then
		frozen=''
		skip "no cgroup v2 to freeze"
	fi
	[ -w "$frozen/cgroup.freeze" ] || skip "no freezer"
	for options in "" "--timeout 60s" "--watch 20s" "-t 60s" "-a"; do
		start_wait "$options"
		echo "$ZPID" >"$frozen/cgroup.procs"
		echo 1 >"$frozen/cgroup.freeze"
		wait_for grep -q '^frozen 1' "$frozen/cgroup.events"
		echo 0 >"$frozen/cgroup.freeze"
		wait_for grep -q '^frozen 0' "$frozen/cgroup.events"
		assert_sound 1
	done
}

@test "signals reach a child that changed its user" {
	need_root "to be another user"
	start_up $ENGINE "$ZINIT" setpriv $USER_1000 sleep 60
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 143
	# Without CAP_KILL they cannot: it is said, and zinit stays.
	start_up setpriv --bounding-set -kill "$ZINIT" setpriv $USER_1000 sh -c 'echo up; exec sleep 60'
	wait_line "$OUT" up
	kill -TERM "$ZPID"
	wait_for grep -q 'cannot forward SIGTERM.*Operation not permitted' "$ERR"
	is_up
}

# The shell under zinit is left as soon as each of them can be told.
many_users() {
	open_to_all
	cat <<END
for uid in 0 1000 1001; do
	(setpriv --reuid \$uid --regid \$uid --clear-groups sh -c 'trap "echo \$0 told; exit" TERM
		: >"$BATS_TEST_TMPDIR/\$0"; while :; do sleep 0.02; done' \$uid & )
done
cd "$BATS_TEST_TMPDIR"; until [ -e 0 ] && [ -e 1000 ] && [ -e 1001 ]; do sleep 0.02; done
rm 0 1000 1001; exit 6
END
}

assert_all_told() {
	local uid
	assert_failure 6
	for uid in 0 1000 1001; do assert_line "$uid told"; done
	refute_line --partial "not permitted"
}

@test "--grace tells descendants of several users, as PID 1 and as a subreaper" {
	need_root "to be another user"
	local way
	for way in in_pidns below_init; do
		run $way $ENGINE "$ZINIT" -t 5s sh -c "$UNTIL_UP; $(many_users)"
		assert_all_told
	done
}

@test "--grace tells descendants of several users in a user namespace" {
	need_root "to map several users"
	# Entered from outside, since only there a map of many IDs can be written.
	run in_pidns sh -c 'unshare -U sleep 60 & holder=$!
		while [ "$(readlink /proc/$holder/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
		echo 0 0 2000 >/proc/$holder/uid_map && echo 0 0 2000 >/proc/$holder/gid_map &&
		exec nsenter -t "$holder" -U "$@"' - "$ZINIT" -t 5s sh -c "$UNTIL_UP; $(many_users)"
	assert_all_told
}

# Neither root without CAP_SYS_PTRACE nor its group sees others there.
HIDEPID=(sh -c 'mount -t proc -o hidepid=2,gid=61234 proc /proc && exec "$@"' -)

@test "--grace under hidepid tells whom zinit cannot see, as PID 1 and as a subreaper" {
	need_root "to mount /proc"
	local way
	for way in in_pidns below_init; do
		run $way "${HIDEPID[@]}" $ENGINE "$ZINIT" -t 5s sh -c "$UNTIL_UP; $(many_users)"
		assert_all_told
	done
}

# Six negligent parents: for each user one that SIGTERM ends, and one that it does not.
NEGLIGENT='for uid in 0 1000 1001; do
	for mode in -N -iN; do
		setpriv --reuid $uid --regid $uid --clear-groups "$0" -n 2 $mode "p$mode-$uid" &
	done
done
wait; exec sleep 60'

# start_negligent WAY [BEFORE]...
start_negligent() {
	local way=$1
	shift
	cp "$HELPERS/negligent" "$BATS_TEST_TMPDIR/"
	open_to_all
	"start_$way" "$@" "$ZINIT" --watch 100ms --grace 300ms --on-held-zombies terminate-parent \
		sh -c "$UNTIL_UP; $NEGLIGENT" "$BATS_TEST_TMPDIR/negligent" </dev/null
}

@test "--on-held-zombies terminate-parent ends parents of several users, as PID 1 and as a subreaper" {
	need_root "to be another user"
	local way uid
	for way in in_pidns below_init; do
		start_negligent $way $ENGINE
		for uid in 0 1000 1001; do
			wait_line "$ERR" ".*: warning: [0-9]+ \\(p-N-$uid\\) has ended: .*"
			wait_line "$ERR" ".*: warning: [0-9]+ \\(p-iN-$uid\\) has ended: .*"
			# The grace is kept for each of them.
			run grep -oE "sent SIG[A-Z]+ to [0-9]+ \\(p-iN-$uid" "$ERR"
			assert_equal "$(awk '{ print $2 }' <<<"$output" | paste -sd ' ')" "SIGTERM SIGKILL"
			run grep -E "SIGKILL to [0-9]+ \\(p-N-$uid" "$ERR"
			assert_output ""
		done
		run grep "not permitted" "$ERR"
		assert_output ""
		is_up
		kill -KILL "$(child_running sleep)"
		finish
		assert_equal "$status" 137
	done
}

@test "without CAP_KILL a parent of another user is named once, and zinit goes on" {
	need_root "to be another user"
	local way uid
	for way in in_pidns below_init; do
		start_negligent $way setpriv --bounding-set -kill
		wait_line "$ERR" ".*: warning: [0-9]+ \\(p-N-0\\) has ended: .*"
		wait_line "$ERR" ".*: warning: [0-9]+ \\(p-iN-0\\) has ended: .*"
		for uid in 1000 1001; do
			for mode in N iN; do
				run grep -E "cannot send SIG[A-Z]+ to [0-9]+ \\(p-$mode-$uid\\): Operation not permitted" "$ERR"
				assert_equal "${#lines[@]}" 1
			done
		done
		is_up
		kill -KILL "$(child_running sh)"
		finish
		assert_equal "$status" 137
	done
}

@test "--user: who cannot be signalled is named at the end, and ends with PID 1" {
	need_root "to be another user"
	need_command nsenter
	local entered
	start_up $ENGINE "$ZINIT" -u 1000:1000 -v -t 100ms sleep 60
	mkfifo "$BATS_TEST_TMPDIR/up"
	# As root's `docker exec` does.
	in_background enter sh -c 'echo $$ >"$0"; exec sleep 60' "$BATS_TEST_TMPDIR/up"
	read -r entered <"$BATS_TEST_TMPDIR/up"
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 143
	assert_regex "$stderr" "process $entered \\(sleep\\) is left behind"
	# With the namespace's PID 1 the kernel ends the rest. nsenter(1) has seen it die, or not even
	# that where its own wait came too late.
	run wait "${_started[-1]}"
	assert_regex "$status" '^(137|255)$'
}

# watch_hidden MOUNT-OPTIONS [BEFORE]...: a negligent parent of root's, which is there before zinit,
# and one of zinit's own user
watch_hidden() {
	local options=$1
	shift
	cp "$HELPERS/negligent" "$BATS_TEST_TMPDIR/"
	open_to_all
	start_in_pidns sh -c 'mount -t proc -o "$0" proc /proc && negligent -N roots & exec "$@"' "$options" "$@" \
		"$ZINIT" --watch 50ms --on-held-zombies terminate-parent \
		sh -c "$UNTIL_UP"'; "$0" -N own & wait $!; echo gone; exec sleep 60' "$BATS_TEST_TMPDIR/negligent" </dev/null
	wait_count "$OUT" '[0-9]+ holds 1' 2
}

@test "--watch under hidepid sees whom zinit's group or user may see, and the rest is no error" {
	need_root "to mount /proc"
	# Root's group is the one that sees all, unless another is named.
	watch_hidden hidepid=2 $ENGINE
	wait_line "$ERR" ".*: warning: [0-9]+ \\(own\\) has ended: .*"
	wait_line "$ERR" ".*: warning: [0-9]+ \\(roots\\) has ended: .*"
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 143
	watch_hidden hidepid=2 $ENGINE setpriv $USER_1000
	wait_line "$ERR" ".*: warning: [0-9]+ \\(own\\) has ended: .*"
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 143
	refute_regex "$stderr" 'roots|cannot|error'
}

@test "a process that enters the container is not changed by it" {
	need_command nsenter
	start_up "$ZINIT" sleep 60
	run enter grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
	assert_output "$(grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status)"
	assert_regex "$output" "Seccomp:.0"
}

@test "the main child may have its own debugger" {
	need_command strace
	run in_pidns "$ZINIT" sh -c "$UNTIL_UP"'; exec strace -f -qq -o /dev/null sh -c "true; exit 7"'
	assert_failure 7
}

@test "a set-uid program below works, and its end is seen" {
	need_root "to make one"
	run in_pidns sh -c 'mount -t tmpfs -o mode=755 none /mnt && cp "$(command -v id)" /mnt/id && chmod 4755 /mnt/id &&
		exec "$@" sh -c "$0; /mnt/id -u; exit 9"' "$UNTIL_UP" $ENGINE $USER_1000 "$ZINIT"
	assert_failure 9
	assert_output 0
}
