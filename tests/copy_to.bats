#!/usr/bin/env bats
# --copy-to: how zinit gets into an image that has no cp.

load lib

# Most need no namespace, so that they run where an image is built, too.
setup() {
	trace_test_only
	COPY=$BATS_TEST_TMPDIR/copy
	mkdir "$BATS_TEST_TMPDIR/to"
	TO=$BATS_TEST_TMPDIR/to
}

assert_is_zinit() {
	cmp "$ZINIT" "$1"
	assert_equal "$(stat -c %a "$1")" 755
	run -3 "$1" -- sh -c 'exit 3'
}

# Nothing may lie in the folder but what is named.
assert_holds() {
	local dir=$1
	shift
	assert_equal "$(ls -A "$dir")" "$(printf '%s\n' "$@")"
}

@test "the copy is zinit, mode 0755, and works" {
	run -0 "$ZINIT" --copy-to "$TO/init"
	assert_output ""
	assert_is_zinit "$TO/init"
	assert_holds "$TO" init
}

@test "the mode does not depend on the umask" {
	(umask 0777 && "$ZINIT" --copy-to "$TO/init")
	assert_is_zinit "$TO/init"
}

@test "into a folder it is copied as zinit" {
	run -0 "$ZINIT" --copy-to "$TO"
	assert_is_zinit "$TO/zinit"
	run -0 "$ZINIT" --copy-to="$TO/"
	assert_holds "$TO" zinit
}

@test "a relative path counts from where zinit was started" {
	cd "$TO"
	run -0 "$ZINIT" --copy-to here
	assert_is_zinit "$TO/here"
}

@test "a copy can copy itself, by any name" {
	"$ZINIT" --copy-to "$TO/one"
	run -0 "$TO/one" --copy-to "$TO/two"
	rm "$TO/one"
	assert_is_zinit "$TO/two"
}

@test "a copy that runs can be replaced, and goes on running" {
	"$ZINIT" --copy-to "$COPY"
	ln "$COPY" "$TO/old"
	mkfifo "$TO/fifo"
	# shellcheck disable=SC2016
	"$COPY" -- sh -c 'read -r status <"$0"; exit "$status"' "$TO/fifo" 3>&- &
	_started+=($!)
	run -0 "$ZINIT" --copy-to "$COPY"
	run ! test "$COPY" -ef "$TO/old"
	cmp "$TO/old" "$ZINIT"
	assert_is_zinit "$COPY"
	echo 7 >"$TO/fifo"
	status=0
	wait "${_started[0]}" || status=$?
	assert_equal "$status" 7
}

@test "a link is replaced, and not what it leads to" {
	echo precious >"$TO/file"
	ln -s file "$TO/link"
	run -0 "$ZINIT" --copy-to "$TO/link"
	assert_equal "$(<"$TO/file")" precious
	[ ! -L "$TO/link" ]
	assert_is_zinit "$TO/link"
}

@test "what a killed copy has left is not in the way, though the next one has its PID" {
	need_namespaces
	for _ in 1 2; do
		in_pidns sh -c "ulimit -f 8 && exec $ZINIT --copy-to $TO/init" 2>/dev/null || :
		[ ! -e "$TO/init" ]
	done
	run -0 as_pid1 --copy-to "$TO/init"
	assert_is_zinit "$TO/init"
}

@test "many at once, all PID 1 of their namespaces, do not spoil it" {
	need_namespaces
	local pids=() pid
	for _ in {1..8}; do
		"$HELPERS/pidns" "$ZINIT" --copy-to "$TO/init" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	assert_is_zinit "$TO/init"
	assert_holds "$TO" init
}

@test "any user may do it, where it may write" {
	need_root "other users"
	open_to_all
	chmod 777 "$TO"
	cp "$ZINIT" "$COPY"
	cd /
	run -0 setpriv --reuid 65532 --regid 65532 --clear-groups --inh-caps=-all --bounding-set=-all \
		"$COPY" --copy-to "$TO/init"
	assert_is_zinit "$TO/init"
	assert_equal "$(stat -c %u:%g "$TO/init")" 65532:65532
}

@test "nothing else is written: a read-only root will do" {
	need_namespaces
	run -0 in_pidns sh -c '
		mount -t tmpfs none /mnt && mount -o remount,bind,ro / / 2>/dev/null
		"$0" --copy-to /mnt/init && cmp "$0" /mnt/init && ls -A /mnt' "$ZINIT"
	assert_output init
}

@test "it needs no /tmp, no shell and no /dev" {
	need_root chroot
	cp "$ZINIT" "$TO/zinit"
	need_namespaces
	mkdir "$TO/proc" "$TO/out"
	run -0 in_pidns sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /zinit --copy-to /out' "$TO"
	assert_is_zinit "$TO/out/zinit"
}

@test "a disk that is full is one error, and nothing is left" {
	need_namespaces
	run -0 in_pidns sh -c '
		mount -t tmpfs -o size=16k none /mnt && echo old >/mnt/init || exit 99
		"$0" --copy-to /mnt/init; echo $?; ls -A /mnt; cat /mnt/init' "$ZINIT"
	assert_line --index 0 --regexp "^zinit\[.*\]: error: cannot write '/mnt/init': No space left on device\$"
	assert_equal "${lines[*]:1}" "125 init old"
}

@test "where it cannot write, one line names the path and the reason" {
	run -125 "$ZINIT" --copy-to "$TO/missing/init"
	assert_one_line "$output" "$TO/missing/init"
	assert_output --partial "No such file or directory"
	run -125 "$ZINIT" --copy-to /proc/init
	assert_one_line "$output" /proc/init
	touch "$TO/file"
	run -125 "$ZINIT" --copy-to "$TO/file/init"
	assert_one_line "$output" "Not a directory"
	run -125 "$ZINIT" --copy-to "$TO/$(printf '%0256d' 0)"
	assert_one_line "$output" "Filename too long"
	run -125 "$ZINIT" --copy-to "/$(printf '%05000d' 0)"
	assert_one_line "$output" "cannot write '/000"
	assert_holds "$TO" file
}

@test "a user who may not write gets an error" {
	need_root "other users"
	open_to_all
	chmod 755 "$TO"
	cp "$ZINIT" "$COPY"
	cd /
	run -125 setpriv --reuid 65532 --regid 65532 --clear-groups "$COPY" --copy-to "$TO/init"
	assert_one_line "$output" "Permission denied"
	run ! ls "$TO/init"
}

@test "a PROGRAM, an empty PATH and no PATH are usage errors" {
	run -125 "$ZINIT" --copy-to "$TO/init" true
	assert_line --index 0 --partial "--copy-to"
	run -125 "$ZINIT" --copy-to
	assert_line --index 0 --partial "--copy-to"
	run -125 "$ZINIT" --copy-to ""
	assert_line --index 0 --partial "--copy-to"
	assert_equal "$(ls -A "$TO")" ""
}
