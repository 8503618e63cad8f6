# What the Makefile promises: one static binary, the same from every folder, made anew only when
# something changed, refused when it is not what it should be.

load lib

setup() {
	trace_test_only
	unset CI WERROR BUILD MAKEFLAGS
	need_command readelf
}

# A copy of what is needed to build, with libcap, which is not fetched again.
copy_tree() {
	mkdir -p "$1/build/libcap" "$1/tests" "$1/docker"
	cp -R "$REPO/init" "$REPO/Makefile" "$REPO/LICENSE" "$1/"
	cp "$REPO"/tests/{deps,libcap,source} "$1/tests/"
	cp "$REPO/docker/completions" "$1/docker/"
	test ! -f "$REPO/build/libcap/libcap.a" ||
		cp -R "$REPO/build/libcap/libcap.a" "$REPO/build/libcap/include" "$1/build/libcap/"
}

# For the tests that are about the Makefile and not about zinit: a program of two files.
copy_small_tree() {
	copy_tree "$1"
	rm -f "$1"/init/*.[ch] "$1"/init/*.1
	echo 'int main(void) { return 0; }' >"$1/init/main.c"
	echo 'const char options[] = ZINIT_VERSION ZINIT_COMMIT;' >"$1/init/options.c"
	echo '.Dd today' >"$1/init/zinit.1"
}

@test "the binary is static, without an executable stack, with RELRO, and stripped" {
	run -0 readelf -lW "$ZINIT"
	refute_output --partial INTERP
	assert_output --regexp 'GNU_STACK.* RW '
	assert_output --partial GNU_RELRO
	refute_output --regexp 'LOAD.* RWE '
	run -0 readelf -hW "$ZINIT"
	assert_output --regexp 'Type: +EXEC '
	run -0 readelf -SW "$ZINIT"
	refute_output --regexp '\.(symtab|debug_info|dynamic|interp|comment) '
}

@test "two builds in two folders are bit-identical" {
	first=$BATS_TEST_TMPDIR/first second=$BATS_TEST_TMPDIR/a/second-with-a-longer-name
	copy_tree "$first"
	copy_tree "$second"
	make -s -C "$first" V=1 VERSION=1 COMMIT= >/dev/null
	(umask 077 && TZ=Asia/Tokyo make -s -j2 -C "$second" V=1 VERSION=1 COMMIT= >/dev/null)
	test -s "$first/build/zinit"
	cmp "$first/build/zinit" "$second/build/zinit"
	cmp "$first/build/zinit.debug" "$second/build/zinit.debug"
}

@test "a build after which nothing changed makes nothing" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	run -0 make
	assert_output --partial 'link    build/zinit.debug'
	run -0 make
	assert_output ""
}

@test "a change of the version compiles what shows it, and nothing else" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	make >/dev/null
	run -0 make VERSION=2.0
	assert_output --partial 'compile build/obj/options.o'
	refute_output --partial main.o
}

@test "a source that goes is not linked any longer" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	make >/dev/null
	cp build/zinit before
	echo 'int getppid(void); __attribute__((constructor)) static void f(void) { getppid(); }' \
		>init/more.c
	make >/dev/null
	run ! cmp -s build/zinit before
	rm init/more.c
	make >/dev/null
	cmp build/zinit before
}

@test "what is not static, has an executable stack or another libc's symbols is refused" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	run make own_ldflags=-no-pie
	assert_failure
	assert_output --partial "interpreter"
	run make LDFLAGS=-Wl,-z,execstack
	assert_failure
	assert_output --partial "stack is executable"
	run make LDFLAGS=-Wl,-z,norelro
	assert_failure
	assert_output --partial "no RELRO"
	echo 'int __read_chk(void); int __read_chk(void) { return 0; }
		__attribute__((constructor)) static void f(void) { __read_chk(); }' >init/more.c
	run make CFLAGS=-O0
	assert_failure
	assert_output --partial "another libc's"
	test ! -e build/zinit
}

@test "warnings are errors in CI" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	echo 'int warned(void) { return 0; }' >init/more.c
	run -0 make
	assert_output --partial "no previous prototype"
	CI=true run make
	assert_failure
}

@test "what is missing is named with its cure" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	run make MUSL_CC=no-such-musl-gcc
	assert_failure
	assert_line 'no-such-musl-gcc is missing: run `make deps`'
	rm -r build/libcap
	run make LIBCAP=
	assert_failure
	assert_line 'libcap for musl is missing: run `make deps`'
}

@test "make deps does nothing, and quickly, when all is there" {
	copy_small_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	mkdir bin
	for manager in apt-get apk dnf sudo; do
		printf '#!/bin/sh\nexit 1\n' >bin/$manager
	done
	chmod +x bin/*
	SECONDS=0
	PATH=$PWD/bin:$PATH run make deps
	if [ "$status" != 0 ] && command -v dpkg >/dev/null; then
		# shellcheck disable=SC2086 # words
		dpkg -s ${output##*--no-install-recommends} >/dev/null 2>&1 ||
			skip "the packages are not all there"
	fi
	assert_success
	assert_output ""
	assert [ $SECONDS -lt 10 ]
}

@test "make install and uninstall: PREFIX, DESTDIR, the peers' names" {
	copy_tree "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	run -0 make install DESTDIR="$PWD/root" PREFIX=/opt
	cmp build/zinit root/opt/bin/zinit
	cmp init/zinit.1 root/opt/share/man/man1/zinit.1
	bash -n root/opt/share/bash-completion/completions/zinit
	assert_file_not_empty root/opt/share/zsh/site-functions/_zinit_init
	assert_file_not_empty root/opt/share/fish/vendor_completions.d/zinit.fish
	for name in tini docker-init dumb-init catatonit; do
		assert [ -L root/opt/libexec/zinit/$name ]
		cmp build/zinit root/opt/libexec/zinit/$name
	done
	run -0 make uninstall DESTDIR="$PWD/root" PREFIX=/opt
	run -0 find root ! -type d
	assert_output ""
}

@test "make help names every target that others are told of" {
	run -0 make -C "$REPO" --no-print-directory help
	for target in deps demo test check install uninstall trace bench clean; do
		assert_output --regexp "make $target +[a-z]"
	done
}

@test "the manual page renders as text, HTML and PDF" {
	need_command mandoc
	cd "$BATS_TEST_TMPDIR"
	for form in utf8 html pdf; do
		run -0 --separate-stderr mandoc -T $form "$REPO/init/zinit.1"
		assert_equal "$stderr" ""
	done
	mandoc -T html "$REPO/init/zinit.1" >page.html
	grep -q '<h1.*NAME' page.html
	grep -q 'grace-signal' page.html
	mandoc -T pdf "$REPO/init/zinit.1" >page.pdf
	assert_equal "$(head -c 5 page.pdf)" "%PDF-"
}
