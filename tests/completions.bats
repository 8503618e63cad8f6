#!/usr/bin/env bats
# The completions of three shells, which docker/completions makes from the option table: each shell
# is asked what it offers.
# shellcheck disable=SC2016 # what is in single quotes is for the shell that completes

load lib

setup() {
	trace_test_only
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$ZINIT" "$BATS_TEST_TMPDIR/bin/zinit"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH HOME=$BATS_TEST_TMPDIR
	cd "$BATS_TEST_TMPDIR" || return
	mkdir offers && touch offers/file
}

# All of the long options that --help shows.
long_options() { "$ZINIT" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort; }

# What bash offers for a line, the cursor at its end; readline's work of dividing it is done here.
in_bash() {
	bash --norc --noprofile -c '
		'"${BASH_COMPLETION:-}"'
		source <("$0" bash)
		line=$1 COMP_WORDS=()
		while [[ $line =~ ^[[:space:]]*([=:]+|[^=:[:space:]]+)(.*)$ ]]; do
			COMP_WORDS+=("${BASH_REMATCH[1]}")
			line=${BASH_REMATCH[2]}
		done
		[[ $1 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
		_zinit zinit "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		[ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' \
		"$REPO/docker/completions" "$1" 2>&1
}

offers() { assert_equal "$("in_$SHELL_UNDER_TEST" "$1" | sort | xargs)" "$2"; }
offers_among() {
	run "in_$SHELL_UNDER_TEST" "$1"
	assert_line "$2"
}

@test "bash: every option is offered, and no other" {
	assert_equal "$(in_bash 'zinit --' | grep -xE -- '--[a-z-]+' | sort)" "$(long_options)"
	[ "$(long_options | wc -l)" -gt 20 ]
}

@test "bash: options, their arguments, and then the program's own" {
	SHELL_UNDER_TEST=bash
	offers "zinit --gra" "--grace --grace-signal"
	offers "zinit --log-format " "json text"
	offers "zinit --log-format=j" "json"
	offers "zinit -v --on-held-zombies s" "sigchld"
	offers "zinit --on-held-zombies=terminate" "terminate-parent"
	offers "zinit --stop-on TERM,HU" "TERM,HUP"
	offers "zinit --kill-child=KI" "KILL"
	offers "zinit --as dumb" "dumb-init"
	offers "zinit --keep-caps net_bind" "net_bind_service"
	offers "zinit --drop-caps al" "all"
	offers "zinit -u roo" "root"
	offers "zinit -vgu roo" "root"
	offers "zinit --report off" "offers"
	offers "zinit --grace 5s --rep" "--report"
	offers "zinit -r TERM:INT --rep" "--report"
	offers "zinit -t " ""
	offers_among "zinit rea" readlink
	offers_among "zinit --grace 5s rea" readlink
	offers_among "zinit --grace=5s -- rea" readlink
	offers_among "zinit -e 143 -- rea" readlink
	# Without bash-completion a program's arguments are files.
	offers "zinit -- ls off" "offers"
	offers "zinit ls --gra" ""
}

@test "bash: with bash-completion the program's completion is its own" {
	[ -f /usr/share/bash-completion/bash_completion ] || skip "bash-completion is not installed"
	SHELL_UNDER_TEST=bash
	BASH_COMPLETION='source /usr/share/bash-completion/bash_completion
		_of_program() { COMPREPLY=("asked ${COMP_WORDS[*]}"); }; complete -F _of_program program'
	offers "zinit -g --grace 5s -- program --op" "asked program --op"
	offers "zinit -u root:root program x " "asked program x"
	offers_among "zinit --grace=5s rea" readlink
}

in_fish() {
	fish --no-config -c 'source (echo $argv[1] | psub); complete -C $argv[2]' \
		-- "$("$REPO/docker/completions" fish)" "$1" | cut -f 1
}

@test "fish: options, their arguments, and then the program's own" {
	need_command fish
	SHELL_UNDER_TEST=fish
	assert_equal "$(in_fish 'zinit --' | grep -xE -- '--[a-z-]+=?' | tr -d = | sort -u)" "$(long_options)"
	offers "zinit --gra" "--grace --grace-signal"
	offers "zinit --log-format " "json text"
	offers "zinit --log-format=j" "--log-format=json"
	offers "zinit --on-held-zombies s" "sigchld"
	offers "zinit --as dumb" "dumb-init"
	offers "zinit --report off" "offers/"
	offers_among "zinit -u roo" root
	offers_among "zinit rea" readlink
	offers_among "zinit --grace 5s rea" readlink
	offers_among "zinit --grace 5s -- rea" readlink
	offers "zinit -g -- ls off" "offers/"
	run in_fish "zinit ls --gra"
	refute_output --partial grace
}

# What zsh offers, asked as a person asks: on a terminal of its own, by Tab.
in_zsh() {
	cat >ask.zsh <<'END'
zmodload zsh/zpty
mkdir -p functions
eval $3
cat >rc <<'RC'
PS1= PS2=
fpath=($PWD/functions $fpath)
autoload -U compinit
compinit -D -u
# What is offered is printed.
compadd() {
	[[ ${@[(I)-(O|A|D)]} = 0 ]] || { builtin compadd "$@"; return }
	local hits=()
	builtin compadd -O hits "$@"
	(( ! $#hits )) || print -rl -- "" "offer:"$^hits
	builtin compadd "$@"
}
show-end() { print; print "offer-"end }
zle -N show-end
bindkey "^I" complete-word
bindkey "^X" show-end
RC
print -r -- $2 >>rc
zpty shell zsh -f -i
zpty -w shell '. ./rc; print re"ady"'
zpty -r shell all '*ready*'
zpty -w -n shell "$1"$'\t\x18'
zpty -r shell all '*offer-end*'
zpty -d shell
print -r -- $all
END
	"$REPO/docker/completions" zsh >zinit-completion
	timeout 20 zsh -f ask.zsh "$1" "${2:-}" "${3:-cp zinit-completion functions/_zinit_init}" |
		tr -d '\r' | sed -n 's/.*offer:\([^ ]*\)$/\1/p' | sort -u
}

@test "zsh: options, their arguments, and then the program's own" {
	need_command zsh
	SHELL_UNDER_TEST=zsh
	offers "zinit --gra" "--grace --grace-signal"
	assert_equal "$(in_zsh 'zinit --' | grep -xE -- '--[a-z-]+' | sort)" "$(long_options)"
	offers "zinit --log-format=" "json text"
	offers "zinit --on-held-zombies s" "sigchld"
	offers "zinit --as dumb" "dumb-init"
	offers_among "zinit --grace 5s readli" readlink
	offers_among "zinit --grace 5s -- readli" readlink
	offers_among "zinit -g ls off" offers
}

@test "zsh: the plugin manager of the same name keeps its completion" {
	need_command zsh
	manager='cp zinit-completion functions/_zinit_init
		print -l "#compdef zinit" "compadd of-the-manager" >functions/_zinit'
	# Where its completion is not found first; and where it is.
	assert_equal "$(in_zsh 'zinit ' 'zinit() { :; }; autoload -U _zinit; compdef _zinit_init zinit' "$manager")" \
		of-the-manager
	assert_equal "$(in_zsh 'zinit ' 'zinit() { :; }' "$manager")" of-the-manager
	# Without its completion nothing is offered for a function of that name.
	run in_zsh 'zinit --gra' 'zinit() { :; }'
	refute_output --partial grace
}
