# zinit: `make help` lists the targets. Everything that is built goes to $(BUILD).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
export LC_ALL := C

# Cross building: ARCH is Debian's name of a processor. Only on the command line: other build
# systems have a variable of that name in the environment.
triplet_amd64   := x86_64-linux-gnu
triplet_arm64   := aarch64-linux-gnu
triplet_armhf   := arm-linux-gnueabihf
triplet_i386    := i686-linux-gnu
triplet_ppc64el := powerpc64le-linux-gnu
triplet_riscv64 := riscv64-linux-gnu
triplet_s390x   := s390x-linux-gnu
ARCHES          := $(patsubst triplet_%,%,$(filter triplet_%,$(.VARIABLES)))
native          := $(shell dpkg --print-architecture 2>/dev/null)
cross           :=
ifeq ($(origin ARCH),command line)
ifneq ($(ARCH),$(native))
cross := $(triplet_$(ARCH))
ifeq ($(cross),)
$(error ARCH=$(ARCH): there are $(sort $(ARCHES)))
endif
endif
endif

BUILD  ?= build$(if $(cross),/$(ARCH))
PREFIX ?= /usr/local

# What deps installs decides how the rest is built (which compiler there is), so the other goals
# are read anew once it is done: `make deps test` is right with -j, too.
DEPS := $(filter deps deps-%,$(MAKECMDGOALS))
REST := $(filter-out $(DEPS),$(MAKECMDGOALS))
ifneq ($(and $(DEPS),$(REST)),)

.PHONY: $(REST) rest
$(REST): rest ; @:
rest: $(DEPS) ; @+$(MAKE) --no-print-directory $(REST)

else

# Compiler: musl's wrapper, or the native compiler where that is musl's
ifneq ($(cross),)
MUSL_CC        ?= $(abspath $(BUILD))/musl/bin/musl-gcc
KERNEL_HEADERS ?= $(BUILD)/kernel-headers
KERNEL_INCLUDE ?= /usr/$(cross)/include
LIBCAP         ?= $(wildcard build/libcap/source)
STRIP          ?= $(cross)-strip
READELF        ?= $(cross)-readelf
NM             ?= $(cross)-nm
export AR      := $(cross)-ar
export RANLIB  := $(cross)-ranlib
else ifneq ($(findstring musl,$(shell $(CC) -dumpmachine 2>/dev/null)),)
MUSL_CC        ?= $(CC)
KERNEL_HEADERS ?=
LIBCAP         ?= -lcap
else
MUSL_CC        ?= musl-gcc
KERNEL_HEADERS ?= $(BUILD)/kernel-headers
LIBCAP         ?=
endif
KERNEL_INCLUDE ?= /usr/include
STRIP          ?= strip
READELF        ?= readelf
NM             ?= nm
HOST_CC        ?= $(CC)

ifeq ($(LIBCAP),-lcap)
libcap :=
LDLIBS := -lcap
else
libcap := $(BUILD)/libcap/libcap.a
LDLIBS := $(libcap)
endif

# Version: from git's tags; the commit is what `docker info` shows
ifneq ($(wildcard .git),)
git     := GIT_OPTIONAL_LOCKS=0 git
VERSION ?= $(patsubst v%,%,$(or $(shell \
	$(git) describe --tags --match 'v[0-9]*' --abbrev=12 --dirty 2>/dev/null),$(addprefix \
	0.1.0-,$(shell $(git) describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null)),0.1.0))
COMMIT  ?= $(shell $(git) rev-parse --verify -q HEAD 2>/dev/null)
else
# A source archive has a file with both words.
VERSION ?= $(or $(word 1,$(file <.version)),0.1.0)
COMMIT  ?= $(word 2,$(file <.version))
endif
VERSION := $(VERSION)
COMMIT  := $(COMMIT)

# Flags: CFLAGS and LDFLAGS may be given, the rest is zinit's own
warnings := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wundef -Wstrict-prototypes \
	-Wmissing-prototypes -Wmissing-declarations -Wold-style-definition -Wvla \
	-Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings -Wcast-align -Wduplicated-cond \
	-Wduplicated-branches -Wlogical-op -Wnested-externs
