#!/usr/bin/env bats
# The one table of options (init/options.def) against what people read: --help, the man page and
# the README.

load lib

MAN=$REPO/init/zinit.1

# OPTION lines of the table as "letter name argument section marks", "-" for what is not there.
table() {
	sed -nE "s/^OPTION\((0|'(.)'), (NULL|\"([^\"]*)\"), (NULL|\"([^\"]*)\"), [A-Z_]+, [a-z_]+, [^,]+, ([A-Z]+), ([A-Z0-9]+), \"(.*)\"\)\$/\2\t\4\t\6\t\7\t\8/p" \
		"$REPO/init/options.def" | sed -E ':again; s/(^|\t)(\t|$)/\1-\2/; t again'
}

shown() { table | grep -v -P '\tHIDDEN\t'; }

# "-v, --verbose" from a table's letter and name.
option_words() {
	local words=
	[ "$1" = - ] || words="-$1"
	[ "$2" = - ] || words=${words:+$words, }--$2
	echo "$words"
}

# The heads of the man page's option lists as plain text: "-r, --rewrite from:to[,...]".
man_heads() {
	mandoc -Tutf8 -O width=200 "$MAN" 2>/dev/null | sed 's/.\x08//g' |
		sed -n '/Everyday options/,/^[A-Z]/p' | sed -nE 's/^ {5}(-[-a-zA-Z].*)$/\1/p'
}

@test "the table is read whole" {
	run grep -c '^OPTION(' "$REPO/init/options.def"
	assert_output "$(table | wc -l)"
	((output > 30))
}

@test "--help shows each option of the table, in its order, and no other" {
	help=$("$ZINIT" --help)
	expected=$(shown | while IFS=$'\t' read -r letter name _; do option_words "$letter" "$name"; done)
	actual=$(sed -nE 's/^ {2,6}((-., )?--[a-z-]+|-.).*/\1/p' <<<"$help")
	assert_equal "$actual" "$expected"
}

@test "--help: each line fits, each argument shows" {
	"$ZINIT" --help | while IFS= read -r line; do
		[ ${#line} -le 100 ] || fail "too long: $line"
	done
	while IFS=$'\t' read -r _ name argument _; do
		[ "$argument" = - ] || "$ZINIT" --help | grep -qE -- "--$name(\[=| )$(printf '%s' "$argument" | sed 's/[][|.*]/\\&/g')" ||
			fail "--$name does not show its argument $argument"
	done < <(shown)
}

@test "the man page has each option of the table, the hidden ones too, and no other" {
	need_command mandoc
	man=$(man_heads | sed -E 's/^(((-[a-zA-Z])(, )?)*(--[a-z-]+)?).*/\1/' | sort)
	expected=$(table | grep -v -P '^[lL]\t' | while IFS=$'\t' read -r letter name _; do
		option_words "$letter" "$name"
	done; echo "-l, -L")
	assert_equal "$man" "$(sort <<<"$expected")"
}

@test "the man page shows the arguments of the table" {
	need_command mandoc
	heads=$(man_heads)
	while IFS=$'\t' read -r _ name argument _; do
		[ "$argument" != - ] || continue
		head=$(grep -E -- "--$name( |\[|\$)" <<<"$heads") || fail "no --$name"
		# FROM:TO,... is from:to[,...] there, and CAP,...|all cap[,...]|all.
		want=$(sed -E 's/,\.\.\./[,...]/' <<<"$argument")
		[[ ${head,,} == *"${want,,}"* ]] || fail "--$name: '$head' does not have '$want'"
	done < <(table)
}

@test "the man page names each ZINIT_ variable and no other" {
	expected=$(table | grep -P '\tENV' | cut -f2 | tr 'a-z-' 'A-Z_' | sed 's/^/ZINIT_/' | sort)
	[ -n "$expected" ]
	actual=$(grep -oE '^\.It Ev ZINIT_[A-Z_]+' "$MAN" | cut -d' ' -f3 | sort)
	assert_equal "$actual" "$expected"
}

@test "each ZINIT_ variable is read, and a bad value names it" {
	while read -r variable; do
		case $variable in
		ZINIT_REPORT) value= ;; # takes any word but an empty one
		*) value='?' ;;
		esac
		run --separate-stderr env "$variable=$value" "$ZINIT" true
		assert_equal "$status" 125
		[[ ${stderr_lines[0]} == *"$variable"* ]] || fail "does not name $variable: $stderr"
	done < <(grep -oE '^\.It Ev ZINIT_[A-Z_]+' "$MAN" | cut -d' ' -f3)
}

@test "the man page names each peer's variable of compat.c and no other" {
	expected=$(sed -nE 's/^\t\{ "([A-Z_]+)", .*VARIABLE_.*/\1/p' "$REPO/init/compat.c" | sort)
	[ -n "$expected" ]
	actual=$(grep -oE '^\.It Ev (TINI|DUMB_INIT|CATATONIT)_[A-Z_]+' "$MAN" | cut -d' ' -f3 | sort)
	assert_equal "$actual" "$expected"
}

@test "the man page names each contract of compat.c" {
	expected=$(sed -nE 's/^\t\t\.names = "(.*)",/\1/p' "$REPO/init/compat.c" |
		tr ' ' '\n' | grep -vx zinit | sort)
	[ -n "$expected" ]
	actual=$(sed -n '/^\.Sh NAMES/,/^\.Sh/s/^\.It Cm //p' "$MAN" | tr -d ' ' | tr ',' '\n' | sort)
	assert_equal "$actual" "$expected"
}

@test "the man page passes mandoc's lint" {
	need_command mandoc
	run mandoc -Tlint -Wwarning "$MAN"
	assert_success
	assert_output ""
}

@test "the README's list of options is the table's" {
	run "$REPO/tests/readme-options" --check
	assert_success
}
