#!/usr/bin/env bats
# --log-format json: every line is valid JSON and valid UTF-8, whatever a process calls itself.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

# Every line of the file is one JSON object in UTF-8 with the members that all messages have.
assert_json_lines() {
	/usr/bin/python3 - "$1" "$2" <<-'END'
		import json, re, sys

		lines = open(sys.argv[1], "rb").read().split(b"\n")
		assert lines.pop() == b"", "the last line has no end"
		assert len(lines) >= int(sys.argv[2]), f"only {len(lines)} lines"
		for line in lines:
		    text = line.decode("utf-8")
		    assert text.isprintable(), text
		    names = [name for name, _ in json.loads(text, object_pairs_hook=list)]
		    assert len(names) == len(set(names)), f"a name twice: {text}"
		    message = json.loads(text)
		    assert names[:4] == ["time", "level", "event", "message"], text
		    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", message["time"]), text
		    assert message["level"] in ("error", "warning", "info", "debug"), text
		    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", message["event"]), text
		    assert message["message"], text
	END
}

@test "every message is an object with time, level, event, message and fields" {
	start_pid1 -v -v -w --log-format json --watch 50ms --on-held-zombies terminate-parent --report - -- \
		sh -c 'orphans 3; negligent -n 2 & while :; do sleep .05; done'
	wait_for grep -q held-zombies-cured "$ERR"
	kill -USR1 "$ZPID"
	finish
	assert_equal "$status" 138
	assert_json_lines "$ERR" 12
	run jq -r .event "$ERR"
	local event
	for event in started orphan-reaped held-zombies parent-signaled held-zombies-cured signal-forwarded \
		report-main-child report-zinit; do
		assert_line "$event"
	done
}

# shellcheck disable=SC1003 # a backslash, alone
@test "names of processes cannot break it" {
	local name count=0
	for name in 'a b' '"' '\' '\"}' $'new\nline' $'tab\t' $'\e[31m' $'\x01\x1f\x7f' $'\xff\xfe\x80' \
		$'\xc3' $'\xe2\x82' $'\xed\xa0\x80' $'\xc0\xaf' 'ÄÖ€' $'\xf0\x9f\x92\x80' '%s%n%d' \
		$'\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' $'""""""""""""""""'; do
		start_pid1 -w --log-format json --watch 30ms --on-held-zombies terminate-parent -- \
			sh -c 'negligent -N "$0" -Z "$0" -n 2 & wait; exec sleep 1000' "$name"
		wait_for grep -q held-zombies-cured "$ERR"
		wait_count "$ERR" '.*"orphan-reaped".*' 2
		kill -KILL "$(main_child)"
		finish
		assert_json_lines "$ERR" 4
		# None of the fields was left out, however long the name became.
		run jq -r 'select(.event == "orphan-reaped") | .involuntary_switches' "$ERR"
		assert_output --regexp '^[0-9]+'
		run jq -r 'select(.event == "held-zombies") | .pids_limit' "$ERR"
		assert_output --regexp '^[0-9]+$'
		count=$((count + 1))
	done
	assert_equal "$count" 18
}

@test "a name that is valid UTF-8 comes out as it is" {
	start_pid1 --log-format json --watch 30ms negligent -N 'Größe€' -Z $'a"b\\c'
	wait_for grep -q held-zombies "$ERR"
	kill -TERM "$ZPID"
	finish
	run jq -r 'select(.event == "held-zombies") | .parent_name, .zombie_name' "$ERR"
	assert_output $'Größe€\na"b\\c'
}

@test "words of the command line cannot break it" {
	local word
	for word in '"' $'\n' $'\xff' "$(printf 'x%.0s' {1..3000})" "$(printf '"%.0s' {1..3000})"; do
		run -127 --separate-stderr as_pid1 --log-format json "/nonexistent/$word"
		printf '%s\n' "$stderr" >"$BATS_TEST_TMPDIR/err"
		assert_json_lines "$BATS_TEST_TMPDIR/err" 1
		run --separate-stderr as_pid1 --log-format json --report "/nonexistent/$word" true
		assert_success
		printf '%s\n' "$stderr" >"$BATS_TEST_TMPDIR/err"
		assert_json_lines "$BATS_TEST_TMPDIR/err" 1
	done
}

@test "the time is now, in UTC" {
	local before after said
	before=$(date -u +%FT%T.%6NZ)
	run as_pid1 --log-format json --report - true
	after=$(date -u +%FT%T.%6NZ)
	said=$(jq -r .time <<<"${lines[0]}")
	[[ ! $said < $before && ! $said > $after ]] || fail "$before, said $said, $after"
	# Whatever TZ says.
	TZ=Asia/Tokyo run as_pid1 --log-format json --report - true
	said=$(jq -r .time <<<"${lines[0]}")
	[[ $said < $(date -u +%FT%T.%6NZ) ]]
}

@test "the report's file and --check are JSON, too" {
	local report=$BATS_TEST_TMPDIR/report
	run as_pid1 --log-format json --report "$report" sh -c 'exit 3'
	assert_failure 3
	assert_output ""
	assert_json_lines "$report" 2
	in_pidns "$ZINIT" --check --log-format json >"$BATS_TEST_TMPDIR/check"
	assert_json_lines "$BATS_TEST_TMPDIR/check" 1
}

@test "text is the default, and the environment can choose" {
	run as_pid1 --report - true
	assert_line --regexp '^zinit\[1\]: main child'
	ZINIT_LOG_FORMAT=json run as_pid1 --report - true
	assert_line --regexp '^\{"time":'
	ZINIT_LOG_FORMAT=json run as_pid1 --log-format text --report - true
	assert_line --regexp '^zinit\[1\]: main child'
}

# The man page's list of events, without its markup.
listed() {
	awk '/^The events, each with/ { on = 1 } on && /^\.El/ { exit } on' "$REPO/init/zinit.1"
}

@test "the man page lists every event, and none that there is not" {
	local source page
	# The event is the first string of such a call.
	source=$(cat "$REPO"/init/*.c | tr -s '\n\t ' ' ' |
		grep -oE '\b(log_(error|warning|info|debug|event|message)|say|stop_name|report_line|message_compose)\( ?([^";{]*, )?"[a-z]+(-[a-z]+)*"' |
		sed -E 's/[\\"]*$//; s/.*"//' | sort -u)
	page=$(listed | sed -nE 's/^\.It Cm ([a-z-]+)$/\1/p' | sort -u)
	[ "$(wc -l <<<"$source")" -gt 25 ]
	assert_equal "$page" "$source"
}

@test "the man page lists every field" {
	local field fields missing=() words
	words=$(listed | tr -s ', ' '\n')
	# A field stands in braces behind its conversion: %d{pid}.
	fields=$(grep -ohE '%[-!0-9]*[a-zA-Z]+\{[a-z_]+\}' "$REPO"/init/*.c | grep -oE '[a-z_]+\}' |
		tr -d '}' | sort -u)
	[ "$(wc -l <<<"$fields")" -gt 40 ]
	for field in $fields; do
		grep -qx "$field" <<<"$words" || missing+=("$field")
	done
	assert_equal "${missing[*]}" ""
}
