#!/usr/bin/env bash
# traced.bash: zinit under strace, for a whole run of the tests:
#
#   mkdir /tmp/traces; chmod 1777 /tmp/traces
#   ZINIT=$PWD/tests/helpers/traced.bash TRACES=/tmp/traces tests/run
#   tests/helpers/traced.bash
#
# The second call, without arguments, prints each system call of zinit's own that its sandbox has
# refused; status 1 when there is one. Tests that count zinit's system calls, or trace it
# themselves, fail under the first.
set -u
here=${BASH_SOURCE[0]%/*}
traces=${TRACES:-/tmp/traces}

if test $# = 0; then
	shopt -s nullglob
	files=("$traces"/*)
	sandboxed=$(grep -lE 'PR_SET_SECCOMP' "${files[@]}" /dev/null | wc -l)
	echo "$sandboxed of ${#files[@]} runs had the sandbox" >&2
	test "$sandboxed" != 0 || exit 1
	awk 'FNR == 1 { inside = 0 }
		/PR_SET_SECCOMP.* = 0$/ { inside = 1; next }
		inside && / = -1 EPERM / { print FILENAME ": " $0; refused = 1 }
		END { exit refused }' "${files[@]}"
	exit
fi
# -D: strace is a grandchild, and zinit keeps its PID, its parent and its children.
exec strace -D -qq -o "$traces/$$-$RANDOM$RANDOM" "${REAL_ZINIT:-$here/../../build/zinit}" "$@"
