#!/usr/bin/env bats
# The image that docker/Dockerfile makes.
# shellcheck disable=SC2030,SC2031,SC2153 # each test has a CONTAINER and a LABEL of its own

load engine

@test "it holds /zinit and its links, and nothing else" {
	CONTAINER=$(docker create --label "$LABEL" zinit)
	run -0 bash -o pipefail -c "docker export $CONTAINER | tar -t"
	# What docker itself puts into every container: /etc/hosts, /dev/console and the like.
	assert_equal "$(grep -vE '^(dev|etc|proc|sys|\.dockerenv)(/|$)' <<<"$output" | sort | xargs)" \
		"catatonit docker-init dumb-init pause tini zinit"
	run -0 bash -o pipefail -c "docker export $CONTAINER | tar -tv zinit pause"
	assert_line --regexp '^-rwxr-xr-x (root/root|0/0) .* zinit$'
	assert_line --regexp ' pause -> zinit$'
}

@test "it is smaller than 150 KB" {
	size=$(docker image inspect -f '{{.Size}}' zinit)
	echo "# $size bytes"
	[ "$size" -gt 20000 ] && [ "$size" -lt 150000 ]
}

@test "it runs zinit as an ordinary user, and shows the help by itself" {
	run -0 docker_run --rm zinit
	assert_line --index 0 "Usage: zinit [OPTION]... [--] PROGRAM [ARG]..."
	run -0 docker_run --rm zinit --version
	assert_output "zinit 1.2.3"
	run -0 docker image inspect -f '{{.Config.User}} {{json .Config.Entrypoint}} {{json .Config.Cmd}}' zinit
	assert_output '65532:65532 ["/zinit"] ["--help"]'
	run -125 docker_run --rm zinit -u nobody -- /zinit --version
	assert_output --partial nobody
}

@test "it carries OCI labels" {
	run -0 docker image inspect -f '{{json .Config.Labels}}' zinit
	for label in title=zinit licenses=MIT version=1.2.3 revision=0123456789abcdef; do
		assert_output --partial "\"org.opencontainers.image.${label%%=*}\":\"${label#*=}\""
	done
	assert_output --partial '"org.opencontainers.image.description":"'
}

@test "each link of it is that program" {
	run -0 docker_run --rm --entrypoint /tini zinit --version
	assert_output "tini version 0.19.0 - git.0123456789abcdef"
	run -0 docker_run --rm --entrypoint /docker-init zinit --version
	assert_output --partial "tini version "
	run -0 docker_run --rm --entrypoint /dumb-init zinit -V
	assert_output "dumb-init v1.2.5"
	run -0 docker_run --rm --entrypoint /catatonit zinit -V
	assert_output --partial catatonit
	start --entrypoint /pause zinit
	wait_for inside /zinit --check --settle 1ms
	milliseconds docker stop -t 5 "$CONTAINER"
	[ "$MS" -lt 3000 ]
	assert_equal "$(exit_code)" 0
}

@test "the legacy builder makes the same, and runs the tests on its way" {
	[ -n "${ZINIT_TEST_LEGACY:-}" ] || skip "only by docker/test"
	WAIT_SECONDS=290 wait_for test -e "$ZINIT_TEST_LEGACY"
	if [ "$(<"$ZINIT_TEST_LEGACY")" != 0 ]; then
		tail -n 50 "$ZINIT_TEST_LEGACY.log" >&2
		fail "the build failed"
	fi
	run -0 grep -E '^[0-9]+ passed, ' "$ZINIT_TEST_LEGACY.log"
	echo "# in the image: $output"
	read -r _ minimum <"$REPO/docker/minimum"
	[ "${output%% *}" -ge "$minimum" ]
	assert_output --partial " 0 failed"
	assert_equal "$(docker image inspect -f '{{json .Config.Entrypoint}}' zinit-legacy)" '["/zinit"]'
	run -0 docker_run --rm zinit-legacy --version
	assert_output "zinit 0.1.0"
}

@test "an init container's copy works in another image" {
	docker volume create --label "$LABEL" "${LABEL#*=}" >/dev/null
	# A volume is root's at first, as an emptyDir is.
	docker_run --rm -u 0 --read-only --cap-drop ALL -v "${LABEL#*=}:/shared" zinit --copy-to /shared
	run -3 docker_run --rm -v "${LABEL#*=}:/shared:ro" debian:bookworm-slim \
		/shared/zinit -- sh -c 'readlink /proc/1/exe; exit 3'
	assert_output /shared/zinit
	docker rm -f -v "$(docker ps -aq --filter "label=$LABEL")" >/dev/null 2>&1 || :
	docker volume rm "${LABEL#*=}" >/dev/null
}
