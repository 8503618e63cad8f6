#!/usr/bin/env bats
# zinit in containers of Docker: as the image's ENTRYPOINT, and as the daemon's own init (--init).
# shellcheck disable=SC2016 # what is in single quotes is for the shell in the container
# shellcheck disable=SC2030,SC2031 # each test has a CONTAINER of its own

load engine

# As the entrypoint of the image of somebody's program; as Docker's init.
WAYS="entrypoint init"
by_entrypoint() { docker_run --entrypoint /zinit "$@"; }
by_init() { docker_run --init "$@"; }
by() {
	local way=$1
	shift
	[ "$way" = entrypoint ] || need_own_daemon
	"by_$way" "$@"
}

# The handler takes a moment, as one that saves something does.
HANDLER='trap "echo saved >/data/saved; exit 7" TERM; echo up; while :; do sleep 1 & wait $!; done'

is_up() { docker logs "$CONTAINER" 2>&1 | grep -qx up; }

@test "zinit is PID 1, and the program's status is the container's" {
	for way in $WAYS; do
		for wanted in 0 1 77 255; do
			run -"$wanted" by "$way" --rm zinit-work sh -c "exit $wanted"
			assert_output ""
		done
		run -137 by "$way" --rm zinit-work sh -c 'kill -KILL $$'
		run -143 by "$way" --rm zinit-work sh -c 'kill -TERM $$'
		run -127 by "$way" --rm zinit-work nosuchprogram
		assert_line --partial nosuchprogram
		run -126 by "$way" --rm zinit-work /etc/passwd
		run -0 by "$way" --rm zinit-work cat /proc/1/comm
		[[ $output == zinit || $output == docker-init ]]
	done
}

@test "docker info shows zinit's version as its init's" {
	need_own_daemon
	run -0 docker info -f '{{json .InitBinary}} {{json .InitCommit.ID}}'
	assert_output --regexp '^"/tmp/.*/docker-init" "[0-9a-f]*"$'
	run -0 docker version -f '{{range .Server.Components}}{{.Name}} {{.Version}}
{{end}}'
	assert_line "docker-init 0.19.0"
	run ! grep -E 'failed to parse .*docker-init|init.*version: ' "$BUILD/docker/dockerd.log"
}

@test "Docker's init takes zinit's options as variables" {
	need_own_daemon
	run -0 by_init --rm -e ZINIT_VERBOSE=1 -e ZINIT_REPORT=- zinit-work true
	assert_line --regexp '^zinit\[1\]: .*started'
	assert_line --partial 'exited with status 0'
	run -0 by_init --rm -e TINI_VERBOSITY=2 zinit-work true
	assert_output --partial 'zinit[1]: info: started'
}

@test "docker stop: a handler does its work, and the status is its own, in under a second" {
	for way in $WAYS; do
		up() {
			CONTAINER=$(by "$way" -d -v /data zinit-work sh -c "$HANDLER")
			wait_for is_up
		}
		stops_at_once up
		assert_equal "$(exit_code)" 7
		run -0 bash -o pipefail -c "docker cp $CONTAINER:/data/saved - | tar -xO"
		assert_output saved
	done
}

@test "docker stop: a program without a handler ends by SIGTERM, in under a second" {
	for way in $WAYS; do
		up() { CONTAINER=$(by "$way" -d zinit-work sleep 300); }
		stops_at_once up
		assert_equal "$(exit_code)" 143
	done
}

@test "the control: without an init the same program takes Docker's ten seconds, and dies" {
	start zinit-work sleep 300
	milliseconds docker stop "$CONTAINER"
	[ "$MS" -ge 10000 ]
	assert_equal "$(exit_code)" 137
}

