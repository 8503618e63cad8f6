#!/usr/bin/env bats
# zinit as podman's init, as an image's entrypoint, and as the infra container of a pod.
# shellcheck disable=SC2016 # what is in single quotes is for the shell in the container

load engine

# A store of its own. podman's default limits would have to be raised, which not every root may,
# and Debian's crun knows no machine with both versions of cgroups mounted.
setup_file() {
	[ "$(id -u)" = 0 ] && command -v podman runc >/dev/null || return 0
	export STORE=$BATS_FILE_TMPDIR/podman
	export CONTAINERS_CONF=$STORE/containers.conf CONTAINERS_STORAGE_CONF=$STORE/storage.conf
	mkdir "$STORE" "$STORE/bin"
	ln -s "$ZINIT" "$STORE/bin/catatonit"
	printf '%s\n' '[containers]' 'default_ulimits = ["nofile=4096:4096", "nproc=32768:32768"]' \
		"init_path = \"$STORE/bin/catatonit\"" 'netns = "none"' \
		'[engine]' 'runtime = "runc"' 'cgroup_manager = "cgroupfs"' \
		'events_logger = "file"' "tmp_dir = \"$STORE/tmp\"" >"$CONTAINERS_CONF"
	printf '%s\n' '[storage]' 'driver = "overlay"' "runroot = \"$STORE/run\"" \
		"graphroot = \"$STORE/data\"" >"$CONTAINERS_STORAGE_CONF"
	docker save zinit zinit-work | podman load -q >/dev/null
}

setup() {
	need_root podman
	need_command podman
	WORK=localhost/zinit-work
	podman image exists "$WORK" || WORK=docker.io/library/zinit-work
	podman image exists "$WORK" || fail "podman could not load the image"
	ALONE=${WORK%-work}
	NAME=zinit-$$-$BATS_TEST_NUMBER-$RANDOM
}

teardown() {
	podman pod rm -f -t 0 "$NAME" >/dev/null 2>&1 || :
	podman rm -f -t 0 "$NAME" >/dev/null 2>&1 || :
	end_started
}

teardown_file() {
	[ -z "${STORE:-}" ] || podman system reset -f >/dev/null 2>&1 || :
}

by_podman() { podman run --name "$NAME" --pull never "$@"; }
is_up() { podman logs "$NAME" 2>&1 | grep -qx up; }
code() { podman inspect -f '{{.State.ExitCode}}' "$NAME"; }

@test "podman run --init: zinit is PID 1, under catatonit's name" {
	run -5 by_podman --rm --init "$WORK" sh -c 'cat /proc/1/comm; orphans 20; exit 5'
	assert_output $'podman-init\n20 orphans have ended'
	cmp "$ZINIT" <(podman run --rm --init "$WORK" cat /proc/1/exe)
	run -0 by_podman --rm --init --init-path "$ZINIT" "$WORK" cat /proc/1/comm
	assert_output podman-init
}

@test "podman run --init: statuses are catatonit's" {
	run -143 by_podman --rm --init "$WORK" sh -c 'kill -TERM $$'
	run -1 by_podman --rm --init "$WORK" nosuchprogram
}

@test "podman run with zinit as the entrypoint" {
	run -6 by_podman --rm --entrypoint /zinit "$WORK" -- sh -c 'cat /proc/1/comm; exit 6'
	assert_output zinit
	run -7 by_podman --rm --entrypoint /zinit --read-only --cap-drop all -u 1000 --pids-limit 64 \
		--security-opt no-new-privileges "$WORK" -- sh -c 'orphans 20 && exit 7'
	assert_output "20 orphans have ended"
}

@test "podman stop: the program's handler does its work" {
	for init in --init "--entrypoint /zinit"; do
		# shellcheck disable=SC2086 # words
		by_podman -d $init "$WORK" sh -c 'trap "echo handled; exit 7" TERM; echo up
			while :; do sleep 1 & wait $!; done' >/dev/null
		wait_for is_up
		milliseconds podman stop -t 20 "$NAME" >/dev/null
		[ "$MS" -lt 10000 ]
		assert_equal "$(code)" 7
		run -0 podman logs "$NAME"
		assert_line handled
		podman rm -f "$NAME" >/dev/null
	done
}

@test "a pod whose infra container is zinit -P: it reaps what all of the pod leave" {
	podman pod create --name "$NAME" --network none --share pid,ipc,uts --infra-image "$ALONE" \
		--infra-command "/zinit -P" >/dev/null || fail "no pod"
	run -6 podman run --rm --pod "$NAME" --pull never "$WORK" \
		sh -c 'cat /proc/1/comm; orphans 50; exit 6'
	assert_output $'zinit\n50 orphans have ended'
	infra=$(podman pod inspect -f '{{.InfraContainerID}}' "$NAME")
	pid=$(podman inspect -f '{{.State.Pid}}' "$infra")
	cmp "$ZINIT" "/proc/$pid/exe" || cmp "$(podman mount "$infra")/zinit" "/proc/$pid/exe"
	none() { for child in $(children "$pid"); do ! in_state "$child" Z || return 1; done; }
	wait_for none
	milliseconds podman pod stop -t 20 "$NAME" >/dev/null
	[ "$MS" -lt 10000 ]
	assert_equal "$(podman inspect -f '{{.State.ExitCode}}' "$infra")" 0
}
