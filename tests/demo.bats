# `make demo` and `make trace`: what they claim holds, is short, narrow and plain, and is said not to
# hold under an init that does not do its work; the README's picture shows the same.

load lib

demo=$REPO/tests/demo

setup() {
	trace_test_only
	unset CLICOLOR_FORCE NO_COLOR
	need_command strace
	need_command ps
	# Beside other tests it may be slow; alone it takes a second or two.
	began=${EPOCHREALTIME/./}
}

refute_slow() {
	local took=$((${EPOCHREALTIME/./} - began))
	[ "$took" -lt 20000000 ] || fail "took $took microseconds"
}

# At least MIN claims, all of which hold, on lines that a screen of 80x24 has room for.
assert_claims_hold() {
	local min=$1 line ok=0
	[ -n "${lines[-1]}" ] || unset 'lines[-1]'
	for line in "${lines[@]}"; do
		[ "${#line}" -le 80 ] || fail "${#line} columns: $line"
		[[ $line != *[^' '-~]* ]] || fail "not plain: $line"
		[[ $line != "NO "* ]] || fail "does not hold: $line"
		[[ $line != "ok "* ]] || ok=$((ok + 1))
	done
	[ "${#lines[@]}" -le 24 ] || fail "${#lines[@]} lines"
	[ "$ok" -ge "$min" ] || fail "only $ok claims: $output"
	[[ ${lines[-1]} == "All $ok claims hold on Linux "* ]] || fail "no verdict: ${lines[-1]}"
}

need_namespaces() {
	"$HELPERS/pidns" true || skip "no PID namespace may be made here"
}

# no_init behind the options of an init
make_wrong_init() {
	printf '#!/bin/sh\n%s\n%s\n%s\n' 'while [ "$1" != -- ]; do shift; done' shift \
		'exec no_init "$@"' >"$BATS_TEST_TMPDIR/wrong_init"
	chmod +x "$BATS_TEST_TMPDIR/wrong_init"
}

@test "every claim of the demo holds, in at most 20 seconds, 80 columns and 24 lines" {
	run -0 --keep-empty-lines "$demo/run"
	refute_slow
	assert_claims_hold 14
	if [[ $output == *"is left out"* || $output == *"a subreaper instead"* ]]; then
		skip "it held, but not all could be shown here: ${lines[0]}"
	fi
	assert_line --regexp '^ok zombies now +#{20} 500 +0$'
	assert_line --regexp '^ok PIDs in use +502 of 502 +2 of 502$'
	assert_line --regexp '^ok start one more +Resource temporarily unavailable +ok, PID [0-9]+$'
	assert_line --regexp '^ok SIGTERM +nothing happens +the handler ran, status 7$'
	assert_line --regexp '^ok kill -9 on the zombie: it stays +[0-9]+ +[0-9]+ Z +\[zombie_parent\] <defunct>$'
	assert_line --regexp '^ok the parent waits: no PID ([0-9]+) now +wait4\(.*\) = [0-9]+$'
}

@test "every claim of the demo holds for an ordinary user" {
	need_root "takes another user"
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
	as_nobody test -x "$demo/run" || skip "nobody may not look into $REPO"
	run -0 --keep-empty-lines as_nobody "$demo/run"
	refute_slow
	assert_claims_hold 14
}

@test "where no namespace may be made the demo says so and shows zinit as a subreaper" {
	need_root "gives up a capability"
	run -0 --keep-empty-lines setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$demo/run"
	refute_slow
	assert_line --regexp '^No PID namespace may be made here: .*Operation not permitted'
	assert_line --regexp '^ok zombies now +#{20} 500 +0$'
	assert_line --regexp '^ok SIGTERM +the init ends, no handler runs +the handler ran, status 7$'
	assert_claims_hold 14
}

@test "where strace is missing the demo says so, and the rest holds" {
	local program
	mkdir "$BATS_TEST_TMPDIR/bin"
	for program in bash sh cat cp chmod mkdir mkfifo mktemp rm sed awk ps kill setsid uname dirname true \
		sleep; do
		ln -s "$(type -P "$program")" "$BATS_TEST_TMPDIR/bin/"
	done
		run -0 --keep-empty-lines env PATH="$BATS_TEST_TMPDIR/bin" "$demo/run"
	assert_line --partial "strace is missing or refused"
	assert_claims_hold 13
}

