#!/usr/bin/env bats
# --user: the main child, and zinit with it, becomes another user, all or nothing.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

PASSWD='root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:the app:/home/app:/bin/sh
lonely:x:1002:1002::/srv/lonely:/bin/sh
homeless:x:1003:1003:::/bin/sh
app:x:4000:4000:a second one of that name:/wrong:/bin/sh
1004:x:1005:1005:a name of digits:/digits:/bin/sh
broken line
late:x:1006:50:no newline after it:/home/late:/bin/sh'
GROUP='root:x:0:
staff:x:50:app,root
web:x:1001:app
logs:x:60:other,app
odd:x:notanumber:app
prefix:x:61:apple,xapp,ap
audio:x:62:late'

setup() {
	trace_test_only
	need_namespaces
	need_root "changing the user"
	printf '%s' "$PASSWD" >"$BATS_TEST_TMPDIR/passwd"
	printf '%s' "$GROUP" >"$BATS_TEST_TMPDIR/group"
}

# In a namespace whose /etc/passwd and /etc/group are those above, and whose /mnt is empty.
FILES='mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group &&
	mount -t tmpfs -o mode=777 none /mnt &&'
with_files() { in_pidns sh -c "$FILES"' exec "$@"' "$BATS_TEST_TMPDIR" "$@"; }

# Where /etc is empty.
without_files() { in_pidns sh -c 'mount -t tmpfs none /etc && exec "$@"' - "$@"; }

identity='^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):'

# The same request, made of zinit and of setpriv(1): same_as "SETPRIV OPTIONS" USER
same_as() {
	local expected actual
	# shellcheck disable=SC2086 # words
	expected=$(with_files setpriv $1 grep -E "$identity" /proc/self/status)
	actual=$(with_files "$ZINIT" -u "$2" grep -E "$identity" /proc/self/status)
	assert_regex "$expected" "Uid:.*Groups:.*CapAmb:"
	assert_equal "$actual" "$expected"
}

home_of() { with_files "$ZINIT" -u "$1" sh -c 'echo "$HOME"'; }

# A request that is refused: one line that names the word, status 125, nothing started.
refused() {
	local how=$1 word=$2
	shift 2
	run --separate-stderr "$how" "$ZINIT" "$@" -- sh -c 'echo started; touch /mnt/started'
	assert_failure 125
	assert_output ""
	assert_one_line "$stderr" "$word"
}

# Which user

@test "a name alone: the user, its group, and every group that it is in" {
	same_as "--reuid 1000 --regid 1001 --groups 1001,50,60" app
	same_as "--reuid 1000 --regid 1001 --init-groups" app
	same_as "--reuid 1002 --regid 1002 --init-groups" lonely
	same_as "--reuid 1006 --regid 50 --init-groups" late
}

@test "a name and a group: that group and no other" {
	same_as "--reuid 1000 --regid 60 --clear-groups" app:logs
	same_as "--reuid 1000 --regid 60 --clear-groups" app:60
	same_as "--reuid 1000 --regid 7777 --clear-groups" app:7777
	run with_files setpriv --groups 7,8 "$ZINIT" -u app:logs id -G
	assert_output 60
}

@test "a number that passwd knows is its user" {
	same_as "--reuid 1000 --regid 1001 --init-groups" 1000
	same_as "--reuid 1000 --regid 50 --clear-groups" 1000:staff
}

@test "a number that passwd does not know has group 0, or the one given" {
	same_as "--reuid 31337 --regid 0 --clear-groups" 31337
	same_as "--reuid 31337 --regid 50 --clear-groups" 31337:staff
	same_as "--reuid 31337 --regid 31338 --clear-groups" 31337:31338
	same_as "--reuid 4294967294 --regid 4294967294 --clear-groups" 4294967294:4294967294
}

@test "a word of digits is a number, whatever is called so" {
	run with_files "$ZINIT" -u 1004 sh -c 'id -u; id -g; echo "$HOME"'
	assert_output "$(printf '1004\n0\n/')"
}

@test "root is a user like any other" {
	same_as "--reuid 0 --regid 0 --init-groups" root
	same_as "--reuid 0 --regid 50 --clear-groups" 0:50
}