@test "docker stop -t: --stop-timeout comes before the engine's own end" {
	start --entrypoint /zinit zinit-work --stop-timeout 0.5s -- sh -c 'trap "" TERM; echo up; sleep 300 & wait; sleep 300'
	wait_for is_up
	milliseconds docker stop -t 30 "$CONTAINER"
	[ "$MS" -ge 400 ] && [ "$MS" -lt 10000 ]
	assert_equal "$(exit_code)" 137
}

@test "--grace lets the others' handlers run, too" {
	start -v /data --entrypoint /zinit zinit-work --grace 5s -- sh -c '
		(trap "sleep 0.3; echo other >/data/other; exit" TERM; echo up; while :; do sleep 0.1; done) &
		exec sleep 300'
	wait_for is_up
	docker stop -t 10 "$CONTAINER" >/dev/null
	assert_equal "$(exit_code)" 143
	run -0 bash -o pipefail -c "docker cp $CONTAINER:/data/other - | tar -xO"
	assert_output other
}

@test "docker kill sends any signal to the program" {
	start --entrypoint /zinit zinit-work -- bash -c '
		trap "echo usr1" USR1; trap "echo winch" WINCH; trap "exit 9" RTMIN+3
		echo up; while :; do sleep 0.1; done'
	wait_for is_up
	docker kill -s USR1 "$CONTAINER" >/dev/null
	docker kill -s WINCH "$CONTAINER" >/dev/null
	docker kill -s 37 "$CONTAINER" >/dev/null
	assert_equal "$(exit_code)" 9
	run -0 docker logs "$CONTAINER"
	assert_line usr1
	assert_line winch
}

@test "docker pause, unpause and restart" {
	start --init zinit-work sh -c 'echo up; sleep 300'
	wait_for is_up
	docker pause "$CONTAINER" >/dev/null
	docker unpause "$CONTAINER" >/dev/null
	docker restart -t 5 "$CONTAINER" >/dev/null
	assert_equal "$(inspect .State.Running)" true
	milliseconds docker stop -t 10 "$CONTAINER"
	[ "$MS" -lt 5000 ]
	assert_equal "$(exit_code)" 143
}

@test "docker run -it: the program has the terminal, Ctrl-C, Ctrl-Z and its size" {
	load ../../tests/helpers/pty
	for way in $WAYS; do
		options=(--init)
		[ "$way" = init ] || options=(--entrypoint /zinit)
		start_pty docker run --label "$LABEL" --network none --pull never --rm -it \
			"${options[@]}" zinit-work bash --norc --noprofile
		see 'bash-[0-9.]+[$#] '
		run_line 'PS1="at \$? > "'
		see 'at 0 > '
		run_line 'tty; ps() { cat /proc/self/stat; }; set -- $(ps); echo "group $5 front $8"'
		see '/dev/pts/0'
		see 'group ([0-9]+) front [0-9]+'
		see 'at 0 > '
		# What is typed before the program is in the foreground is the shell's.
		run_line 'sh -c "echo up$((40+2)); exec sleep 300"'
		see 'up42'
		type_in '\003'
		see 'at 130 > '
		run_line 'sh -c "trap '\''echo back$((50+1))'\'' CONT; echo up$((40+3)); while :; do sleep .1; done"'
		see 'up43'
		type_in '\032'
		see 'Stopped '
		see 'at 148 > '
		# The shell gives it the terminal first, then SIGCONT.
		run_line 'fg'
		see 'back51'
		type_in '\003'
		see 'at 130 > '
		run_line 'exit 5'
		assert_end "exited 5"
	done
}

@test "docker run -t without a shell: Ctrl-C ends the program" {
	load ../../tests/helpers/pty
	start_pty docker run --label "$LABEL" --network none --pull never --rm -it \
		--entrypoint /zinit zinit-work sh -c 'echo up; sleep 300; echo not reached'
	see 'up'
	type_in '\003'
	assert_end "exited 130"
}

