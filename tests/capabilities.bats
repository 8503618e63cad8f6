#!/usr/bin/env bats
# --keep-caps, --drop-caps, --no-new-privs: each request is compared with setpriv(1)'s.
# shellcheck disable=SC2016 # what is in single quotes is for the shell under zinit
# shellcheck disable=SC2086 # options and commands in variables are words
# shellcheck disable=SC2153 # ZINIT comes from lib
# shellcheck disable=SC2154 # stderr and stderr_lines come from run and finish

load lib

setup() {
	trace_test_only
	need_namespaces
	need_root "capabilities"
}

state='^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):'

# The same request, made of setpriv and of zinit, each run by BEFORE...:
# same "SETPRIV OPTIONS" "ZINIT OPTIONS" [BEFORE]...
same() {
	local setpriv=$1 zinit=$2 expected actual
	shift 2
	expected=$(in_pidns "$@" setpriv $setpriv grep -E "$state" /proc/self/status)
	actual=$(in_pidns "$@" "$ZINIT" $zinit grep -E "$state" /proc/self/status)
	assert_regex "$expected" "Uid:.*CapBnd:.*NoNewPrivs:"
	assert_equal "$actual" "$expected"
}

only() { echo "--bounding-set -all,$1 --inh-caps -all,$1 --ambient-caps -all,$1"; }
without() { echo "--bounding-set $1 --inh-caps $1 --ambient-caps $1"; }

USER_1000="--reuid 1000 --regid 1000 --clear-groups"
# Put before both: an ordinary user, with capabilities as systemd's AmbientCapabilities= gives them.
ambient() { echo "setpriv $USER_1000 --inh-caps $1 --ambient-caps $1"; }

# A request that is refused: one line that names the words, status 125, nothing started.
# refused "WORD WORD" "ZINIT OPTIONS" [BEFORE]...
refused() {
	local words=$1 options=$2 word
	shift 2
	run --separate-stderr in_pidns "$@" "$ZINIT" $options -- echo started
	assert_failure 125
	assert_output ""
	for word in $words; do assert_one_line "$stderr" "$word"; done
}

# --keep-caps

@test "--keep-caps: root keeps these and no other, and they are ambient" {
	same "$(only +net_bind_service)" "--keep-caps net_bind_service"
	same "$(only +kill,+chown,+setpcap)" "--keep-caps kill,chown,setpcap"
}

@test "--keep-caps with --user: the user has them, after the change" {
	same "$USER_1000 $(only +net_bind_service)" "-u 1000:1000 --keep-caps net_bind_service"
	same "$USER_1000 $(only +setuid,+setgid)" "-u 1000:1000 --keep-caps setuid,setgid"
}

@test "--keep-caps: a program of the user's own children has them, too" {
	run in_pidns "$ZINIT" -u 1000:1000 --keep-caps kill sh -c 'sh -c "grep CapEff /proc/self/status; :"; :'
	assert_output "$(printf 'CapEff:\t0000000000000020')"
}

@test "--keep-caps as a user with ambient capabilities" {
	# shellcheck disable=SC2046 # words
	same "$(only +kill)" "--keep-caps kill" $(ambient +kill,+setpcap,+chown)
	# shellcheck disable=SC2046 # words
	same "$(only +kill,+setpcap)" "--keep-caps kill,setpcap" $(ambient +kill,+setpcap)
}

@test "--keep-caps where the bounding set is cut already" {
	same "$(only +kill)" "--keep-caps kill" setpriv --bounding-set -all,+kill,+setpcap,+chown
	# Nothing is left to cut: CAP_SETPCAP is not needed.
	same "$(only +kill)" "--keep-caps kill" setpriv --bounding-set -all,+kill
}

# --drop-caps

@test "--drop-caps: root loses these, and no other" {
	same "$(without -kill)" "--drop-caps kill"
	same "$(without -net_raw,-sys_admin,-setpcap)" "--drop-caps net_raw,sys_admin,setpcap"
}

@test "--drop-caps all" {
	same "$(without -all)" "--drop-caps all"
	same "$USER_1000 $(without -all)" "-u 1000:1000 --drop-caps all"
}

@test "--drop-caps with --user cuts the bounding set, so that no set-uid program has them" {
	same "$USER_1000 $(without -kill)" "-u 1000:1000 --drop-caps kill"
}