@test "numbers need neither passwd nor group" {
	run without_files "$ZINIT" -u 31337:31338 grep -E '^(Uid|Gid|Groups):' /proc/self/status
	assert_success
	assert_equal "$(tr -s '\t ' ' ' <<<"$output")" \
		"$(printf 'Uid: 31337 31337 31337 31337\nGid: 31338 31338 31338 31338\nGroups: ')"
	run without_files "$ZINIT" -u 31337 sh -c 'id -u; id -g; echo "$HOME"'
	assert_output "$(printf '31337\n0\n/')"
}

@test "more groups than a C library's 32 are all taken" {
	local n
	for n in {2000..2099}; do echo "g$n:x:$n:app"; done >"$BATS_TEST_TMPDIR/group"
	run with_files "$ZINIT" -u app sh -c 'grep ^Groups /proc/self/status | wc -w'
	assert_output 102
}

@test "a member list longer than any buffer is read to its end" {
	{
		printf 'huge:x:3000:'
		seq -f 'member%.0f' -s, 1 40000 | tr -d '\n'
		printf ',app\nafter:x:3001:app\n'
	} >"$BATS_TEST_TMPDIR/group"
	run with_files "$ZINIT" -u app id -G
	assert_output "1001 3000 3001"
}

# HOME

@test "HOME is the user's, / for a number that passwd does not know" {
	assert_equal "$(home_of app)" /home/app
	assert_equal "$(home_of 1000:60)" /home/app
	assert_equal "$(home_of 31337)" /
	assert_equal "$(home_of homeless)" /
	assert_equal "$(env -u HOME bash -c "$(declare -f with_files in_pidns _pidns fail)"'
		FILES=$1; with_files "$ZINIT" -u app sh -c "echo \$HOME"' - "$FILES")" /home/app
}

@test "no other variable is changed" {
	local before
	before=$(with_files env | grep -v '^HOME=')
	assert_regex "$before" PATH=
	run with_files "$ZINIT" -u app env
	assert_success
	assert_equal "$(grep -v '^HOME=' <<<"$output")" "$before"
	assert_line HOME=/home/app
}

# What is refused

@test "an empty USER or GROUP is an error" {
	local word
	run --separate-stderr with_files "$ZINIT" -u "" -- echo started
	assert_failure 125
	assert_output ""
	assert_regex "$stderr" "--user: ''"
	for word in : :staff app: :: 1000:; do
		refused with_files "'$word'" -u "$word"
	done
}

@test "a name that does not exist is an error, and is named" {
	refused with_files "'nobody-here'" -u nobody-here
	refused with_files "'no-group'" -u app:no-group
	refused with_files "'1:2'" -u app:1:2
	refused with_files "'ap'" -u ap
	refused with_files "'-1'" -u -1
	refused with_files "'broken line'" -u "broken line"
}

@test "a number out of range is an error, and is named" {
	local number
	for number in 4294967295 4294967296 99999999999999999999999; do
		refused with_files "'$number'" -u "$number"
		refused with_files "'$number'" -u "app:$number"
	done
}

@test "a name where /etc/passwd is missing is an error that says so" {
	refused without_files "/etc/passwd is missing" -u app
}

@test "an /etc/passwd that cannot be read is an error, for a number too" {
	run --separate-stderr in_pidns sh -c 'mount -t tmpfs none /etc && mkdir /etc/passwd && exec "$@"' - \
		"$ZINIT" -u 1000 -- echo started
	assert_failure 125
	assert_output ""
	assert_one_line "$stderr" /etc/passwd
}

@test "without CAP_SETUID or CAP_SETGID the missing one and the option are named" {
	local cap
	for cap in setuid setgid; do
		run --separate-stderr with_files setpriv --bounding-set "-$cap" "$ZINIT" -u app -- echo started
		assert_failure 125
		assert_output ""
		assert_one_line "$stderr" "CAP_${cap^^}"
		assert_one_line "$stderr" "--user"
	done
}

