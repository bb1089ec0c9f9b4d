# vernier: build, test and demo. `make help` lists the targets.
# O= chooses the build folder, SAN=asan|tsan a sanitizer build, VALGRIND=1 runs the specs under valgrind, V=1 shows all,
# SPEC= names single spec files, JOBS= runs that many spec files at once, LIMIT= ends a spec file after so many seconds.

# All cores, unless the caller has decided.
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-print-directory

CC      ?= cc
O       ?= build$(if $(SAN),-$(SAN))
LUAJIT  ?= luajit
PKGS    := luajit libuv yaml-0.1 openssl zlib libsecp256k1
VERSION := $(shell cat VERSION)
Q       := $(if $(V),,@)

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(if $(CI),-Werror)
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
SAN_tsan := -fsanitize=thread -Wno-tsan -fno-omit-frame-pointer -O1
# Asked once, and only by a recipe that compiles: `make deps` and `make help` run before there is a pkg-config.
pkg_cflags = $(eval pkg_cflags := $$(shell pkg-config --cflags $(PKGS)))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell pkg-config --libs $(PKGS)))$(pkg_libs)
DEFINES    := -std=gnu11 -D_GNU_SOURCE -DVN_VERSION='"$(VERSION)"' -Isrc
ALL_CFLAGS  = $(DEFINES) $(CFLAGS) $(WARN) $(SAN_$(SAN)) $(pkg_cflags)
ALL_LIBS    = $(pkg_libs) -lm -lpthread