@test "--drop-caps as a user with ambient capabilities" {
	# shellcheck disable=SC2046 # words
	same "$(without -kill)" "--drop-caps kill" $(ambient +kill,+setpcap,+chown)
	# shellcheck disable=SC2046 # words
	same "$(without -all)" "--drop-caps all" $(ambient +kill,+setpcap,+chown)
}

@test "--drop-caps of what the bounding set does not have needs no CAP_SETPCAP" {
	same "--inh-caps -kill" "--drop-caps kill" setpriv --bounding-set -kill,-setpcap
	run in_pidns setpriv $USER_1000 --bounding-set -all "$ZINIT" --drop-caps all echo started
	assert_output started
}

@test "--drop-caps all with --keep-caps drops all but those" {
	same "$(only +kill)" "--drop-caps all --keep-caps kill"
	same "$(only +kill)" "--keep-caps kill --drop-caps all"
	same "$(only +kill)" "--keep-caps kill --drop-caps chown"
}

# What was there stays

@test "an inherited ambient set survives --user" {
	same "$USER_1000 --ambient-caps +net_raw" "-u 1000:1000" setpriv --inh-caps +net_raw --ambient-caps +net_raw
	# shellcheck disable=SC2046 # words
	same "--reuid 1001 --regid 1001 --clear-groups" "-u 1001:1001" $(ambient +setuid,+setgid,+kill)
}

@test "without an option every set is as it was" {
	local before same_state
	same_state='^(Cap[A-Z][a-z]*|NoNewPrivs|Seccomp|Uid|Gid|Groups):'
	for before in "env" "setpriv --bounding-set -kill" "$(ambient +kill,+chown)" "setpriv --no-new-privs" \
		"setpriv --inh-caps +kill" "setpriv $USER_1000"; do
			assert_equal "$(in_pidns $before "$ZINIT" grep -E "$same_state" /proc/self/status)" \
			"$(in_pidns $before grep -E "$same_state" /proc/self/status)"
	done
	run in_pidns "$ZINIT" grep -cE "$same_state" /proc/self/status
	assert_output 10
}

@test "the child is not changed by zinit's sandbox, then or later" {
	run in_pidns "$ZINIT" sh -c 'until grep -q "^Seccomp:.2" /proc/1/status; do sleep 0.01; done
		grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; exec cmp /proc/self/status /proc/$$/status'
	assert_success
	assert_output "$(printf 'NoNewPrivs:\t0\nSeccomp:\t0')"
}

# --no-new-privs

@test "--no-new-privs, alone and with the others" {
	same "--no-new-privs" "--no-new-privs"
	same "--no-new-privs $USER_1000 $(only +kill)" "--no-new-privs -u 1000:1000 --keep-caps kill"
	same "--no-new-privs" "--no-new-privs" setpriv $USER_1000
}

@test "--no-new-privs: a set-uid program gives nothing, without it root" {
	local who
	who=$(command -v id)
	run in_pidns sh -c 'mount -t tmpfs -o mode=755 none /mnt && cp "$0" /mnt/id && chmod 4755 /mnt/id && exec "$@" /mnt/id -u' \
		"$who" "$ZINIT" -u 1000:1000
	assert_output 0
	run in_pidns sh -c 'mount -t tmpfs -o mode=755 none /mnt && cp "$0" /mnt/id && chmod 4755 /mnt/id && exec "$@" /mnt/id -u' \
		"$who" "$ZINIT" -u 1000:1000 --no-new-privs
	assert_output 1000
}

# Names

@test "names are taken with and without cap_, in any case" {
	local name expected
	expected=$(in_pidns "$ZINIT" --keep-caps CAP_NET_BIND_SERVICE grep CapEff /proc/self/status)
	assert_equal "$expected" "$(printf 'CapEff:\t0000000000000400')"
	for name in cap_net_bind_service net_bind_service NET_BIND_SERVICE Cap_Net_Bind_Service; do
		assert_equal "$(in_pidns "$ZINIT" --keep-caps "$name" grep CapEff /proc/self/status)" "$expected"
	done
	for name in all ALL All; do
		assert_equal "$(in_pidns "$ZINIT" --drop-caps "$name" grep CapEff /proc/self/status)" \
			"$(printf 'CapEff:\t0000000000000000')"
	done
}

