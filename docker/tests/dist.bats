#!/usr/bin/env bats
# The release's files (docker/dist), for this machine's processor: made twice, looked at, installed.

load engine

setup_file() {
	[ -n "${REPO:-}" ] || REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export DIST=$BATS_FILE_TMPDIR/dist NATIVE
	NATIVE=$(dpkg --print-architecture)
	build "$DIST" "$REPO"
}

# $1: where to; $2: the tree
build() {
	(cd "$2" && DIST=$1 VERSION=1.2.3 COMMIT=0123456789abcdef0123456789abcdef01234567 \
		ARCHES=$NATIVE SOURCE_DATE_EPOCH=1700000000 docker/dist) >"$1.log" 2>&1 ||
		{ cat "$1.log" >&2; return 1; }
}

@test "it has a binary, a package, the source, a bill of materials, and sums of all that are right" {
	run -0 ls "$DIST"
	assert_output "$(printf '%s\n' SHA256SUMS "zinit-1.2.3-linux-$NATIVE" zinit-1.2.3.spdx.json \
		zinit-1.2.3.tar.gz "zinit_1.2.3_$NATIVE.deb")"
	(cd "$DIST" && sha256sum --check --strict --quiet SHA256SUMS)
	assert_equal "$(wc -l <"$DIST/SHA256SUMS")" 4
	run -0 "$DIST/zinit-1.2.3-linux-$NATIVE" --version
	assert_output "zinit 1.2.3"
}

@test "made a second time, elsewhere and otherwise, it is bit-identical" {
	mkdir a-longer-name
	# A copy of the tree as it is in the release, with what make deps built
	tar -xzf "$DIST/zinit-1.2.3.tar.gz"
	mkdir zinit-1.2.3/build
	cp -R "$REPO/build/libcap" zinit-1.2.3/build/
	touch zinit-1.2.3/init/*
	(umask 077 && TZ=Asia/Tokyo LANG=C.UTF-8 build "$PWD/a-longer-name/dist" zinit-1.2.3)
	diff -r "$DIST" a-longer-name/dist
	[ -s a-longer-name/dist/SHA256SUMS ]
}

@test "the source archive builds what the release has" {
	tar -xzf "$DIST/zinit-1.2.3.tar.gz"
	cd zinit-1.2.3
	mkdir build
	cp -R "$REPO/build/libcap" build/
	env -u BUILD -u MAKEFLAGS make -s
	run -0 build/zinit --version
	assert_output "zinit 1.2.3"
	cmp build/zinit "$DIST/zinit-1.2.3-linux-$NATIVE"
}

@test "lintian has nothing to say about the package" {
	need_command lintian
	run -0 lintian --allow-root --fail-on error,warning "$DIST"/*.deb
	refute_output --regexp '^[EW]:'
}

@test "the package installs in Debian, works, and goes without a trace" {
	run -0 docker_run --rm -v "$DIST:/dist:ro" debian:bookworm-slim sh -ec '
		find / -xdev ! -path "/proc/*" ! -path "/var/lib/dpkg/*" ! -path "/var/log/*" | sort >/tmp/before
		dpkg -i /dist/*.deb >/dev/null
		zinit --version
		/usr/libexec/zinit/tini -s -- echo works
		dpkg --verify zinit
		dpkg -s zinit | grep ^Version
		dpkg -P zinit >/dev/null
		find / -xdev ! -path "/proc/*" ! -path "/var/lib/dpkg/*" ! -path "/var/log/*" ! -name after | sort >/tmp/after
		diff /tmp/before /tmp/after'
	assert_output $'zinit 1.2.3\nworks\nVersion: 1.2.3'
}

@test "the bill of materials names every file with its sums, musl and libcap" {
	spdx=$DIST/zinit-1.2.3.spdx.json
	run -0 jq -r '.spdxVersion, .dataLicense, .creationInfo.created' "$spdx"
	assert_output $'SPDX-2.3\nCC0-1.0\n2023-11-14T22:13:20Z'
	jq -r '.files[] | .fileName as $name | .checksums[] | select(.algorithm == "SHA256") |
		"\(.checksumValue)  \($name)"' "$spdx" >sums
	assert_equal "$(wc -l <sums)" 3
	(cd "$DIST" && sha256sum --check --quiet) <sums
	# What relations name exists, and no identity twice.
	jq -e '[.SPDXID, .packages[].SPDXID, .files[].SPDXID] as $all |
		($all | length) == ($all | unique | length) and
		all(.relationships[]; (.spdxElementId, .relatedSpdxElement) | IN($all[])) and
		([.packages[].name] | sort) == ["libcap", "musl", "zinit"] and
		all(.packages[]; .versionInfo != "" and .licenseDeclared != "" and .downloadLocation != "")' \
		"$spdx"
}