SRC := $(filter-out src/embed.c,$(wildcard src/*.c))
OBJ := $(SRC:src/%.c=$(O)/%.o) $(O)/embed.o
LUA := $(sort $(shell find lua connectors workloads ratecontrollers -name '*.lua')) $(wildcard annotations/*.lua)

.PHONY: all deps demo-deps test unit functional integration lint check demo demo-ethereum format fuzz doc bench bench-deps clean help FORCE
.DELETE_ON_ERROR:
all: $(O)/vernier

$(O)/vernier: $(OBJ)
	@echo "  LD  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -rdynamic -o $@ $(OBJ) $(ALL_LIBS)

$(O)/%.o: src/%.c $(O)/flags
	@echo "  CC  $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/embed.o: $(O)/embed.c
	@echo "  CC  $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The header is the cdef: one file, two readers.
$(O)/cdef.lua: src/vernier.h Makefile | $(O)
	@echo "  GEN $@"
	$(Q)(echo 'return [['; $(CC) -E -P -DVN_CDEF $<; echo ']]') > $@

$(O)/embed.c: src/embed.lua $(O)/cdef.lua $(O)/modules $(LUA)
	@echo "  GEN $@"
	$(Q)$(LUAJIT) src/embed.lua $@ vernier.cdef=$(O)/cdef.lua $(LUA)

# Two notes that change only when what they hold changes, so that other flags or a removed module rebuild.
note = printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) > $@
$(O)/flags: FORCE | $(O)
	@pkg-config --print-errors --exists $(PKGS) || { echo "make: libraries are missing: make deps installs them" >&2; exit 1; }
	$(Q)$(call note,$(CC) $(DEFINES) $(CFLAGS) $(WARN) $(SAN_$(SAN)))
$(O)/modules: FORCE | $(O)
	$(Q)$(call note,$(LUA))
FORCE:

$(O):
	$(Q)mkdir -p $@

-include $(wildcard $(O)/*.d)

# ---- specs: busted inside the binary, TAP under prove, one process per file ----

UNIT        := $(sort $(wildcard spec/unit/*_spec.lua))
FUNCTIONAL  := $(sort $(wildcard spec/functional/*_spec.lua))
TIMED       := $(patsubst %,spec/functional/%_spec.lua,calibrate caliper_rates capacity_search certificate http latency overload \
               rate_controllers schedule support)
INTEGRATION := $(sort $(wildcard spec/integration/*_spec.lua))
LIMIT       ?= 180
# A spec that passes closes its Lua state, and that closes everything: what is left then is a leak.
export ASAN_OPTIONS  ?= detect_leaks=1:exitcode=99
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS  ?= exitcode=99
MEMCHECK := $(if $(VALGRIND),valgrind -q --smc-check=all-non-file --error-exitcode=99)
# Deadlines are for what hangs: under an instrument everything else is slow, too.
export SPEC_SLOW := $(if $(SAN)$(VALGRIND),4,1)
RUN_SPEC = timeout -k 5 $(shell expr $(LIMIT) \* $(SPEC_SLOW)) $(MEMCHECK) $(O)/vernier lua spec/support/busted.lua
prove = prove $(if $(V),-v) --timer --failures --comments -j$(1) -e "$(RUN_SPEC)" $(or $(SPEC),$(2))

# Every part runs, also after one has failed.
test: deps
	$(Q)$(MAKE) all
	$(Q)failed=0; for part in $(if $(SPEC),functional,unit functional integration); do $(MAKE) $$part || failed=1; done; exit $$failed

unit: all
	$(Q)$(call prove,$(or $(JOBS),2),$(UNIT))

# What measures time has the machine for itself: one file at a time. The others wait more than they compute.
functional: all
	$(Q)failed=0; $(call prove,$(or $(JOBS),1),$(TIMED)) || failed=1; \
	$(if $(SPEC),,$(call prove,$(or $(JOBS),2),$(filter-out $(TIMED),$(FUNCTIONAL))) || failed=1;) exit $$failed

# These run against systems that others wrote, and wait more than they compute.
integration: all
	$(Q)$(call prove,$(or $(JOBS),2),$(INTEGRATION))

# Always with sanitizers: in build-asan, or in the folder that O= names. FUZZ= names single harnesses.
FUZZ_O := $(if $(filter build,$(O)),build-asan,$(O))
fuzz:
	$(Q)$(MAKE) SAN=asan O=$(FUZZ_O) all
	$(Q)O=$(FUZZ_O) CC="$(CC)" spec/fuzz/run.sh $(or $(FUZZ_SECONDS),20) $(FUZZ)

# ---- lint ----

LINTS    := lint-format lint-cppcheck lint-tidy lint-luacheck lint-shellcheck lint-layers
C_FILES  := $(wildcard src/*.[ch] spec/fuzz/*.[ch] bench/support/*.c)
SH_FILES := .ci/run .ci/deps $(wildcard spec/support/*.sh spec/fuzz/*.sh examples/*.sh examples/*/*.sh)
.PHONY: $(LINTS)

# All of them, also after the first finding.
lint:
	$(Q)$(MAKE) -k -Otarget $(LINTS)
	@echo "lint: clean"

lint-format:
	clang-format --dry-run -Werror $(C_FILES)

# negativeIndex takes a test for an error code as a sign that the index behind it may be one.
lint-cppcheck:
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --suppress=negativeIndex --error-exitcode=1 -DVN_VERSION='""' -Isrc -Ispec/fuzz $(filter %.c,$(C_FILES))

lint-tidy:
	clang-tidy --version >/dev/null
	printf '%s\n' $(filter %.c,$(C_FILES)) | \
	  xargs -P "$$(nproc)" -I FILE clang-tidy --quiet FILE -- $(DEFINES) -Ispec/fuzz $(pkg_cflags) 2>/dev/null

lint-luacheck:
	luacheck --quiet --no-color --exclude-files bench/node_modules -- lua connectors workloads ratecontrollers spec examples bench src doc

lint-shellcheck:
	shellcheck -x $(SH_FILES)

lint-layers:
	spec/support/layers.sh

check:
	$(Q)$(MAKE) lint
	$(Q)$(MAKE) test

format:
	clang-format -i $(C_FILES)

# ---- the rest ----

deps:
	$(Q).ci/deps build test
	$(Q)$(MAKE) -s $(NODE_MODULES)
demo-deps:
	$(Q).ci/deps build

# What the specs take from npm, exactly as locked; npm writes this file last.
NODE_MODULES := spec/node_modules/.package-lock.json
$(NODE_MODULES): spec/package-lock.json
	@echo "  NPM spec"
	cd spec && npm ci --loglevel=error >/dev/null
	touch $@

demo: demo-deps
	$(Q)$(MAKE) all
	$(Q)examples/demo.sh $(O)/vernier

demo-ethereum: # examples/ethereum, with a chain of its own
	$(Q).ci/deps build chain
	$(Q)$(MAKE) all
	$(Q)$(O)/vernier run examples/ethereum/benchmark.yaml examples/ethereum/network.yaml

# BENCH= names single benchmarks. What peers are missing is said, and left out.
bench: all
	$(Q)OUT=$(O)/bench.json $(O)/vernier lua bench/run.lua $(BENCH)

bench-deps:
	$(Q).ci/deps build test bench
	cd bench && npm ci

doc: all
	$(Q)$(O)/vernier lua doc/reference.lua doc

clean:
	rm -rf build build-*

help:
	@echo "make             build $(O)/vernier"
	@echo "make demo        install what is missing, build, benchmark the demo server (demo-ethereum: a chain of its own)"
	@echo "make test        install what is missing, build, run all specs"
	@echo "make unit        the unit specs alone (SAN=asan, SAN=tsan, VALGRIND=1)"
	@echo "make functional  the specs that run the binary against servers"
	@echo "make integration those that run it against nodes of chains"
	@echo "make lint        format, static analysis, layer rules"
	@echo "make check       lint + test"
	@echo "make fuzz        each parser's harness for FUZZ_SECONDS=20"
	@echo "make bench       side-by-side figures, over an hour (BENCH='http noop' for some; make bench-deps: the peers)"
	@echo "make doc         write the reference in doc/ from the option declarations"
	@echo "make format      clang-format in place"
	@echo "make deps        install what build and specs need (Debian, apt-get; npm)"
	@echo "make clean       remove the build folders"
	@echo "variables        O=FOLDER SAN=asan|tsan VALGRIND=1 V=1 SPEC='FILE…' JOBS=N LIMIT=SECONDS BENCH='NAME…'"