ifneq ($(filter true 1,$(CI) $(WERROR)),)
werror := -Werror
endif
CFLAGS       ?= -Os -g
own_cppflags := -I$(BUILD)/gen $(if $(libcap),-isystem $(BUILD)/libcap/include) \
	$(if $(KERNEL_HEADERS),-idirafter $(KERNEL_HEADERS)) -D_GNU_SOURCE
# Not even -Os leaves out two optimizations that copy code: 860 bytes of zinit.
own_cflags   := -std=gnu11 -fno-pie -ffunction-sections -fdata-sections \
	-fstack-protector --param=ssp-buffer-size=64 -fno-thread-jumps -fno-ipa-cp \
	-fno-asynchronous-unwind-tables -fno-unwind-tables \
	-ffile-prefix-map=$(CURDIR)=. $(warnings) $(werror)
# -static-pie is no choice: musl-gcc 1.2.3 takes it and makes a dynamic program.
own_ldflags  := -static -no-pie -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,relro,-z,now \
	-Wl,-z,noexecstack -Wl,-z,noseparate-code \
	-Wl,-T,init/layout.ld

version_macros = -DZINIT_VERSION='"$(VERSION)"' -DZINIT_COMMIT='"$(COMMIT)"'
compile        = $(MUSL_CC) $(own_cppflags) $(CPPFLAGS) $(own_cflags) $(CFLAGS)
link           = $(MUSL_CC) $(own_cflags) $(CFLAGS) -flto $(own_ldflags) $(LDFLAGS) $(objects) \
	$(LDLIBS)