@test "every capability of the kernel is known by its name" {
	local name names seen=0
	names=$(capsh --decode=1ffffffffff 2>/dev/null | sed 's/.*=//') || :
	[ -n "$names" ] || skip "no capsh"
	for name in ${names//,/ }; do
		same "$(without "-${name#cap_}")" "--drop-caps $name"
		seen=$((seen + 1))
	done
	assert_equal "$seen" 41
}

@test "an unknown name is named" {
	local option
	for option in --keep-caps --drop-caps; do
		refused "$option 'frobnicate'" "$option frobnicate"
		refused "$option 'cap_frob'" "$option kill,cap_frob,chown"
		refused "$option 'killx'" "$option killx"
		refused "$option 'kil'" "$option kil"
		refused "$option 'cap_'" "$option cap_"
		refused "$option 'kill=ep'" "$option kill=ep"
		refused "$option '5'" "$option 5"
		refused "$option ''" "$option kill,"
		refused "$option ''" "$option ,kill"
		refused "$option" "$option $(printf 'x%.0s' {1..300})"
	done
	refused "--keep-caps 'all'" "--keep-caps all"
}

@test "a capability in both lists is refused" {
	refused "CAP_KILL --keep-caps --drop-caps" "--keep-caps kill --drop-caps chown,cap_kill"
}

# What is not permitted

@test "without CAP_SETPCAP the bounding set cannot be cut: it and the option are named" {
	refused "CAP_SETPCAP --drop-caps" "--drop-caps kill" setpriv --bounding-set -setpcap
	refused "CAP_SETPCAP --keep-caps" "--keep-caps kill" setpriv --bounding-set -setpcap
	# shellcheck disable=SC2046 # words
	refused "CAP_SETPCAP --keep-caps" "--keep-caps kill" $(ambient +kill)
	refused "CAP_SETPCAP --drop-caps" "--drop-caps all" setpriv $USER_1000
}

@test "a capability that zinit has not got cannot be kept, and is named" {
	refused "CAP_CHOWN --keep-caps" "--keep-caps chown" setpriv --bounding-set -chown
	refused "CAP_KILL --keep-caps" "--keep-caps kill" setpriv $USER_1000
	# shellcheck disable=SC2046 # words
	refused "CAP_CHOWN --keep-caps" "--keep-caps kill,chown" $(ambient +kill,+setpcap)
}

@test "one that is permitted, but not in the bounding set, cannot be made inheritable" {
	need_command capsh
	refused "CAP_CHOWN --keep-caps" "--keep-caps chown" capsh --drop=cap_chown -- -c 'exec "$@"' -
}

@test "securebits that forbid ambient capabilities are an error that says so" {
	need_command capsh
	refused "--keep-caps securebits" "--keep-caps chown" capsh --secbits=0x40 -- -c 'exec "$@"' -
}

@test "a step that the kernel refuses in the child starts nothing, and is named" {
	need_traced_injection
	local inject seen=0
	# retval=0: the call says yes and does nothing.
	for inject in capset:error=EPERM:when=1 capset:error=EPERM:when=2 setgroups:error=EPERM \
		setgroups:retval=0 setresgid:error=EPERM setresgid:retval=0 setresuid:error=EPERM \
		setresuid:retval=0; do
		run --separate-stderr in_pidns setpriv --groups 7 strace -f -qq -o /dev/null -e "inject=$inject" \
			"$ZINIT" --no-sandbox -u 1000:1000 --keep-caps kill -- echo started
		assert_failure 125
		assert_output ""
		assert_one_line "$stderr" "cannot "
		assert_one_line "$stderr" "Operation not permitted"
		seen=$((seen + 1))
	done
	assert_equal "$seen" 8
}

# Where it is used

@test "an ordinary user in a user namespace may use all of it inside" {
	run setpriv $USER_1000 unshare -Ur "$ZINIT" --keep-caps kill --no-new-privs \
		grep -E '^(CapBnd|CapEff|CapAmb|NoNewPrivs):' /proc/self/status
	assert_success
	assert_output "$(printf 'CapEff:\t%s\nCapBnd:\t%s\nCapAmb:\t%s\nNoNewPrivs:\t1' \
		0000000000000020 0000000000000020 0000000000000020)"
}

@test "under systemd's AmbientCapabilities= the program has them" {
	# shellcheck disable=SC2046 # words
	run in_pidns $(ambient +net_bind_service) "$ZINIT" sh -c 'until grep -q "^Seccomp:.2" /proc/1/status; do
		sleep 0.01; done; grep CapEff /proc/self/status'
	assert_output "$(printf 'CapEff:\t0000000000000400')"
}