@test "under an init that does not reap and forward the demo fails, and says where" {
	need_namespaces
	make_wrong_init
	ZINIT=$BATS_TEST_TMPDIR/wrong_init run -1 "$demo/run"
	refute_slow
	assert_line --regexp '^NO the parent ends, zinit inherits it '
	assert_line --regexp '^NO zombies now +#{20} 500 +#{20} 500$'
	assert_line --regexp '^NO SIGTERM '
	assert_line --regexp '^NO the parent ends, zinit reaps them '
	# The rest is the kernel's work, and is still so.
	assert_line --regexp '^ok kill -9 on the zombie: it stays '
	assert_output --regexp $'\n[0-9]+ of 16 claims do not hold\.$'
}

@test "an init that does not start fails the demo in each act" {
	ZINIT=$(type -P sleep) run -1 "$demo/run"
	refute_slow
	[ "$(grep -c '^NO zinit.* starts ' <<<"$output")" = 3 ] || fail "$output"
	assert_line '3 of 3 claims do not hold.'
}

@test "the demo is plain on a pipe and with NO_COLOR, coloured on a terminal" {
	need_command script
	run -0 env TERM=xterm script -qec "$demo/run" /dev/null
	assert_output --partial $'\e[32mok\e[0m '
	run -0 env TERM=xterm NO_COLOR=1 script -qec "$demo/run" /dev/null
	refute_output --partial $'\e'
	assert_line --regexp '^ok zombies now +#{20} 500 '
}

@test "the demo leaves no process and no file behind when it is interrupted" {
	local pid
	mkdir "$BATS_TEST_TMPDIR/scratch"
	TMPDIR=$BATS_TEST_TMPDIR/scratch "$demo/run" >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	_started+=("$pid")
	wait_for grep -q 'have ended' "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pid"
	run wait "$pid"
	wait_gone "$pid"
	run -0 ls -A "$BATS_TEST_TMPDIR/scratch"
	assert_output ''
	! grep -lsF "TMPDIR=$BATS_TEST_TMPDIR/scratch" /proc/[0-9]*/environ || fail "a process is left"
}

# The text of an SVG, a line each, digits and blanks alike.
svg_text() {
	python3 - "$1" <<-'PYTHON'
		import sys, xml.etree.ElementTree as tree
		rows = {}
		for text in tree.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}text'):
		    rows.setdefault(float(text.get('y')), []).append((float(text.get('x')), text.text))
		for _, row in sorted(rows.items()):
		    print(' '.join(text for _, text in sorted(row)))
	PYTHON
}

alike() { sed -E '/^$/d; s/Linux .*/Linux/; s/#+//; s/[0-9]+/N/g; s/ +/ /g'; }

@test "the README's picture shows what the demo prints, and can be drawn anew" {
	need_command python3
	run -0 "$demo/run"
	if [[ $output == *"is left out"* || $output == *"a subreaper instead"* ]]; then
		skip "not all can be shown here"
	fi
	alike <<<$'$ make demo\n'"$output" >"$BATS_TEST_TMPDIR/printed"
	svg_text "$demo/demo.svg" | alike >"$BATS_TEST_TMPDIR/drawn"
	run -0 diff "$BATS_TEST_TMPDIR/printed" "$BATS_TEST_TMPDIR/drawn"
	run -0 "$demo/picture" "$BATS_TEST_TMPDIR/new.svg"
	svg_text "$BATS_TEST_TMPDIR/new.svg" | alike >"$BATS_TEST_TMPDIR/drawn"
	run -0 diff "$BATS_TEST_TMPDIR/printed" "$BATS_TEST_TMPDIR/drawn"
}

@test "no picture is drawn of claims that do not hold" {
	ZINIT=$(type -P sleep) run -1 "$demo/picture" "$BATS_TEST_TMPDIR/new.svg"
	assert_file_not_exists "$BATS_TEST_TMPDIR/new.svg"
}

@test "the trace shows the life of a zombie from its end to its reaping" {
	need_traced_injection
	run "$demo/trace"
	assert_success
	assert_output --regexp 'child +strace +exit_group\(0\)'
	assert_output --regexp $'parent +strace +--- SIGCHLD .*zinit +strace +wait4\(.*\) = [0-9]+  reaped\n'
	assert_output --regexp $'\nA zombie for [0-9]+ microseconds'
	if [[ $output == *"Without the kernel's tracepoints"* ]]; then
		skip "it held, but without the kernel's tracepoints"
	fi
	assert_output --regexp \
		'child +kernel +sched_process_exit .*zinit +kernel +sched_process_wait .*child +kernel +sched_process_free '
	run -0 find /sys/kernel/tracing/instances -name 'zinit-demo.*'
}

@test "the trace of an init that does not reap is not complete, and says so" {
	need_traced_injection
	need_namespaces
	make_wrong_init
	ZINIT=$BATS_TEST_TMPDIR/wrong_init run -1 "$demo/trace"
	assert_line 'The life of the zombie is not complete.'
}