@test "docker exec's orphans are reaped, and what it started ends with the container" {
	for way in $WAYS; do
		CONTAINER=$(by "$way" -d zinit-work sleep 300)
		run -0 inside orphans 200
		assert_output "200 orphans have ended"
		wait_for no_zombies
		inside sh -c '(sleep 300 &) ; (sleep 0.05 &)'
		wait_for no_zombies
		run -0 inside sh -c 'for p in /proc/[0-9]*/stat; do
			read -r pid name state parent rest <"$p"; [ "$name" != "(sleep)" ] || echo "$parent"; done'
		assert_output $'1\n1'
		docker stop -t 10 "$CONTAINER" >/dev/null
		assert_equal "$(exit_code)" 143
	done
}

@test "10,000 orphans are all reaped" {
	for way in $WAYS; do
		CONTAINER=$(by "$way" -d zinit-work sleep 300)
		run -0 inside orphans 10000
		assert_output "10000 orphans have ended"
		wait_for no_zombies
		assert_equal "$(pids_in "$CONTAINER" | wc -l)" 2
		docker kill "$CONTAINER" >/dev/null
	done
}

@test "the control: without an init orphans stay as zombies" {
	start zinit-work sleep 300
	inside orphans 20 >/dev/null
	all() { [ "$(zombies | wc -l)" = 20 ]; }
	wait_for all
}

IN_ALL_WAYS="-u 1000 --cap-drop ALL --read-only --security-opt no-new-privileges --pids-limit 64
	--tmpfs /tmp --memory 64m"
RESTRICTIONS=("-u 1000" "--cap-drop ALL" "--read-only" "--security-opt no-new-privileges"
	"--pids-limit 64" "--tmpfs /tmp" "--memory 64m" "--cap-drop ALL --cap-add KILL"
	"--security-opt seccomp=unconfined" "--ulimit nofile=16" "--privileged" "$IN_ALL_WAYS")

@test "however the container is restricted, zinit works and says nothing" {
	for way in $WAYS; do
		for restriction in "${RESTRICTIONS[@]}"; do
			# Where root itself lacks a capability, no container is privileged.
			[ "$restriction" != --privileged ] ||
				docker_run --rm --privileged zinit-work true 2>/dev/null || continue
			# shellcheck disable=SC2086 # words
			run -5 by "$way" --rm $restriction zinit-work sh -c '
				orphans 20 >/dev/null; sleep 0.2
				for p in /proc/[0-9]*/stat; do
					read -r pid name state rest <"$p"; [ "$state" != Z ] || echo "zombie $name"
				done 2>/dev/null
				exit 5'
			[ "$output" = "" ] || fail "$way $restriction: $output"
		done
	done
}

@test "restricted in all ways, it still stops at once" {
	for way in $WAYS; do
		up() {
			# shellcheck disable=SC2086 # words
			CONTAINER=$(by "$way" -d $IN_ALL_WAYS zinit-work sh -c 'echo up; exec sleep 300')
			wait_for is_up
		}
		stops_at_once up
		assert_equal "$(exit_code)" 143
	done
}

@test "once the program runs, PID 1 has only CAP_KILL, and a filter" {
	look='sleep 0.5; grep -E "^(Uid|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/1/status'
	for way in $WAYS; do
		run -0 by "$way" --rm zinit-work sh -c "$look"
		assert_output "$(printf 'Uid:\t0\t0\t0\t0\nCapPrm:\t%s\nCapEff:\t%s\nCapBnd:\t%s\nNoNewPrivs:\t1\nSeccomp:\t2' \
			0000000000000020 0000000000000020 0000000000000000)"
		run -0 by "$way" --rm -u 1000 zinit-work sh -c "$look"
		assert_line --regexp '^CapEff:.0000000000000000$'
		assert_line --regexp '^NoNewPrivs:.1$'
	done
	# The program has what the engine gave it.
	diff <(docker_run --rm zinit-work grep Cap /proc/self/status) \
		<(by_entrypoint --rm zinit-work grep Cap /proc/self/status)
}

