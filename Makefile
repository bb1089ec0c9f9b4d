# vernier: build, test and demo. `make help` lists the targets.
# O= chooses the build folder, SAN=asan|tsan a sanitizer build, VALGRIND=1 runs the unit specs under valgrind, V=1 shows all.

CC      ?= cc
O       ?= build$(if $(SAN),-$(SAN))
LUAJIT  ?= luajit
PKGS    := luajit libuv yaml-0.1 openssl libcurl
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.1.0)

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(if $(CI),-Werror)
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer -O1
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DVN_VERSION='"$(VERSION)"' $(CFLAGS) $(WARN) $(SAN_$(SAN)) $(shell pkg-config --cflags $(PKGS))
ALL_LIBS   = $(shell pkg-config --libs $(PKGS)) -lm -lpthread

SRC := $(filter-out src/embed.c,$(wildcard src/*.c))
OBJ := $(SRC:src/%.c=$(O)/%.o) $(O)/embed.o
LUA := $(sort $(shell find lua connectors workloads ratecontrollers -name '*.lua')) $(wildcard doc/*.txt)
Q   := $(if $(V),,@)

.PHONY: all help clean deps test unit functional lint check demo fuzz doc bench format
all: $(O)/vernier

$(O)/vernier: $(OBJ)
	@echo "  LD  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $(OBJ) $(ALL_LIBS)

$(O)/%.o: src/%.c src/vernier.h src/internal.h | $(O)
	@echo "  CC  $<"
	$(Q)$(CC) $(ALL_CFLAGS) -Isrc -c -o $@ $<

# The header is the cdef: one file, two readers.
$(O)/cdef.lua: src/vernier.h | $(O)
	@echo "  GEN $@"
	$(Q)(echo 'require("ffi").cdef[['; $(CC) -E -P -DVN_CDEF $<; echo ']]') > $@

$(O)/embed.c: src/embed.lua $(O)/cdef.lua $(LUA)
	@echo "  GEN $@"
	$(Q)$(LUAJIT) src/embed.lua $@ vernier.cdef=$(O)/cdef.lua $(LUA)

$(O)/embed.o: $(O)/embed.c
	@echo "  CC  $<"
	$(Q)$(CC) $(ALL_CFLAGS) -Isrc -c -o $@ $<

$(O):
	$(Q)mkdir -p $@

help:
	@echo "make            build $(O)/vernier"
	@echo "make demo       install what is missing, build, benchmark the demo server"
	@echo "make test       install what is missing, build, run all specs"
	@echo "make unit       the unit specs alone (SAN=asan, VALGRIND=1)"
	@echo "make lint       format, static analysis, layer rules"
	@echo "make check      lint + test"
	@echo "make bench      side-by-side figures"

clean:
	rm -rf build build-*
