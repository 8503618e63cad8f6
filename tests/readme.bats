#!/usr/bin/env bats
# The README's code blocks. By the tag of a block:
#
#   console      run as PID 1's child of a new PID namespace, each `$ ` line with the output below
#                it; `...` in the output stands for anything within a line
#   sh           parsed by sh; what it runs of zinit's is parsed by zinit
#   dockerfile   each line is an instruction, arrays are JSON
#   yaml         parsed
#   crontab      five fields and a command, which is parsed as sh's is
#   demo         what `make demo` prints, numbers aside
#   text         not looked at

load lib

README=$REPO/README.md

setup() {
	trace_test_only
	need_namespaces
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$ZINIT" "$BATS_TEST_TMPDIR/bin/zinit"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	cd "$BATS_TEST_TMPDIR" || exit
}

# Writes the README's blocks with the tag into block.1, block.2, ... and counts them.
extract() {
	rm -f block.*
	awk -v tag="$1" '
		/^```/ { if (inside) inside = 0; else inside = ($0 == "```" tag) ? 1 : 2
			if (inside == 1) count++; next }
		inside == 1 { print > ("block." count) }' "$README"
	blocks=(block.*)
	[ -e "${blocks[0]}" ] || fail "no block is tagged $1"
}

# A block's commands into command.1, ..., what they are to print into expected.1, ...
split() {
	rm -f command.* expected.*
	awk '/^\$ / { count++; print substr($0, 3) > ("command." count); printf "" > ("expected." count)
		next }
		{ print > ("expected." count) }' "$1"
}

# Is `actual` what `expected` says, line by line? `...` stands for any part of a line.
assert_like() {
	local want have pattern
	if [ "$(wc -l <"$1")" != "$(wc -l <"$2")" ]; then
		fail "expected: $(<"$1")
but it was: $(<"$2")"
		return 1
	fi
	while IFS= read -r want <&3 && IFS= read -r have <&4; do
		pattern=$(printf '%s' "$want" | sed -E 's/[][\\*?]/\\&/g; s/\.\.\./*/g')
		# shellcheck disable=SC2053 # a pattern it is
		if [[ $have != $pattern ]]; then
			fail "expected: $want
but it was: $have"
			return 1
		fi
	done 3<"$1" 4<"$2"
}