@test "an ordinary user may ask for itself, and for nobody else" {
	run with_files setpriv --reuid 1000 --regid 1001 --init-groups "$ZINIT" -u app id -u
	assert_output 1000
	run with_files setpriv --reuid 1000 --regid 1001 --groups 1001,50,60 "$ZINIT" -u 1000 id -G
	assert_output "1001 50 60"
	run --separate-stderr with_files setpriv --reuid 1000 --regid 1001 --clear-groups "$ZINIT" -u app id
	assert_failure 125
	assert_one_line "$stderr" CAP_SETGID
	run --separate-stderr with_files setpriv --reuid 1000 --regid 1001 --init-groups "$ZINIT" -u late id
	assert_failure 125
	assert_one_line "$stderr" CAP_SET
}

@test "an ordinary user with CAP_SETUID and CAP_SETGID may become another" {
	local caps=+setuid,+setgid,+kill
	run with_files setpriv --reuid 1002 --regid 1002 --clear-groups --inh-caps $caps --ambient-caps $caps \
		"$ZINIT" -u 1000:60 sh -c 'id -u; id -G; until grep -q "^Seccomp:.2" /proc/1/status; do sleep 0.01; done
			grep -E "^(Uid|CapPrm)" /proc/1/status'
	assert_output "$(printf '1000\n60\nUid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000000')"
}

