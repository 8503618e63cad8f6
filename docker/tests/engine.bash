# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for the tests
# engine.bash: what the tests of containers share. `load engine` loads tests/lib.bash, too.
#
#   docker_run ARG...       docker run with what every test's container has: a label, by which it
#                           is taken away at the end, no network, nothing pulled
#   start ARG...            the same in the background; CONTAINER is its ID; it has been started
#   exited                  a condition for wait_for: CONTAINER has ended
#   exit_code               prints CONTAINER's status, once it has ended (waits)
#   milliseconds COMMAND... runs it and sets MS to what it took, and status
#   stops_at_once START...  three tries: START, which sets CONTAINER, then docker stop, which has
#                           to take less than a second; a loaded machine may need the others
#   inside COMMAND...       docker exec in CONTAINER
#   zombies                 prints the host's PIDs of CONTAINER's zombies
#   no_zombies  has_zombies  conditions
#   pids_in CONTAINER       prints the host's PIDs of all that is in it
#   need_own_daemon         skips where the daemon is not docker/test's own
#
# Images: zinit (docker/Dockerfile), zinit-work (Debian with /zinit, /usr/local/bin/orphans and
# other helpers, and the user app, 1000), debian:bookworm-slim.

load ../../tests/lib

REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

setup() {
	LABEL=zinit-test=$$-$BATS_TEST_NUMBER-$RANDOM
	CONTAINER=
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	local ids
	ids=$(docker ps -aq --filter "label=$LABEL")
	# shellcheck disable=SC2086 # IDs
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null
	end_started
}

docker_run() { docker run --label "$LABEL" --network none --pull never "$@"; }

start() { CONTAINER=$(docker_run -d "$@"); }

inspect() { docker inspect -f "{{$1}}" "$CONTAINER"; }
exited() { [ "$(inspect .State.Status)" = exited ]; }
exit_code() {
	wait_for exited
	inspect .State.ExitCode
}

inside() { docker exec "$CONTAINER" "$@"; }

milliseconds() {
	local begin=${EPOCHREALTIME/./}
	status=0
	"$@" || status=$?
	MS=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

pids_in() { docker top "$1" -eo pid | tail -n +2; }

# Neither docker top nor a cgroup's list of processes shows a zombie; their parents' lists do.
zombies() {
	local pid child
	for pid in $(pids_in "$CONTAINER"); do
		for child in $(children "$pid"); do
			! in_state "$child" Z || echo "$child"
		done
	done
}
has_zombies() { [ -n "$(zombies)" ]; }
no_zombies() { [ -n "$(pids_in "$CONTAINER")" ] && [ -z "$(zombies)" ]; }

stops_at_once() {
	for _ in 1 2 3; do
		"$@"
		milliseconds docker stop -t 10 "$CONTAINER" >/dev/null
		[ "$MS" -ge 1000 ] || return 0
		echo "took $MS ms"
	done
	return 1
}

need_own_daemon() {
	[ -n "${ZINIT_TEST_OWN_DAEMON:-}" ] || skip "the daemon is not the tests' own"
}
