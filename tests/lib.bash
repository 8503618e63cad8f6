# shellcheck shell=bash
# lib.bash: what every test file shares. `load lib` at its top, below no `setup` of its own need.
#
# Variables
#   REPO ZINIT HELPERS   the tree, the binary under test (another init can be named), build/tests
#   BOTH_WAYS            "pid1 subreaper": for way in $BOTH_WAYS; do run as_"$way" ...; done
#
# zinit in the foreground (for `run`); both pass its exit status through. Everything runs in a PID
# namespace of its own (helpers/pidns.c: clean signals, no descriptor above 2, a session of its
# own), which ends what is left; as an ordinary user in a user namespace too.
#   as_pid1 [ZINIT-ARG]...        zinit is PID 1 of the namespace
#   as_subreaper [ZINIT-ARG]...   zinit is PID 2 below a plain init, and its group's member
#   in_pidns PROGRAM...           any program as PID 1 (for env, exec_with, strace -D, sh in front)
#   below_init PROGRAM...         any program as PID 2
#   how                           how the last one ended, exactly: "exited 143", "killed 15"
#   assert_how "killed 15"
#
# zinit in the background; returns once zinit's PID is known (zinit may not run yet).
#   start_pid1 [ZINIT-ARG]...   start_subreaper [ZINIT-ARG]...
#   start_in_pidns PROGRAM...   start_below_init PROGRAM...
#   start_from_outside [ZINIT-ARG]...  zinit's parent is outside, as with docker exec
#   sets ZPID (zinit's PID outside), NSPID (the namespace's PID 1), PIDNS (the helper), and the
#   files OUT and ERR, which collect its output. stdin is the caller's.
#   finish                      waits for its end; sets status, output, stderr; then `how` works
#   enter PROGRAM...            runs PROGRAM inside the last one's namespace (as its root)
#   main_child                  prints the outside PID of zinit's child that has exec'd (waits)
#   child_running NAME          prints the outside PID of zinit's child of that name (waits)
#   children PID                prints the PIDs of PID's children
#   inside_pid PID              prints PID's own number inside its innermost namespace
#   trace_zinit STRACE-ARG...   traces ZPID from outside into the file TRACE, attached on return;
#   end_trace                   waits for the tracer, which ends with zinit
#
# Waiting: by 10 ms steps, for at most WAIT_SECONDS (10), then the test fails and says for what.
#   wait_for COMMAND...         until COMMAND succeeds
#   wait_line FILE REGEX        until FILE has a matching line (extended regex, whole line)
#   wait_count FILE REGEX N     until it has N
#   wait_gone PID               until PID is gone, or a zombie
#   in_state PID LETTERS        a condition for wait_for: PID's state is one of R S D T t Z
#   has_signal PID FIELD N      a condition: bit N is set in SigBlk, ShdPnd, SigIgn... of PID
#   holds_signals PID           a condition: all 62 signals are blocked (zinit is up)
#   reads_signalfd              a condition: zinit (ZPID) is at rest, in a read without a deadline
#
# open_to_all               lets other users into BATS_TEST_TMPDIR
#
# Needs: each skips the test, and says why.
#   need_root   need_command NAME   need_traced_injection
#   need_namespaces           the default `setup`, with trace_test_only; a setup of a file's own
#                             calls it, where the file's tests are not all without namespaces
#
# trace_test_only           the tests run in less than half of the time; each `setup` calls it
#
# Signals by name: sig TERM prints 15; sig RTMIN 34.
# Asserts: assert_one_line TEXT WORD (one line, and it names WORD); assert_equal and the rest are
# bats-assert's. `fail` ends a test with a message.

bats_require_minimum_version 1.5.0

REPO=$(cd "${BATS_TEST_DIRNAME:-$(dirname "${BASH_SOURCE[0]}")}/.." && pwd)
export REPO
export ZINIT=${ZINIT:-$REPO/build/zinit}
export HELPERS=${HELPERS:-$REPO/build/tests}

