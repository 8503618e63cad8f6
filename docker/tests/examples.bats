#!/usr/bin/env bats
# compose.yaml and docker-bake.hcl.

load engine

@test "compose.yaml: docker compose takes it, and both services run" {
	compose=(docker compose)
	"${compose[@]}" version >/dev/null 2>&1 || compose=(docker-compose)
	need_command "${compose[0]}"
	"${compose[@]}" version >/dev/null 2>&1 || skip "there is no docker compose"
	docker tag zinit-work registry.example.com/app:1.0
	cat >override.yaml <<-END
		services:
		  with-entrypoint: {network_mode: none, labels: ["$LABEL"]}
		  with-init: {network_mode: none, labels: ["$LABEL"]}
	END
	project=(-p "zinit${LABEL//[^a-z0-9]/}" -f "$REPO/docker/compose.yaml" -f override.yaml)
	run -0 "${compose[@]}" "${project[@]}" config -q
	run ! "${compose[@]}" -f <(sed 's/healthcheck/helthcheck/' "$REPO/docker/compose.yaml") config -q
	"${compose[@]}" "${project[@]}" up -d
	for service in with-entrypoint with-init; do
		CONTAINER=$("${compose[@]}" "${project[@]}" ps -q $service)
		if [ $service = with-init ] && [ -z "${ZINIT_TEST_OWN_DAEMON:-}" ]; then
			continue
		fi
		pid=$(inspect .State.Pid)
		runs() { [ -n "$(children "$pid")" ]; }
		wait_for runs
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == /zinit\ * ||
			$(tr '\0' ' ' <"/proc/$pid/cmdline") == /sbin/docker-init\ * ]]
	done
	milliseconds "${compose[@]}" "${project[@]}" stop
	[ "$MS" -lt 9000 ] || fail "took $MS ms"
	for service in with-entrypoint:0 with-init:143; do
		# shellcheck disable=SC2034 # for inspect
		CONTAINER=$(docker ps -aq --filter "label=$LABEL" \
			--filter "label=com.docker.compose.service=${service%:*}")
		assert_equal "$(inspect .State.ExitCode)" "${service#*:}"
	done
}

@test "docker-bake.hcl builds for every processor, with arguments that the Dockerfile has" {
	cat >bake.mjs <<-'END'
		import { createRequire } from "node:module";
		import { readFileSync } from "node:fs";
		const hcl = createRequire(process.argv[2] + "/")("hcl2-parser");
		const [bake] = hcl.parseToObject(readFileSync(process.argv[3], "utf8"));
		const dockerfile = readFileSync(process.argv[4], "utf8");
		const platforms = [];
		for (const [name, [target]] of Object.entries(bake.target)) {
			for (const argument of Object.keys(target.args ?? {}))
				if (!new RegExp(`^ARG ${argument}\\b`, "m").test(dockerfile))
					throw new Error(`${name}: the Dockerfile has no ${argument}`);
			for (const parent of target.inherits ?? [])
				if (!bake.target[parent])
					throw new Error(`${name}: there is no ${parent}`);
			if (target.target && !dockerfile.includes(` AS ${target.target}`))
				throw new Error(`${name}: the Dockerfile has no stage ${target.target}`);
		}
		for (const name of bake.group.default[0].targets)
			platforms.push(...bake.target[name][0].platforms);
		console.log(platforms.sort().join(" "));
	END
	run -0 node bake.mjs "$BUILD/docker/npm/node_modules" "$REPO/docker/docker-bake.hcl" \
		"$REPO/docker/Dockerfile"
	assert_output "linux/386 linux/amd64 linux/arm/v7 linux/arm64 linux/ppc64le linux/riscv64 linux/s390x"
	sed 's/REVISION = REVISION/REVISON = REVISION/' "$REPO/docker/docker-bake.hcl" >wrong.hcl
	run ! node bake.mjs "$BUILD/docker/npm/node_modules" wrong.hcl "$REPO/docker/Dockerfile"
	assert_output --partial REVISON
}

# It is not built here: no other processor's base can be pulled, and the daemon has no bridge, which
# bake asks for. What it would build, BuildKit builds in image.bats.
@test "docker buildx bake takes docker-bake.hcl, with each of its targets" {
	docker buildx version >/dev/null 2>&1 || skip "there is no docker buildx"
	cd "$REPO"
	bake=(docker buildx bake --print -f)
	run -0 --separate-stderr "${bake[@]}" docker/docker-bake.hcl
	run -0 jq -r '[.target[].platforms[]] | sort | join(" ")' <<<"$output"
	assert_output "linux/386 linux/amd64 linux/arm/v7 linux/arm64 linux/ppc64le linux/riscv64 linux/s390x"
	for target in alpine test; do
		run -0 --separate-stderr env VERSION=9.8.7 "${bake[@]}" docker/docker-bake.hcl $target
		run -0 jq -r ".target.$target.args.VERSION" <<<"$output"
		assert_output 9.8.7
	done
	run ! "${bake[@]}" docker/docker-bake.hcl no-such-target
	run ! "${bake[@]}" <(sed 's/inherits = \["common"\]/inherits = ["comon"]/' docker/docker-bake.hcl)
}