# Entered from outside, since only there a map of many IDs can be written.
MAPPED='unshare -U sleep 60 & holder=$!
	while [ "$(readlink /proc/$holder/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
	echo 0 0 2000 >/proc/$holder/uid_map && echo 0 0 2000 >/proc/$holder/gid_map &&
	nsenter -t "$holder" -U "$@"; status=$?; kill "$holder"; exit $status'

@test "in a user namespace that maps the ID it works" {
	run with_files sh -c "$MAPPED" - "$ZINIT" -u app sh -c 'id -u; id -G'
	assert_success
	assert_output "$(printf '1000\n1001 50 60')"
}

@test "the groups are those asked for, whatever zinit has; where none may be set, what it has will do" {
	need_root "to have groups"
	# Docker's root has its own group as a supplementary one, too.
	same_as "--reuid 31337 --regid 0 --clear-groups" 31337
	run with_files setpriv --groups 0,50 "$ZINIT" -u 31337 grep -E "^Groups:" /proc/self/status
	assert_output --regexp '^Groups:[[:space:]]*$'
	run with_files setpriv --groups 0 "$ZINIT" -u 31337 grep -E "^Groups:" /proc/self/status
	assert_output --regexp '^Groups:[[:space:]]*$'
	# unshare -r writes "deny" to setgroups.
	run in_pidns setpriv --clear-groups unshare -Ur "$ZINIT" -u 0 id -u
	assert_success
	assert_output 0
	run --separate-stderr in_pidns setpriv --groups 50 unshare -Ur "$ZINIT" -u 0 id -u
	assert_failure 125
	assert_one_line "$stderr" "set the groups"
}

@test "a user namespace that does not map the ID, or allows no groups, is an error that says so" {
	refused_there() {
		local action=$1
		shift
		run --separate-stderr with_files "$@" -- echo started
		assert_failure 125
		assert_output ""
		assert_one_line "$stderr" "cannot $action: "
		assert_one_line "$stderr" "user namespace"
	}
	refused_there "set the user" sh -c "$MAPPED" - "$ZINIT" -u 2000
	refused_there "set the group" sh -c "$MAPPED" - "$ZINIT" -u 0:2000
	refused_there "set the groups" unshare -Ur "$ZINIT" -u 0:1
}

# What follows from it

@test "there is no way back to root" {
	run with_files sh -c 'cp "$0" /mnt/regain && exec "$@" /mnt/regain' "$HELPERS/regain" "$ZINIT" -u app
	assert_output ""
	assert_success
	# The same program is able to tell: as root it gets everything.
	run with_files regain
	assert_failure
	assert_line setresuid
}

@test "zinit takes the same user and groups, without any capability, and stays dumpable" {
	start_in_pidns sh -c "$FILES"' exec "$@"' "$BATS_TEST_TMPDIR" "$ZINIT" -u app sleep 60 </dev/null
	wait_for grep -q '^Uid:.1000.1000.1000.1000$' "/proc/$ZPID/status"
	wait_for grep -q '^Seccomp:.2$' "/proc/$ZPID/status"
	run grep -E '^(Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' "/proc/$ZPID/status"
	assert_line "$(printf 'Gid:\t1001\t1001\t1001\t1001')"
	assert_line --regexp '^Groups:.50 60 1001 ?$'
	assert_equal "$(grep -c '^Cap.*0000000000000000$' <<<"$output")" 5
	# A process that is not dumpable has its files in /proc owned by root.
	assert_equal "$(stat -c %u "/proc/$ZPID/fd")" 1000
}

@test "with --no-sandbox zinit stays root" {
	start_in_pidns sh -c "$FILES"' exec "$@"' "$BATS_TEST_TMPDIR" "$ZINIT" --no-sandbox -u app \
		sh -c 'echo up; exec sleep 60' </dev/null
	wait_line "$OUT" up
	# Twice the time after which the sandbox would be there.
	sleep 0.1
	run grep -E '^(Uid|CapEff|Seccomp|NoNewPrivs):' "/proc/$ZPID/status"
	assert_line "$(printf 'Uid:\t0\t0\t0\t0')"
	assert_line "$(printf 'Seccomp:\t0')"
	assert_line "$(printf 'NoNewPrivs:\t0')"
	refute_line --regexp '^CapEff:.0*$'
}

@test "the program can open PID 1's standard output by name, from its first instruction" {
	local n
	for n in {1..30}; do
		run with_files "$ZINIT" -u app dd if=/dev/zero of=/proc/1/fd/1 bs=1 count=0 status=none
		assert_success
		assert_output ""
	done
	run with_files "$ZINIT" -u app sh -c 'echo one >/proc/1/fd/1; echo two >/proc/1/fd/2; echo three >/dev/stdout'
	assert_output "$(printf 'one\ntwo\nthree')"
}

@test "signals still reach the main child, and its end is zinit's" {
	start_in_pidns sh -c "$FILES"' exec "$@"' "$BATS_TEST_TMPDIR" "$ZINIT" -u app \
		sh -c 'trap "echo told; exit 7" TERM; echo up; while :; do sleep 0.05; done' </dev/null
	wait_line "$OUT" up
	kill -TERM "$ZPID"
	finish
	assert_equal "$status" 7
	assert_equal "$output" "$(printf 'up\ntold')"
}

@test "the parent-death signal of zinit outlives its change of user" {
	local parent
	start_below_init sh -c '"$@" & wait' - "$ZINIT" -p TERM -u 31337:31337 sh -c 'trap "echo told; exit" TERM
		echo up; while :; do sleep 0.02; done' </dev/null
	wait_line "$OUT" up
	parent=$ZPID
	ZPID=$(children "$parent" | tr -d ' ')
	wait_for grep -q '^Seccomp:.2$' "/proc/$ZPID/status"
	grep -q '^Uid:.31337' "/proc/$ZPID/status"
	# As the namespace goes with the parent, the message is the proof, and not zinit's end.
	kill -STOP "$NSPID"
	kill -KILL "$parent"
	wait_line "$OUT" told
	kill -CONT "$NSPID"
}

@test "a program that cannot be reached as the user is not started" {
	run --separate-stderr with_files sh -c 'mkdir /mnt/shut && chmod 700 /mnt/shut && cp /bin/true /mnt/shut &&
		exec "$@" /mnt/shut/true' - "$ZINIT" -u app
	assert_failure 126
}

@test "zinit as an entrypoint's last line replaces tini and gosu" {
	printf '#!/bin/sh\nset -e\nchown app: /mnt\nexec "$ZINIT" -u app -- "$@"\n' >"$BATS_TEST_TMPDIR/entrypoint.sh"
	chmod +x "$BATS_TEST_TMPDIR/entrypoint.sh"
	run with_files "$BATS_TEST_TMPDIR/entrypoint.sh" sh -c 'id -un; touch /mnt/mine; cat /proc/1/comm; echo $PPID'
	assert_success
	assert_output "$(printf 'app\nzinit\n1')"
}
