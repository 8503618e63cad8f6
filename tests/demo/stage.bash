# shellcheck shell=bash disable=SC2034
# stage.bash: what run and trace share: programs started in PID namespaces of their own, orders for
# the service (tests/helpers/service.c) in there, figures read from /proc.
#
#   stage_open            finds out what may be done here: sets `namespaces` and `own_limit` (of
#                         PIDs, one that binds) to yes or nothing, and `why` not
#   begin NAME [OPTION]... -- INIT [ARG]...
#                         starts `INIT ARG... service`, INIT as PID 1 (pidns takes the options);
#                         without namespaces in a session of its own
#   order NAME WORD...    has NAME's service obey; sets `answer`, and `output` to what came before
#   signal NAME SIGNAL    sends it to the init, from outside
#   ended NAME            waits for the init's end; sets `status`
#   wait_until COMMAND... by 10 ms steps, 6 s at most; its status tells
#   messages NAME REGEX   matches what NAME's processes have written to stderr: BASH_REMATCH
#   is_state NAME PID STATE   PID is NAME's number of it, STATE a letter, or nothing: it is gone
#   census NAME           counts NAME's processes: sets `pids` and `zombies`
# Whatever was started is ended when the script ends; `scratch` is a directory until then.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ZINIT=${ZINIT:-$REPO/build/zinit}
HELPERS=${HELPERS:-$REPO/build/tests}
NOBODY=65534

declare -A orders=() answers=() written=() helper=() outer=() proc=() session=()
patience=6000000
scratch='' zinit='' answer='' output='' status='' pids=0 zombies=0

# An outer zinit's variables are not meant for the one that is shown.
for variable in $(compgen -e); do
	case $variable in
	ZINIT_* | TINI_* | DUMB_INIT_* | CATATONIT_*) unset "$variable" ;;
	esac
done

stop()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

stage_close()
{
	local name
	for name in "${!helper[@]}"; do
		kill -TERM "${helper[$name]}"
	done
	wait
	rm -rf "$scratch"
} 2>/dev/null

# The programs are copied: root of a namespace that is nobody outside may not see the tree. (Where it
# may not see the copies either, no limit binds.)
stage_open()
{
	local program

	scratch=$(mktemp -d "${TMPDIR:-/tmp}/zinit-demo.XXXXXX") || exit
	trap stage_close EXIT
	trap 'exit 130' INT TERM HUP
	for program in "$ZINIT" "$HELPERS"/{pidns,exec_with,no_init,service,zombie_parent}; do
		[ -x "$program" ] || stop "there is no $program: run \`make demo\`"
		cp "$program" "$scratch/" || exit
	done
	chmod 755 "$scratch" "$scratch"/*
	zinit=$scratch/${ZINIT##*/}
	PATH=$scratch:$PATH
	mkfifo "$scratch/never" || exit
	exec {never}<>"$scratch/never"

	namespaces='' own_limit=''
	if why=$(pidns true 2>&1); then
		namespaces=yes
		limit_binds && own_limit=yes
	fi
}

# Of two PIDs the service has the first, a program the second; for a third there must be none.
limit_binds()
{
	begin limit -u "$NOBODY" -- "$scratch/exec_with" limit=nproc:2 -- &&
		order limit start sleep 60 && [[ $answer == started* ]] &&
		order limit start sleep 60 && [[ $answer == Resource* ]]
}

# Who has waited for one thing in vain does not wait as long for the next.
expired()
{
	((${EPOCHREALTIME/[.,]/} >= $1)) && patience=800000
}

wait_until()
{
	local end=$((${EPOCHREALTIME/[.,]/} + patience)) nothing

	until "$@"; do
		! expired $end || return 1
		read -r -t 0.01 -u "$never" nothing
	done
	return 0
}

begin()
{
	local name=$1 options=() fifo fd told first

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	written[$name]=$scratch/$name.written
	: >"${written[$name]}"
	# Opened for reading and writing, so that no end waits for the other.
	for fifo in orders answers told; do
		mkfifo "$scratch/$name.$fifo" || exit
	done
	exec {fd}<>"$scratch/$name.orders"
	orders[$name]=$fd
	exec {fd}<>"$scratch/$name.answers"
	answers[$name]=$fd
	exec {told}<>"$scratch/$name.told"
	if [ -n "$namespaces" ]; then
		set -- pidns -t 20 -p "$scratch/$name.told" "${options[@]}" "$@" "$scratch/service"
	else
		# shellcheck disable=SC2016 # the other shell expands it
		set -- setsid sh -c 'echo $$ $$ >"$0"; exec "$@"' "$scratch/$name.told" "$@" "$scratch/service"
	fi
	{
		for fd in "${orders[@]}" "${answers[@]}" "$told" "$never"; do
			exec {fd}>&-
		done
		exec "$@"
	} <"$scratch/$name.orders" >"$scratch/$name.answers" 2>"${written[$name]}" &
	helper[$name]=$!
	read -r -t 3 -u "$told" outer["$name"] first
	exec {told}>&-
	proc[$name]=/proc${namespaces:+/$first/root/proc}
	session[$name]=$first
	[ -n "$first" ] && order "$name" alive
}

# service always answers, sooner or later, unless the init has ended.
order()
{
	local name=$1 line='' part='' end=$((${EPOCHREALTIME/[.,]/} + patience))

	shift
	output='' answer=''
	printf '%s\n' "$*" >&"${orders[$name]}"
	until expired $end; do
		if ! IFS= read -r -t 0.1 -u "${answers[$name]}" line; then
			# Its time may be over in the midst of a line.
			part+=$line
			[ -z "${helper[$name]:-}" ] || ! has_ended "${helper[$name]}" || return 1
			continue
		fi
		line=$part$line part=
		if [[ $line == "= "* ]]; then
			answer=${line#= }
			return 0
		fi
		output+=$line$'\n'
	done
	return 1
}

signal()
{
	kill -s "$2" "${outer[$1]}"
}

has_ended()
{
	local line=''

	read -r -d '' line <"/proc/$1/stat"
	[ -z "$line" ] || [[ $line == *") Z "* ]]
} 2>/dev/null

ended()
{
	status='none'
	wait_until has_ended "${helper[$1]}" || return
	wait "${helper[$1]}"
	status=$?
	unset "helper[$1]"
}

messages()
{
	[[ $(<"${written[$1]}")$'\n' =~ $2 ]]
}

is_state()
{
	local line=''

	read -r -d '' line <"${proc[$1]}/$2/stat"
	line=${line##*) }
	[ "${line:0:1}" = "$3" ]
} 2>/dev/null

# In a session, where there is no namespace. Behind a name come state, parent, group and session.
census()
{
	read -r pids zombies < <(cat "${proc[$1]}"/[0-9]*/stat 2>/dev/null |
		awk -v session="${namespaces:-${session[$1]}}" '
		sub(/^.*\) /, "") && (session == "yes" || $4 == session) {
			pids++
			zombies += $1 == "Z"
		}
		END { print pids + 0, zombies + 0 }')
}
