# shellcheck shell=bash disable=SC2016,SC2154
# peers.bash: the same case under zinit and under the program that it replaces. `load helpers/peers`
# below lib.
#
#   under_each NAME COMMAND...   runs COMMAND with INIT set to a link NAME to zinit, to `zinit --as
#                                NAME`, and to the original; without an original that is installed
#                                the test ends as skipped, but not before zinit passed
#   under_zinit NAME COMMAND...  the two zinits only: what zinit does better, or more
#   under_original NAME COMMAND...  the original only: the control that it has the bug
#   ZINIT_TEST_PEERS=original in the environment leaves the zinits out.
#   ORIGINAL                     in COMMAND: not empty where INIT is the original
#
# As lib's, with INIT in zinit's place:
#   init_pid1 [ARG]...  init_below [ARG]...  start_init [ARG]...  start_init_below [ARG]...
#   end_init                     ends the last one by SIGKILL to its main child
#
#   start_two [ARG]...           a sigreport as the main child (its output is OUT) and a sigreport
#                                as that one's child and group member: file SECOND, SECOND_PID
#   start_two_below [ARG]...     the same below an init
#   assert_told FILE PID N...    FILE's sigreport got the signals N, once each, and no other
#
#   ADOPTED                      a script for sh that prints "adopted by PID" for its orphan

INIT=()
ORIGINAL=

_under() {
	shift
	echo "init: ${INIT[*]}"
	"$@"
	end_started
	_started=()
}

_as_link() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2153 # lib.bash sets ZINIT
	ln -sfn "$ZINIT" "$BATS_TEST_TMPDIR/bin/$1"
	INIT=("$BATS_TEST_TMPDIR/bin/$1")
}

under_zinit() {
	[ "${ZINIT_TEST_PEERS:-}" != original ] || return 0
	ORIGINAL=
	_as_link "$1"
	_under "$@"
	INIT=("$ZINIT" --as "$1")
	_under "$@"
}

under_original() {
	[ -x "/usr/bin/$1" ] || skip "$1 is not installed, so there is no original to compare with"
	# shellcheck disable=SC2034 # for the tests
	ORIGINAL=yes
	INIT=("/usr/bin/$1")
	_under "$@"
}

under_each() {
	under_zinit "$@"
	under_original "$@"
}

init_pid1() { in_pidns "${INIT[@]}" "$@"; }
init_below() { below_init "${INIT[@]}" "$@"; }
start_init() { start_in_pidns "${INIT[@]}" "$@"; }
start_init_below() { start_below_init "${INIT[@]}" "$@"; }

end_init() {
	kill -KILL "$(main_child)"
	finish
	assert_equal "$status" 137
}

_two() {
	SECOND=$BATS_TEST_TMPDIR/second.$_start_count
	: >"$SECOND"
	"$@" sh -c 'sigreport >"$0" & exec sigreport' "$SECOND"
	wait_line "$OUT" ready
	wait_line "$SECOND" ready
	SECOND_PID=$(children "$(main_child)")
	SECOND_PID=${SECOND_PID% }
}

start_two() { _two start_init "$@"; }
start_two_below() { _two start_init_below "$@"; }

# 64 is the last that a receiver takes: whatever came before it is told before it.
assert_told() {
	local file=$1 pid=$2
	shift 2
	sigsend "$pid" 64
	wait_line "$file" '64 .*'
	assert_equal "$(grep -E '^[0-9]' "$file" | cut -d' ' -f1 | grep -vx 64 | sort -n | xargs)" \
		"$(printf '%s\n' "$@" | sort -n | xargs)"
}

# The command substitution ends when the orphan has told who its new parent is. In a subshell $$ is
# the shell's PID, its parent's.
# shellcheck disable=SC2016,SC2034
ADOPTED='by=$(sh -c "(new=\$\$
	while [ \$new = \$\$ ]; do read a b c new d </proc/self/stat; done; echo \$new) &")
	echo "adopted by $by"'