@test "/proc/1/fd/1 and /proc/1/fd/2 can be written to" {
	write='sleep 0.3; echo out >/proc/1/fd/1; echo err >/proc/1/fd/2'
	for way in $WAYS; do
		for user in 0 1000; do
			run --separate-stderr by "$way" --rm -u "$user" zinit-work sh -c "$write"
			assert_success
			assert_output out
			assert_equal "$stderr" err
		done
	done
	run --separate-stderr by_entrypoint --rm zinit-work -u app -- sh -c "${write#*; }; $write"
	assert_success
	assert_output $'out\nout'
	assert_equal "$stderr" $'err\nerr'
	# The log of a container that runs in the background is a pipe, too.
	start --entrypoint /zinit zinit-work -u app -- sh -c 'echo out >/proc/1/fd/1'
	assert_equal "$(exit_code)" 0
	run -0 docker logs "$CONTAINER"
	assert_output out
}

@test "in place of tini and gosu: an entrypoint's last line makes zinit PID 1, and the program a user's" {
	mkdir "$BATS_TEST_TMPDIR/context"
	printf '%s\n' '#!/bin/sh' 'set -e' 'mkdir -p /data' 'chown app /data' 'id -u >/data/was' \
		'exec /zinit -u app -- "$@"' >"$BATS_TEST_TMPDIR/context/entrypoint.sh"
	chmod 755 "$BATS_TEST_TMPDIR/context/entrypoint.sh"
	printf '%s\n' 'FROM zinit-work' "LABEL $LABEL" 'COPY entrypoint.sh /' \
		'ENTRYPOINT ["/entrypoint.sh"]' 'CMD ["sh", "-c", "id -un; id -u; exit 6"]' \
		>"$BATS_TEST_TMPDIR/context/Dockerfile"
	image=$(docker build -q "$BATS_TEST_TMPDIR/context")
	run -6 docker_run --rm "$image"
	assert_output $'app\n1000'
	run -0 docker_run --rm "$image" sh -c '
		cat /proc/1/comm /data/was; echo "$HOME"; touch /data/mine; regain
		awk "/^Uid|^CapEff/" /proc/self/status; sleep 0.3; awk "/^Uid|^CapEff/" /proc/1/status'
	assert_output "$(printf '%s\n' zinit 0 /home/app \
		$'Uid:\t1000\t1000\t1000\t1000' $'CapEff:\t0000000000000000' \
		$'Uid:\t1000\t1000\t1000\t1000' $'CapEff:\t0000000000000000')"
	stops_at_once start "$image" sleep 300
	assert_equal "$(exit_code)" 143
	docker rm -f "$CONTAINER" >/dev/null
	docker rmi -f "$image" >/dev/null
}

@test "--memory: --report names the kernel's OOM kill" {
	# By the log: of so short a life `docker run` may miss the end on a busy machine.
	killed() {
		CONTAINER=$("$@")
		assert_equal "$(docker wait "$CONTAINER")" 137
		run docker logs "$CONTAINER"
		assert_output --regexp '[Oo]ut of memory|OOM|memory limit'
	}
	killed by_entrypoint -d --memory 32m --memory-swap 32m zinit-work --report - -- burn -m 200
	killed by_init -d --memory 32m --memory-swap 32m -e ZINIT_REPORT=- zinit-work burn -m 200
	# The control
	run -0 by_entrypoint --rm --memory 32m zinit-work --report - -- burn -m 2
	refute_output --regexp '[Oo]ut of memory|OOM|memory limit'
}

@test "--pids-limit: a program that forks without end is told by the watch, and can be stopped" {
	start --entrypoint /zinit --pids-limit 64 zinit-work --watch 0.2s -- \
		sh -c 'for i in $(seq 60); do sleep 300 & done; echo up; wait'
	wait_for is_up
	said() { docker logs "$CONTAINER" 2>&1 | grep -qE 'PIDs?.* of 64|of 64 PIDs'; }
	wait_for said
	run -1 inside /zinit --check --settle 1ms --max-pids 90
	docker stop -t 5 "$CONTAINER" >/dev/null
	assert_equal "$(exit_code)" 143
}