@test "each block has a tag that this test knows" {
	run awk '/^```/ { if (!inside) print; inside = !inside }' "$README"
	((${#lines[@]} > 10))
	for line in "${lines[@]}"; do
		[[ $line =~ ^'```'(console|demo|sh|dockerfile|yaml|crontab|text)$ ]] ||
			fail "unknown tag: $line"
	done
}

# Runs the commands in console blocks that match (or, with -v, do not match) and counts them.
run_console() {
	local block command expected
	extract console
	count=0
	for block in "${blocks[@]}"; do
		split "$block"
		for command in command.*; do
			grep -q "$@" "$command" || continue
			count=$((count + 1))
			expected=expected.${command#*.}
			echo "$ $(<"$command")"
			in_pidns bash "$command" >actual 2>&1 </dev/null || :
			assert_like "$expected" actual
		done
	done
}

@test "console: each command prints what the README says" {
	run_console -v -e ' -u '
	((count > 8))
}

@test "console: those that change the user, too" {
	need_root "changes the user"
	run_console -e ' -u '
	((count > 0))
}

@test "console: the comparison itself can fail" {
	printf 'a ... b\n[1] x\n' >expected
	printf 'a anything b\n[1] x\n' >same
	assert_like expected same
	printf 'a anything c\n[1] x\n' >other
	run assert_like expected other
	assert_failure
	printf 'a anything b\n1 x\n' >other
	run assert_like expected other
	assert_failure
	printf 'a anything b\n' >other
	run assert_like expected other
	assert_failure
}

numbers_aside() { sed -E 's/on Linux .*/on Linux N/; s/[0-9]+/N/g; s/ +/ /g'; }

@test "demo: what make demo prints" {
	extract demo
	run "$REPO/tests/demo/run"
	assert_success
	[[ $output != *"is left out"* && $output != *"subreaper instead"* ]] ||
		skip "not all of the demonstration can be shown here"
	assert_equal "$(numbers_aside <<<"$output")" "$(sed 1d "${blocks[0]}" | numbers_aside)"
	grep -qx '$ make deps demo' "${blocks[0]}"
}

# Does zinit take the options in $1, those before `--`? A --help behind them ends it with status 0
# only when it has read all of them and none was wrong.
assert_options() {
	local words=() word
	for word in $1; do
		[ "$word" != -- ] || break
		words+=("$word")
	done
	run "$ZINIT" "${words[@]}" --help
	assert_success
	assert_output --partial "Usage:"
}

@test "sh: parses, and zinit knows its options" {
	extract sh
	count=0
	for block in "${blocks[@]}"; do
		sh -n "$block"
		while IFS= read -r line; do
			assert_options "$line"
			count=$((count + 1))
		done < <(sed -nE 's/^(exec )?\/?zinit (.*)/\2/p' "$block")
	done
	((count >= 3))
}

@test "sh: docker's -e variables are zinit's" {
	extract sh
	mapfile -t variables < <(grep -ohE -- '-e ZINIT_[A-Z_]+=[^ ]+' "${blocks[@]}" | cut -d' ' -f2)
	((${#variables[@]} >= 1))
	for variable in "${variables[@]}"; do
		grep -q "^.It Ev ${variable%%=*}\$" "$REPO/init/zinit.1"
		env "$variable" "$ZINIT" --as docker-init -- true
	done
}

@test "dockerfile: instructions, and arrays in JSON" {
	need_command jq
	extract dockerfile
	for block in "${blocks[@]}"; do
		while IFS= read -r line; do
			[[ $line =~ ^(FROM|COPY|ENTRYPOINT|CMD|RUN|HEALTHCHECK|USER|ENV)\ (.*)$ ]] ||
				fail "no instruction: $line"
			case $line in *'['*) jq -e . <<<"[${line#*[}" ;; esac
		done <"$block"
	done
}

@test "yaml: parses" {
	/usr/bin/python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
	extract yaml
	for block in "${blocks[@]}"; do
		/usr/bin/python3 -c 'import sys, yaml; assert yaml.safe_load(sys.stdin)' <"$block"
	done
}

@test "crontab: five fields, and zinit knows the options" {
	extract crontab
	while read -r minute hour day month weekday command; do
		for field in "$minute" "$hour" "$day" "$month" "$weekday"; do
			[[ $field =~ ^[0-9*/,-]+$ ]] || fail "no field: $field"
		done
		[[ $command == */zinit\ * ]]
		assert_options "${command#*zinit }"
	done <"${blocks[0]}"
}

@test "the one-line replacements: JSON parses, each link is one that make install makes" {
	need_command jq
	json=$(grep -oE '\{ "init".*\}' "$README")
	run jq -r '."init-path"' <<<"$json"
	assert_success
	mapfile -t links < <(grep -oE '/usr/local/libexec/zinit/[a-z-]+' "$README" | sort -u)
	((${#links[@]} >= 2))
	for link in "${links[@]}"; do
		grep -qE "^links := .*\b${link##*/}\b" "$REPO/Makefile" || fail "not installed: $link"
	done
}

@test "every file that the README shows or names is there" {
	while IFS= read -r file; do
		[ -e "$REPO/$file" ] || fail "no $file"
	done < <(grep -oE '\]\([^)#]+\)' "$README" | sed -E 's/^\]\(//; s/\)$//' | grep -v '^http')
	mapfile -t files < <(sed -n '/^| file in `init\/`/,/^$/p' "$README" | grep -oE '`[a-z]+\.[a-z0-9]+`' | tr -d '`')
	((${#files[@]} > 15))
	for file in "${files[@]}"; do
		[ -e "$REPO/init/$file" ] || fail "no init/$file"
	done
	# ... and the other way round.
	for file in "$REPO"/init/*.c; do
		[[ " ${files[*]} " == *" ${file##*/} "* ]] || fail "not in the README: ${file##*/}"
	done
}

@test "the make targets that the README names are there" {
	mapfile -t targets < <(grep -oE '`make [a-z -]+' "$README" | cut -d' ' -f2- | tr ' ' '\n' | sort -u)
	((${#targets[@]} > 5))
	for target in "${targets[@]}"; do
		grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" "$REPO/Makefile" || fail "no target $target"
	done
}

@test "the chapters come in their order" {
	run grep '^## ' "$README"
	assert_output "$(printf '## %s\n' 'Try it' 'Use it' 'How a zombie comes and goes' \
		'What it does for you' 'Beside tini, dumb-init and catatonit' 'How fast' 'Security' \
		'Options' 'Troubleshooting' 'How it is built and tested' 'Licence')"
}

@test "the entry point of tini and gosu in one: zinit becomes PID 1, the program the user's" {
	need_root "changes the user"
	extract sh
	line=$(grep -hE '^exec /zinit -u' "${blocks[@]}")
	printf '#!/bin/sh\n%s\n' "${line//\/zinit -u app/$ZINIT -u nobody}" >entrypoint.sh
	chmod +x entrypoint.sh
	chmod 755 "$BATS_TEST_TMPDIR"
	run in_pidns ./entrypoint.sh sh -c 'id -un; tr "\0" " " </proc/1/cmdline; echo; cut -d" " -f4 /proc/$$/stat'
	assert_success
	assert_line --index 0 nobody
	assert_line --index 1 --partial "zinit -u nobody"
	assert_line --index 2 1
}