sources := $(wildcard init/*.c)
objects := $(sources:init/%.c=$(BUILD)/obj/%.o)
# Compiled as one by the linker's plugin, but for those whose place init/layout.ld settles by name.
placed  := clock forward main pages reap signals supervise
lto     := $(filter-out $(placed:%=$(BUILD)/obj/%.o),$(objects))
helpers := $(patsubst tests/helpers/%.c,$(BUILD)/tests/%,$(wildcard tests/helpers/*.c))
scripts  = $(shell find .ci tests docker -type f \( -name '*.bash' -o -name '*.bats' -o -exec \
	sh -c 'head -n 1 "$$1" | grep -qE "^.!.*[/ ](ba|da)?sh( |\$$)"' - {} \; \) -print)

export ZINIT   := $(abspath $(BUILD)/zinit)
export HELPERS := $(abspath $(BUILD)/tests)
export BUILD MUSL_CC KERNEL_HEADERS LIBCAP

# The command as it runs with V=1, else what it is about.
ifeq ($(V),1)
say = @printf '%s\n' '$(subst ','\'',$(2))'; $(2)
else
say = @printf '%-7s %s\n' '$(1)' $@; $(2)
endif

missing = { echo "$(1) is missing: run \`make deps\`" >&2; exit 1; }
needs   = command -v $(firstword $(1)) >/dev/null || $(call missing,$(firstword $(1)))
part    = test -x $(1) || { echo "$(1) is not there" >&2; exit 1; }

.PHONY: all helpers demo trace bench pictures test test-docker test-cross dist check install \
	uninstall clean distclean help compiler FORCE

all: $(BUILD)/zinit ## build zinit (build/zinit)

$(BUILD)/zinit: $(BUILD)/zinit.debug
	$(call say,strip,$(STRIP) --strip-all --remove-section=.comment -o $@.new $<)
	@$(READELF) -lW $@.new >$@.elf
	@if grep -q INTERP $@.elf; then echo "zinit has an interpreter: it is not static" >&2; exit 1; fi
	@if ! grep -q 'GNU_STACK.* RW ' $@.elf; then echo "zinit's stack is executable" >&2; exit 1; fi
	@if ! grep -q GNU_RELRO $@.elf; then echo "zinit has no RELRO segment" >&2; exit 1; fi
	@if grep 'LOAD.* RWE ' $@.elf; then echo "zinit has a writable and executable segment" >&2; exit 1; fi
	@if $(NM) $< | grep -E ' U |_chk$$'; then \
		echo "zinit has undefined symbols, or another libc's" >&2; exit 1; fi
	@rm $@.elf
	@mv $@.new $@

$(BUILD)/zinit.debug: $(objects) $(libcap) $(BUILD)/gen/link init/layout.ld
	$(call say,link,$(link) -o $@)

$(BUILD)/obj/%.o: init/%.c $(BUILD)/gen/flags | compiler $(KERNEL_HEADERS) $(libcap)
	@mkdir -p $(@D)
	$(call say,compile,$(compile) -MMD -MP -c -o $@ $<)

$(lto): own_cflags += -flto

versioned := $(BUILD)/obj/options.o $(BUILD)/obj/compat.o
$(versioned): own_cppflags += $(version_macros)
$(versioned): $(BUILD)/gen/version
$(objects): | $(BUILD)/gen/license.h

$(BUILD)/gen/license.h: LICENSE
	@mkdir -p $(@D)
	@{ echo 'static const char LICENSE_TEXT[] ='; \
	sed 's/[\\"]/\\&/g; s/.*/	"&\\n"/' $<; echo '	;'; } >$@

# Written only when the content changes, so that what depends on it is made again only then.
$(BUILD)/gen/version: content = $(VERSION) $(COMMIT)
$(BUILD)/gen/flags: content = $(compile)
$(BUILD)/gen/link: content = $(link)
$(BUILD)/gen/version $(BUILD)/gen/flags $(BUILD)/gen/link: FORCE
	@mkdir -p $(@D)
	@test "$$(cat $@ 2>/dev/null)" = '$(content)' || echo '$(content)' >$@

compiler:
	@$(call needs,$(MUSL_CC))
	@$(if $(sources),:,{ echo "init/ has no C file" >&2; exit 1; })

# musl-gcc leaves /usr/include out, as glibc's headers are there; the kernel's are wanted.
$(BUILD)/kernel-headers:
	@test -f $(KERNEL_INCLUDE)/linux/capability.h || $(call missing,linux/capability.h (linux-libc-dev))
	@mkdir -p $(BUILD); rm -rf $@.new; mkdir $@.new
	@ln -s $(KERNEL_INCLUDE)/linux $(KERNEL_INCLUDE)/asm-generic $@.new/
	@multiarch=$(KERNEL_INCLUDE)/$$($(firstword $(CC)) -print-multiarch)/asm; \
	test $(if $(cross),,-d $$multiarch) || multiarch=$(KERNEL_INCLUDE)/asm; \
	ln -s $$multiarch $@.new/asm
	@mv $@.new $@

ifneq ($(cross),)
$(MUSL_CC):
	@$(if $(filter libcap,$(MAKECMDGOALS)),SOURCE=build/musl tests/musl $(cross), \
		{ echo "musl for $(ARCH) is missing: run \`make deps-cross\`" >&2; exit 1; })
$(libcap) compiler: | $(MUSL_CC)
endif

ifneq ($(libcap),)
$(libcap): | $(KERNEL_HEADERS)
	@$(if $(filter libcap,$(MAKECMDGOALS))$(LIBCAP),tests/libcap,$(call missing,libcap for musl))
endif
.PHONY: libcap
libcap: $(libcap) ; @:

helpers: $(helpers) ## build the tests' helpers (build/tests/)

# A helper is the demonstration's program, too, or runs where there is no libc: its first line
# says `build: musl-static` then.
$(BUILD)/tests/%: tests/helpers/%.c | $(KERNEL_HEADERS)
	@mkdir -p $(@D)
	@$(call needs,$(HOST_CC))
	@if head -n 1 $< | grep -q 'build: musl-static'; then \
		set -- $(MUSL_CC) -static -no-pie -fno-pie \
			$(if $(KERNEL_HEADERS),-idirafter $(KERNEL_HEADERS)); \
	else \
		set -- $(HOST_CC) -pthread; \
	fi; \
	set -- "$$@" -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra $(werror) -MMD -MP -MF $@.d \
		-o $@ $<; \
	$(if $(filter 1,$(V)),echo "$$*",printf '%-7s %s\n' compile $@); "$$@"

ready := $(BUILD)/zinit helpers

demo: $(ready) ## show an init's work on real zombies
	@$(call part,tests/demo/run)
	@tests/demo/run

trace: $(ready) ## show the kernel's side of one zombie
	@$(call part,tests/demo/trace)
	@tests/demo/trace

bench: $(ready) ## measure zinit beside its peers (make deps-bench first)
	@$(call part,tests/bench/run)
	@tests/bench/run

pictures: $(ready) ## draw the README's pictures anew
	@set -e; for script in tests/demo/picture tests/bench/plots; do \
		test ! -x $$script || $$script; done

test: $(ready) ## run the tests; T=reaping runs one file, JOBS=N that many at a time
	@tests/run $(T)

test-docker: $(ready) ## run the tests that need Docker and podman (make deps-docker first)
	@$(call part,docker/test)
	@docker/test

test-cross: ## build and test for other processors (make deps-cross first)
	@$(call part,docker/test-cross)
	@docker/test-cross

dist: ## make the release's files, for every processor (make deps-cross first)
	@$(call part,docker/dist)
	@VERSION='$(VERSION)' COMMIT='$(COMMIT)' ARCHES="$${ARCHES:-$(sort $(ARCHES))}" docker/dist

# Checks: each fails the target; `make -k check` runs the others all the same
checks := check-shell check-format check-man check-cppcheck check-analyzer check-tidy
.PHONY: $(checks)
check: $(checks) ## look at the source with linters and analyzers

c_files := $(wildcard init/*.[ch] tests/helpers/*.[ch] tests/bench/*.[ch])

# bats sets variables in its tests (stderr, for one) that shellcheck does not know, and what tests
# start is often `sh -c '... $x ...'`.
check-shell:
	@$(call needs,shellcheck)
	shellcheck -x -P SCRIPTDIR $(filter-out %.bats,$(sort $(scripts)))
	shellcheck -x -P SCRIPTDIR -e SC2154,SC2016 $(filter %.bats,$(sort $(scripts)))

check-format:
	@$(call needs,clang-format)
	clang-format --dry-run -Werror $(c_files)

check-man:
	@$(call needs,mandoc)
	mandoc -Tlint -Wwarning init/zinit.1

# Suppressed: what the compilers' analyzers see better (variables), and what is no fault (a buffer
# that setvbuf keeps, readdir).
check-cppcheck: | $(KERNEL_HEADERS) $(libcap) $(BUILD)/gen/license.h
	@$(call needs,cppcheck)
	cppcheck --quiet --std=c11 --library=posix --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=legacyUninitvar \
		--suppress=leakNoVarFunctionCall --suppress=readdirCalled --error-exitcode=1 \
		-D_GNU_SOURCE $(version_macros) -I$(BUILD)/gen $(sources) $(wildcard tests/helpers/*.c)

analyzed := $(sources:init/%.c=$(BUILD)/analyzed/%.o)
check-analyzer: $(analyzed)
$(BUILD)/analyzed/%.o: init/%.c $(BUILD)/gen/flags $(BUILD)/gen/license.h | compiler $(KERNEL_HEADERS) $(libcap)
	@mkdir -p $(@D)
	$(call say,analyze,$(compile) $(version_macros) -fanalyzer -Werror -MMD -MP -c -o $@ $<)

# clang has no specs of musl's: it gets the folders that the musl compiler looks into.
musl_include = $(addprefix -isystem ,$(shell $(MUSL_CC) -E -v -x c /dev/null 2>&1 >/dev/null | \
	sed -n '/^.include <\.\.\.>/,/^End/s/^ //p' | grep -v /gcc/))
# One file at a time: of several, clang-tidy 14 takes each va_list parameter for uninitialized.
tidied := $(sources:init/%.c=$(BUILD)/tidied/%)
check-tidy: $(tidied)
$(BUILD)/tidied/%: init/%.c .clang-tidy $(wildcard init/*.h init/*.def) $(BUILD)/gen/flags \
		$(BUILD)/gen/license.h | compiler $(KERNEL_HEADERS) $(libcap)
	@mkdir -p $(@D)
	@$(call needs,clang-tidy)
	$(call say,tidy,clang-tidy --quiet $< -- -std=gnu11 -nostdlibinc $(musl_include) \
		$(own_cppflags) $(version_macros) -Wall -Wextra -Wshadow 2>$@.err || \
		{ cat $@.err; exit 1; })
	@touch $@

# Installing
links := tini docker-init dumb-init catatonit
libexec := $(DESTDIR)$(PREFIX)/libexec/zinit
share := $(DESTDIR)$(PREFIX)/share
# The shells' completions; zsh's is not _zinit, as a plugin manager for zsh has one of that name.
completions := bash:bash-completion/completions/zinit zsh:zsh/site-functions/_zinit_init \
	fish:fish/vendor_completions.d/zinit.fish
completion_files := $(foreach c,$(completions),$(share)/$(word 2,$(subst :, ,$c)))
install: $(BUILD)/zinit ## install zinit, its manual page, completions, the peers' names (PREFIX, DESTDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(share)/man/man1 $(libexec) $(dir $(completion_files))
	install -m 755 $(BUILD)/zinit $(DESTDIR)$(PREFIX)/bin/zinit
	install -m 644 init/zinit.1 $(share)/man/man1/zinit.1
	set -e; for c in $(completions); do \
		docker/completions $${c%%:*} >$(share)/$${c#*:}; chmod 644 $(share)/$${c#*:}; done
	for name in $(links); do ln -sf ../../bin/zinit $(libexec)/$$name || exit; done

uninstall: ## take out what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/zinit $(share)/man/man1/zinit.1 $(completion_files)
	rm -f $(addprefix $(libexec)/,$(links))
	test ! -d $(libexec) || rmdir --ignore-fail-on-non-empty $(libexec)

clean: ## take out what was built, but what `make deps` and its like built
	@test ! -d $(BUILD) || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name libcap ! -name musl \
		$(ARCHES:%=! -name %) -exec rm -rf {} +

distclean: ## take out everything that was built
	rm -rf $(BUILD)

help: ## list the targets; V=1 shows the commands of any
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1@\2/p' Makefile | \
	awk -F@ '{ printf "make %-12s %s\n", $$1, $$2 }'

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/analyzed/*.d $(BUILD)/tests/*.d)

endif

# Dependencies
.PHONY: deps deps-build deps-test deps-bench deps-docker deps-cross
deps: deps_parts = build test check
deps-build: deps_parts = build
deps-test: deps_parts = build test
deps: ## install what building and testing need, and build libcap for musl
deps-build: ## the same for building alone
deps-test: ## the same for building and testing, without what `make check` needs
deps deps-build deps-test:
	@tests/deps $(deps_parts)
	@+$(MAKE) --no-print-directory libcap
# After `sudo make deps` the user who builds next owns what is there.
	@test -z "$$SUDO_UID" -o ! -d $(BUILD) || chown -R "$$SUDO_UID:$$SUDO_GID" $(BUILD)

deps-bench: ## install what `make bench` needs
	@tests/deps bench

deps-docker: ## install what `make test-docker` needs
	@tests/deps docker

deps-cross: deps-build
deps-cross: ## install what `make ARCH=...`, `make test-cross` and `make dist` need
	@tests/deps cross
	@+set -e; for arch in $(filter-out $(native),$(sort $(ARCHES))); do \
		env -u BUILD -u MUSL_CC -u KERNEL_HEADERS -u LIBCAP \
			$(MAKE) --no-print-directory ARCH=$$arch libcap; done
