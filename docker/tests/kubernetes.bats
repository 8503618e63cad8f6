#!/usr/bin/env bats
# The manifests in docker/kubernetes/: valid by Kubernetes' own schemas, and run, each pod by docker
# from its own fields (tests/pod), so that one that is valid and cannot work fails.

load engine

MANIFESTS=$REPO/docker/kubernetes
POD=$BATS_TEST_DIRNAME/pod

setup_file() {
	# The manifests' names for what was built here.
	docker tag zinit registry.example.com/zinit:0.1.0
	docker tag zinit-work registry.example.com/app:1.0
}

up() {
	FOLDER=$BATS_TEST_TMPDIR/pod.$RANDOM
	"$POD" start "$1" "$LABEL" "$FOLDER"
	CONTAINER=$("$POD" id "$FOLDER" app)
	wait_for program_runs
}

# zinit's child has been started.
program_runs() { [ -n "$(children "$(inspect .State.Pid)")" ]; }

down() {
	milliseconds "$POD" stop "$FOLDER" >"$FOLDER/statuses"
	[ "$MS" -lt 9000 ] || fail "took $MS ms"
}

validate() {
	local modules=$BUILD/docker/npm/node_modules
	"$POD" json "$1" | node "$BATS_TEST_DIRNAME/validate.mjs" "$modules"
}

@test "every manifest is valid by Kubernetes' schemas" {
	local count=0
	for manifest in "$MANIFESTS"/*.yaml; do
		validate "$manifest"
		count=$((count + 1))
	done
	[ "$count" -ge 6 ]
}

@test "the control: a misspelt field, a wrong type and a missing field are found" {
	sed 's/livenessProbe/livenesProbe/' "$MANIFESTS/probes.yaml" >wrong.yaml
	run ! validate wrong.yaml
	assert_output --partial "livenesProbe: there is no such field"
	sed 's/timeoutSeconds: 5/timeoutSeconds: 5s/' "$MANIFESTS/probes.yaml" >wrong.yaml
	run ! validate wrong.yaml
	assert_output --partial timeoutSeconds
	sed 's/- name: app$/- env: []/' "$MANIFESTS/copy.yaml" >wrong.yaml
	run ! validate wrong.yaml
	assert_output --partial name
}

@test "every manifest runs: zinit starts the program, stops it in time, says nothing" {
	local count=0
	for manifest in "$MANIFESTS"/*.yaml; do
		up "$manifest"
		run -0 docker logs "$CONTAINER"
		refute_output --partial zinit
		pid=$(inspect .State.Pid)
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == /zinit* ]]
		down
		count=$((count + 1))
	done
	[ "$count" -ge 6 ]
}

@test "the control: a manifest that is valid and cannot work fails" {
	sed 's|"/to/zinit"|"/elsewhere/zinit"|' "$MANIFESTS/copy.yaml" >wrong.yaml
	validate wrong.yaml
	run ! "$POD" start wrong.yaml "$LABEL" "$BATS_TEST_TMPDIR/wrong"
	assert_output --partial "/elsewhere/zinit"
	sed 's/drop: \[ALL\]}$/drop: [ALL]}\n    livelyness: 1/' "$MANIFESTS/restricted.yaml" >wrong.yaml
	run ! "$POD" start wrong.yaml "$LABEL" "$BATS_TEST_TMPDIR/wrong.2"
	assert_output --partial livelyness
}

@test "entrypoint.yaml: the program's handler ends it with its own status" {
	up "$MANIFESTS/entrypoint.yaml"
	ready() { docker logs "$CONTAINER" | grep -qx ready; }
	wait_for ready
	down
	assert_equal "$(<"$FOLDER/statuses")" "app 0"
}

@test "copy.yaml and image-volume.yaml: zinit is PID 1 in somebody else's image" {
	for manifest in copy image-volume; do
		up "$MANIFESTS/$manifest.yaml"
		run -0 inside readlink /proc/1/exe
		assert_output /zinit/zinit
		run ! inside touch /zinit/file
		down
		assert_equal "$(<"$FOLDER/statuses")" "app 143"
	done
}

@test "shared-pids.yaml: zinit is not PID 1, and reaps its program's orphans" {
	up "$MANIFESTS/shared-pids.yaml"
	run -0 inside cat /proc/1/comm
	assert_output pause
	wait_for no_zombies
	pause=$("$POD" id "$FOLDER" pause)
	CONTAINER=$pause wait_for no_zombies
	# The program's orphans become zinit's, not PID 1's.
	zinit=$(inspect .State.Pid)
	assert_equal "$(children "$zinit" | wc -w)" 1
	docker exec "$CONTAINER" sh -c 'kill -0 1'
	down
	assert_equal "$(<"$FOLDER/statuses")" $'app 143\nsidecar 143'
}

@test "probes.yaml: both probes work, and the report is the termination message" {
	up "$MANIFESTS/probes.yaml"
	run -0 "$POD" probe "$FOLDER" app livenessProbe
	assert_output --partial healthy
	wait_for "$POD" probe "$FOLDER" app readinessProbe
	# A program that holds zombies is found by the first, and by the second one that is not ready.
	docker exec -d "$CONTAINER" negligent -n 60 never
	holds() { [ "$(zombies | wc -l)" = 60 ]; }
	wait_for holds
	run -1 "$POD" probe "$FOLDER" app livenessProbe
	assert_output --partial negligent
	inside rm /tmp/ready
	run -1 "$POD" probe "$FOLDER" app readinessProbe
	down
	assert_equal "$(<"$FOLDER/statuses")" "app 3"
	run -0 cat "$FOLDER/app.message"
	assert_line --partial "exited with status 3"
}

@test "probes.yaml: a probe that hangs is ended, with all that it started" {
	# As it is in the manifest, but for the command that it runs
	sed 's|test -e /tmp/ready|sleep 301 \& sleep 302|' "$MANIFESTS/probes.yaml" >hangs.yaml
	up hangs.yaml
	run -124 "$POD" probe "$FOLDER" app readinessProbe
	run -0 docker top "$CONTAINER" -eo pid,args
	refute_output --partial "sleep 30"
}

@test "restricted.yaml: nothing is left of root, and it works" {
	up "$MANIFESTS/restricted.yaml"
	works() { [ "$(inside cat /tmp/file)" = works ]; }
	wait_for works
	run -0 inside grep -E '^(Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status
	assert_line --regexp '^Uid:.1000.1000.1000.1000$'
	assert_line --regexp '^CapEff:.0000000000000000$'
	assert_line --regexp '^CapBnd:.0000000000000000$'
	assert_line --regexp '^NoNewPrivs:.1$'
	run ! inside touch /file
	down
	assert_equal "$(<"$FOLDER/statuses")" "app 143"
}