# Without directories that an ordinary user may not enter: the search for a program that is not
# there would end with EACCES.
_kept=$HELPERS
IFS=: read -ra _directories <<<"$PATH"
for _directory in "${_directories[@]}"; do
	[ ! -x "$_directory" ] || _kept+=:$_directory
done
PATH=$_kept
unset _kept _directory _directories
# shellcheck disable=SC2034 # for the tests
BOTH_WAYS="pid1 subreaper"
WAIT_SECONDS=${WAIT_SECONDS:-10}

BATS_LIB_PATH=${BATS_LIB_PATH:-/usr/lib/bats:/usr/lib:/usr/local/lib/bats:/usr/local/lib:/usr/share/bats}
# Each test of a file loads this anew. The libraries' own load.bash starts a process for each of
# their files, which is more than all the rest of a short test costs.
for _library in bats-support bats-assert bats-file; do
	if find_in_bats_lib_path _path "$_library" && [ -d "${_path%/*}/src" ]; then
		for _path in "${_path%/*}"/src/*.bash; do
			# shellcheck disable=SC1090
			source "$_path"
		done
	else
		bats_load_library "$_library"
	fi
done
unset _library _path

# An outer zinit's or peer's variables must not reach the one under test.
for _variable in $(compgen -e); do
	case $_variable in
	ZINIT | ZINIT_TEST*) ;;
	ZINIT_* | TINI_* | DUMB_INIT_* | CATATONIT_* | LISTEN_* | WATCHDOG_* | NOTIFY_SOCKET)
		unset "$_variable"
		;;
	esac
done
unset _variable

# Which test writes where; a test that starts several has a directory for each.
_start_count=0
_never=
_started=()

_check_built() {
	[ -x "$HELPERS/pidns" ] || fail "the helpers are not built: run 'make helpers'"
	[ -x "$ZINIT" ] || fail "$ZINIT is not built: run 'make'"
}

_pidns() {
	_check_built
	"$HELPERS/pidns" -s "$BATS_TEST_TMPDIR/how" "$@"
}

in_pidns() { _pidns "$@"; }
below_init() { _pidns -i "$@"; }
as_pid1() { _pidns "$ZINIT" "$@"; }
as_subreaper() { _pidns -i "$ZINIT" "$@"; }

how() { cat "$BATS_TEST_TMPDIR/how"; }
assert_how() {
	local how
	read -r how <"$BATS_TEST_TMPDIR/how"
	assert_equal "$how" "$1"
}

_start() {
	local dir fifo
	_start_count=$((_start_count + 1))
	dir=$BATS_TEST_TMPDIR/start.$_start_count
	mkdir "$dir"
	OUT=$dir/out ERR=$dir/err
	touch "$OUT" "$ERR"
	mkfifo "$dir/pid"
	# Read and write, so that neither end waits for the other.
	exec {fifo}<>"$dir/pid"
	_check_built
	# exec, so that no shell stands between, which would hold the streams and take the signals.
	{ exec "$HELPERS/pidns" -s "$BATS_TEST_TMPDIR/how" -p "$dir/pid" "$@"; } \
		<&0 >"$OUT" 2>"$ERR" 3>&- {fifo}>&- &
	PIDNS=$!
	_started+=("$PIDNS")
	if ! read -r -t "$WAIT_SECONDS" -u "$fifo" ZPID NSPID; then
		exec {fifo}>&-
		fail "could not start: $* ($(cat "$ERR"))"
	fi
	exec {fifo}>&-
}

start_in_pidns() { _start "$@"; }
start_below_init() { _start -i "$@"; }
start_pid1() { _start "$ZINIT" "$@"; }
start_from_outside() { _start -o "$ZINIT" "$@"; }
start_subreaper() { _start -i "$ZINIT" "$@"; }

# shellcheck disable=SC2034 # for the tests, as `run` does it
finish() {
	status=0
	wait "$PIDNS" || status=$?
	output=$(<"$OUT")
	stderr=$(<"$ERR")
	mapfile -t lines <"$OUT"
	mapfile -t stderr_lines <"$ERR"
	if [ "$(how)" = timeout ]; then
		fail "zinit did not end: $stderr"
	fi
}

enter() {
	local user=()
	[ "$(id -u)" = 0 ] || user=(-U --preserve-credentials)
	nsenter -t "$NSPID" "${user[@]}" -p -m -- "$@"
}

children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }

inside_pid() { awk '/^NSpid:/ { print $NF }' "/proc/$1/status"; }

trace_zinit() {
	need_command strace
	TRACE=$BATS_TEST_TMPDIR/trace.$ZPID
	strace -qq -o "$TRACE" -p "$ZPID" "$@" 3>&- 2>"$TRACE.err" &
	STRACE=$!
	_started+=("$STRACE")
	wait_for _is_traced "$STRACE"
}

_is_traced() {
	if ! kill -0 "$1" 2>/dev/null; then
		! grep -q attach "$TRACE.err" || skip "strace cannot attach here"
		fail "strace has ended: $(<"$TRACE.err")"
	fi
	! grep -q '^TracerPid:.0$' "/proc/$ZPID/status"
}

end_trace() { wait "$STRACE" || :; }

# The barrier's child still has zinit's own program name before it execs.
_find_main_child() {
	local pid
	for pid in $(children "$ZPID"); do
		if [ "$(readlink "/proc/$pid/exe")" != "$(readlink "/proc/$ZPID/exe")" ]; then
			_main_child=$pid
			return 0
		fi
	done
	return 1
}

main_child() {
	wait_for _find_main_child
	echo "$_main_child"
}

_find_child_running() {
	local pid name
	for pid in $(children "$ZPID"); do
		if read -r name 2>/dev/null <"/proc/$pid/comm" && [ "$name" = "$1" ]; then
			_main_child=$pid
			return 0
		fi
	done
	return 1
}

child_running() {
	wait_for _find_child_running "$1"
	echo "$_main_child"
}

wait_for() {
	local end=$((${EPOCHREALTIME/./} + WAIT_SECONDS * 1000000))
	until "$@"; do
		if ((${EPOCHREALTIME/./} > end)); then
			fail "waited $WAIT_SECONDS s in vain for: $*"
			return 1
		fi
		# A pipe that nobody writes to: sleep(1) would be a process for each step.
		[ -n "${_never:-}" ] || exec {_never}<> <(:)
		read -r -t 0.01 -u "$_never" || :
	done
}

wait_line() {
	wait_for grep -qxE -- "$2" "$1" || {
		sed 's/^/has: /' "$1" >&2
		return 1
	}
}

_has_count() { [ "$(grep -cxE -- "$2" "$1")" -ge "$3" ]; }

wait_count() {
	wait_for _has_count "$@" || {
		sed 's/^/has: /' "$1" >&2
		return 1
	}
}

_state() {
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	line=${line##*) }
	echo "${line%% *}"
}

in_state() { [[ $(_state "$1") == ["$2"] ]]; }
_is_gone() { [[ $(_state "$1") == ['ZX'] ]] || [ ! -e "/proc/$1" ]; }
wait_gone() { wait_for _is_gone "$1"; }

_signal_set() {
	local name value
	while read -r name value; do
		if [ "$name" = "$2:" ]; then
			echo "0x$value"
			return
		fi
	done < <(cat "/proc/$1/status" 2>/dev/null)
	echo 0
}

has_signal() { (((($(_signal_set "$1" "$2") >> ($3 - 1)) & 1) == 1)); }
# SIGKILL and SIGSTOP never show in a mask.
holds_signals() { [ "$(_signal_set "$1" SigBlk)" = 0xfffffffffffbfeff ]; }

reads_signalfd() {
	local call fd rest
	read -r call fd rest <"/proc/$ZPID/syscall" || return 1
	case $(uname -m) in
	x86_64) [ "$call" = 0 ] || return 1 ;;
	aarch64 | riscv64) [ "$call" = 63 ] || return 1 ;;
	*) [ "$call" = 3 ] || return 1 ;;
	esac
	[ "$(readlink "/proc/$ZPID/fd/$((fd))")" = "anon_inode:[signalfd]" ]
}

sig() {
	case $1 in
	RTMIN) echo 34 ;;
	RTMAX) echo 64 ;;
	*) kill -l "$1" ;;
	esac
}

open_to_all() {
	local dir=$BATS_TEST_TMPDIR
	chmod a+rwx "$dir"
	while [ "$dir" != "$BATS_RUN_TMPDIR" ] && [ "$dir" != / ]; do
		dir=$(dirname "$dir")
		chmod a+x "$dir"
	done
}

need_root() { [ "$(id -u)" = 0 ] || skip "only as root: $1"; }

# Refused inside of the build of an image, and where user namespaces are turned off.
need_namespaces() {
	local why
	_check_built
	why=$("$HELPERS/pidns" true 2>&1) && return
	case $why in
	*'not permitted' | *'No space left'*) skip "no namespaces here ($why)" ;;
	*) fail "$why" ;;
	esac
}

need_command() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# strace's delays and errors, and a tracer that is nobody's parent.
need_traced_injection() {
	need_command strace
	strace -qq -o /dev/null -e inject=getppid:retval=1 true 2>/dev/null ||
		skip "strace cannot inject here"
}

assert_one_line() {
	local count
	count=$(printf '%s\n' "$1" | wc -l)
	if [ -z "$1" ] || [ "$count" != 1 ]; then
		fail "not one line, but $count: $1"
	fi
	case $1 in
	*"$2"*) ;;
	*) fail "does not name '$2': $1" ;;
	esac
}

# Ends only what this test started; with its PID 1 gone the kernel ends the whole namespace.
end_started() {
	local pid
	for pid in "${_started[@]}"; do
		kill -TERM "$pid" 2>/dev/null || :
	done
	for pid in "${_started[@]}"; do
		wait "$pid" 2>/dev/null || :
	done
	_started=() # their PIDs may be others' from now on
}

# bats notes the stack before each command, those inside of functions and substitutions too, which
# was more than half of what a run cost. Here it does so for the test's own commands alone; what
# fails or hangs further down is noted then.
trace_test_only() {
	declare -F bats_check_status_from_trap bats_capture_stack_trace bats_timeout_trap >/dev/null ||
		return 0
	set +T
	trap _note_failure ERR
	[ -z "${BATS_TEST_TIMEOUT:-}" ] || trap _note_timeout ABRT
}

# shellcheck disable=SC2034 # for bats
# bats_error_trap, which knows the stack when what failed is not the test's own command.
_note_failure() {
	bats_check_status_from_trap
	if ! _in_test_itself; then
		bats_capture_stack_trace
		_forget_libraries
	elif [ "${BASH_LINENO[*]}" = "${BATS_DEBUG_LAST_LINENO[*]}" ]; then
		BATS_DEBUG_LAST_STACK_TRACE=("${BATS_DEBUG_LASTLAST_STACK_TRACE[@]}")
	fi
	BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
	BATS_DEBUG_EXCLUDE_PATHS=(/)
}

# In the trap of a signal the innermost line is not known.
_note_timeout() {
	if ! _in_test_itself; then
		bats_capture_stack_trace
		BATS_DEBUG_LAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]:1}")
		_forget_libraries
		BATS_DEBUG_LASTLAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]}")
	fi
	bats_timeout_trap
}

_in_test_itself() { [[ ${FUNCNAME[2]} == "$BATS_TEST_NAME" || ${FUNCNAME[2]} == setup ]]; }

_forget_libraries() {
	while [[ ${BATS_DEBUG_LAST_STACK_TRACE[0]:-} == *" $BATS_ROOT/lib/"* ]]; do
		BATS_DEBUG_LAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]:1}")
	done
}

setup() {
	trace_test_only
	need_namespaces
}
teardown() { end_started; }