@test "HEALTHCHECK by --check turns healthy, then unhealthy with held zombies" {
	health() { [ "$(inspect .State.Health.Status)" = "$1" ]; }
	start --health-cmd '/zinit --check --settle 50ms --max-zombies 3' --health-interval 1s \
		--health-retries 1 --health-timeout 5s --entrypoint /zinit zinit-work -- \
		sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exec negligent -n 10 never'
	WAIT_SECONDS=30 wait_for health healthy
	inside touch /tmp/go
	WAIT_SECONDS=30 wait_for health unhealthy
	run -0 docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}' "$CONTAINER"
	assert_output --partial negligent
}

@test "--watch --on-held-zombies terminate-parent ends who holds zombies in the container" {
	start --entrypoint /zinit zinit-work --watch 0.2s --on-held-zombies terminate-parent -- \
		sh -c 'negligent -n 20 never & while :; do sleep 0.1; done'
	gone() { ! docker top "$CONTAINER" -eo pid,comm | grep -q negligent; }
	WAIT_SECONDS=30 wait_for has_zombies
	WAIT_SECONDS=30 wait_for gone
	wait_for no_zombies
	assert_equal "$(inspect .State.Running)" true
}

@test "--pid container: a pause container's zinit and a program's zinit reap each their own" {
	pause=$(docker_run -d --entrypoint /zinit zinit-work -P)
	start --pid "container:$pause" --entrypoint /zinit zinit-work -- \
		sh -c 'orphans 50; echo up; exec sleep 300'
	wait_for is_up
	wait_for no_zombies
	run -0 docker logs "$CONTAINER"
	assert_line "50 orphans have ended"
	refute_line --partial warning
	# zinit below the pause container is a subreaper: its program's orphans are its own.
	inside sh -c 'sleep 301 &'
	both_sleep() {
		run inside sh -c 'for p in /proc/[0-9]*; do
			read -r pid name state parent rest <"$p/stat" || continue
			[ "$name" != "(sleep)" ] || echo "$(cat "/proc/$parent/comm") $(tr "\0" " " <"/proc/$parent/cmdline")"
		done 2>/dev/null'
		[ "${#lines[@]}" = 2 ]
	}
	wait_for both_sleep
	# The one that docker exec started has no zinit above it but the pause container's.
	assert_line "zinit /zinit -P "
	assert_line --partial "zinit /zinit -- sh -c"
	CONTAINER=$pause wait_for no_zombies
	milliseconds docker stop -t 10 "$CONTAINER"
	[ "$MS" -lt 5000 ]
	assert_equal "$(exit_code)" 143
	assert_equal "$(docker inspect -f '{{.State.Running}}' "$pause")" true
	docker stop -t 10 "$pause" >/dev/null
	assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$pause")" 0
}

@test "the image of zinit alone is a pause container" {
	pause=$(docker_run -d --entrypoint /pause zinit)
	start --pid "container:$pause" zinit-work sh -c 'orphans 50; echo up; exec sleep 300'
	wait_for is_up
	CONTAINER=$pause wait_for no_zombies
	docker stop -t 10 "$pause" >/dev/null
	assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$pause")" 0
}

@test "--timeout ends a container whose program takes too long" {
	run -124 by_entrypoint --rm zinit-work -q --timeout 0.5s -- sleep 300
}

@test "--user in a container with few capabilities says which one is missing" {
	run -125 by_entrypoint --rm --cap-drop ALL zinit-work -u app -- true
	assert_output --regexp 'CAP_SET[UG]ID'
	assert_output --partial "--user"
	run -0 by_entrypoint --rm --cap-drop ALL --cap-add SETUID --cap-add SETGID zinit-work -u app -- id -un
	assert_output app
}
