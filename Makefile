# Quoit. `make help` lists what can be made; there is no configure step.
#
#   CC=clang      another compiler: everything goes into build/clang
#   SAN=1         AddressSanitizer and UBSan: build/san, or build/clang-san
#   TSAN=1        ThreadSanitizer: build/tsan, or build/clang-tsan
#   GUARD=1       memory that was given back can be touched by nobody, the kernel included: build/guard
#   WERROR=1      a warning is an error, as in .ci/run
#   COVERAGE=1    counts lines for `make coverage`: build/coverage
#   V=1           shows the commands
#   CFLAGS, CPPFLAGS, LDFLAGS, PREFIX, LIBDIR, DESTDIR as usual
#
# A source is found by its folder: a new file needs no line here. A change of a flag rebuilds
# what it changes.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
SHELL := /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
INSTALL ?= install
ifneq ($(filter default undefined,$(origin LD)),)
LD := ld
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_S ?= 60

# --- The configuration and its folder ---

empty :=
CONFIG := $(filter-out gcc cc,$(notdir $(lastword $(CC)))) $(if $(filter 1,$(SAN)),san) \
          $(if $(filter 1,$(TSAN)),tsan) $(if $(filter 1,$(GUARD)),guard) $(if $(filter 1,$(FUZZ)),fuzz) $(if $(filter 1,$(COVERAGE)),coverage)
CONFIG := $(subst $(empty) $(empty),-,$(strip $(CONFIG)))
B := build$(addprefix /,$(CONFIG))
THIRD_PARTY := build/third_party

# --- What is there: a folder that is still empty makes nothing ---

LIB_FOLDERS := base http tls engine
base_SOURCES := $(wildcard base/*.c)
http_SOURCES := $(wildcard http/*.c)
tls_SOURCES := $(wildcard tls/*.c)
engine_SOURCES := $(wildcard engine/*.c)
llm_SOURCES := $(wildcard llm/*.c)
cli_SOURCES := $(wildcard cli/*.c)
bench_SOURCES := $(wildcard bench/*.c)
mock_SOURCES := $(wildcard mock/*.c)
LIB_SOURCES := $(foreach folder,$(LIB_FOLDERS),$($(folder)_SOURCES))
C_FILES := $(wildcard $(addsuffix /*.[ch],include base http tls engine llm cli bench mock perf examples \
             examples/adapters \
             tests/unit tests/sim tests/live tests/live/raw tests/torture \
             tests/guard tests/fuzz))

# --- Third parties ---

PACKAGES := liburing openssl libcjson zlib
PACKAGES_FOUND := $(shell $(PKG_CONFIG) --exists $(PACKAGES) 2>/dev/null && echo yes)
LLHTTP_SYSTEM := $(shell $(PKG_CONFIG) --exists libllhttp 2>/dev/null && echo yes)
# The C sources that Debian's node-llhttp ships, installed or unpacked by `make deps`.
LLHTTP_SHARE := $(patsubst %/llhttp/llhttp.c,%,$(firstword \
                  $(wildcard /usr/share/llhttp/llhttp.c $(THIRD_PARTY)/usr/share/llhttp/llhttp.c)))

ifeq ($(LLHTTP_SYSTEM),yes)
LLHTTP_CPPFLAGS := $(shell $(PKG_CONFIG) --cflags libllhttp)
LLHTTP_LIBS := $(shell $(PKG_CONFIG) --libs libllhttp)
else
LLHTTP_CPPFLAGS := -isystem $(LLHTTP_SHARE)/include/llhttp -DLLHTTP_STRICT_MODE=1
llhttp_OBJECTS := $(addprefix $(B)/obj/llhttp/,api.o http.o llhttp.o)
endif

NEEDS_NO_PACKAGES := help deps ci-deps bench-deps clean format tidy cases test demo fuzz uninstall
ifneq ($(filter-out $(NEEDS_NO_PACKAGES),$(or $(MAKECMDGOALS),all)),)
ifneq ($(PACKAGES_FOUND),yes)
$(error liburing, OpenSSL, cJSON or zlib is not installed (or pkg-config itself): run `make deps`)
endif
ifeq ($(LLHTTP_SYSTEM)$(LLHTTP_SHARE),)
$(error llhttp is not here: run `make deps`, which brings the sources in Debian's node-llhttp)
endif
endif

# --- Flags ---

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wstrict-prototypes \
            -Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
HARDENING := -fstack-protector-strong
# Not every compiler knows this one on every processor.
HARDENING += $(shell $(CC) -Werror -fstack-clash-protection -x c -c /dev/null -o /dev/null \
               2>/dev/null && echo -fstack-clash-protection)

ifeq ($(SAN),1)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(TSAN),1)
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(FUZZ),1)
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
            -fno-omit-frame-pointer
else ifeq ($(COVERAGE),1)
CFLAGS := -O0 -g
SANITIZE := --coverage
else ifeq ($(filter -O0,$(CFLAGS))$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

ifeq ($(GUARD),1)
GUARD_OBJECT := $(B)/obj/tests/guard/guard.o
GUARD_CPPFLAGS := -DQUOIT_GUARD
endif

ALL_CPPFLAGS := -D_GNU_SOURCE -I. -Iinclude $(LLHTTP_CPPFLAGS) \
                -DQUOIT_LIBURING_VERSION='"$(shell $(PKG_CONFIG) --modversion liburing 2>/dev/null)"' \
                $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) $(GUARD_CPPFLAGS) $(CPPFLAGS)
ALL_CFLAGS := -std=gnu11 $(HARDENING) $(CFLAGS) -pthread $(SANITIZE)
ALL_LDFLAGS := -pthread $(SANITIZE) -Wl,-z,relro,-z,now -Wl,-z,noexecstack $(LDFLAGS)
# gcc looks over the whole library at once, which saves 10 to 20 % of the user cycles of a request.
# The objects hold code too, so that tests may link them one by one. Elsewhere there is none of it,
# whatever CFLAGS say: neither ld -r nor a link with -fno-lto takes an object without code.
ifeq ($(SANITIZE)$(filter -fno-lto,$(CFLAGS))$(findstring clang,$(shell $(CC) --version)),)
# It forgets to tell the assembler of another name for the folder, as those who build twice and
# compare have it.
LIB_MODE := -fPIC -fvisibility=hidden -flto=auto -ffat-lto-objects \
            $(patsubst -ffile-prefix-map=%,-Xassembler --debug-prefix-map=%,$(filter -ffile-prefix-map=%,$(CFLAGS)))
RELINK := $(CC) -r $(ALL_CFLAGS) $(LIB_MODE) -flinker-output=nolto-rel -Wl,-z,noexecstack
else
LIB_MODE := -fPIC -fvisibility=hidden -fno-lto
RELINK := $(LD) -r -z noexecstack
endif
PROGRAM_MODE := -fPIE -fno-lto
ALL_LDFLAGS += -fno-lto

QUOIT_LIBS := $(shell $(PKG_CONFIG) --libs liburing openssl 2>/dev/null) $(LLHTTP_LIBS)
CJSON_LIBS := $(shell $(PKG_CONFIG) --libs libcjson 2>/dev/null)
ZLIB_LIBS := $(shell $(PKG_CONFIG) --libs zlib 2>/dev/null)

ifeq ($(V),1)
say = @:
else
say = @printf '  %-8s %s\n' $(1) $(2)
Q := @
endif

# --- What comes out ---

VERSION = $(shell awk '/define QUOIT_VERSION_(MAJOR|MINOR|PATCH) / \
            { printf "%s%s", dot, $$3; dot = "." }' include/quoit.h)
SONAME := libquoit.so.0
LLM_SONAME := libquoit_llm.so.0

objects = $(patsubst %.c,$(B)/obj/%.o,$(1))
# One archive a folder. A test is linked with its own layer and those below, and with nothing else,
# so that a call upwards does not link.
base_A := $(B)/obj/base.a
http_A := $(B)/obj/http.a $(if $(llhttp_OBJECTS),$(B)/obj/llhttp.a) $(base_A)
tls_A := $(B)/obj/tls.a $(base_A)
engine_A := $(B)/obj/engine.a $(B)/obj/tls.a $(http_A)
llm_A := $(B)/obj/llm.a $(base_A)
cli_A := $(B)/obj/cli.a $(B)/obj/llm.a $(engine_A)
bench_A := $(B)/obj/bench.a $(cli_A)
mock_A := $(B)/obj/mock.a $(if $(llhttp_OBJECTS),$(B)/obj/llhttp.a) $(base_A)

LIBRARIES := $(if $(LIB_SOURCES),$(B)/libquoit.a $(B)/libquoit.so) \
             $(if $(llm_SOURCES),$(B)/libquoit_llm.a $(B)/libquoit_llm.so)
PROGRAMS := $(if $(wildcard cli/main.c),$(B)/quoit) $(if $(wildcard mock/main.c),$(B)/quoit-mock)
# In perf/ and tests/, a source without a main is a part of all programs there.
with_main = $(if $(1),$(shell grep -l '^int main' $(1)))
PERF_SOURCES := $(call with_main,$(wildcard perf/*.c))
# A client to compare with, where its library is.
CURL_LIBS := $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null)
PERF_SOURCES := $(filter-out $(if $(CURL_LIBS),,perf/curl_multi.c),$(PERF_SOURCES))
PERF := $(PERF_SOURCES:%.c=$(B)/%)
PERF_PARTS := $(call objects,$(filter-out $(PERF_SOURCES) perf/curl_multi.c,$(wildcard perf/*.c)))
UNIT_PARTS := $(call objects,$(filter-out %_test.c,$(wildcard tests/unit/*.c)) tests/fuzz/reference.c)
# What needs the library of somebody's loop is built where that library is.
LOOPS := uv glib libevent
uv_PACKAGE := libuv
glib_PACKAGE := glib-2.0
libevent_PACKAGE := libevent
LOOPS_MISSING := $(foreach loop,$(LOOPS),$(if $(shell $(PKG_CONFIG) --exists $($(loop)_PACKAGE) \
                   2>/dev/null || echo missing),$(loop)))
LOOPS_FOUND := $(filter-out $(LOOPS_MISSING),$(LOOPS))
LIVE_SOURCES := $(call with_main,$(wildcard tests/live/*.c tests/torture/*.c))
LIVE_PARTS := $(call objects,$(filter-out $(LIVE_SOURCES),$(wildcard tests/live/*.c)))
LIVE_SOURCES := $(filter-out $(LOOPS_MISSING:%=tests/live/loop_%_test.c),$(LIVE_SOURCES))
TORTURE_PARTS := $(call objects,$(filter-out $(LIVE_SOURCES),$(wildcard tests/torture/*.c)))
EXAMPLES := $(patsubst %.c,$(B)/%,$(filter-out $(LOOPS_MISSING:%=examples/%.c), \
              $(wildcard examples/*.c)))
MAN_PAGES := $(patsubst %.scd,$(B)/%,$(wildcard man/*.scd))

UNIT_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
SIM_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*_test.c))
LIVE_PROGRAMS := $(LIVE_SOURCES:%.c=$(B)/%)
# The scripted server of the live tests; it shares nothing with the library.
RAW_SERVER := $(B)/tests/live/raw_server
# A script with a first line `#!` is a test; one without is read by others.
LIVE_SCRIPTS := $(shell grep -ls '^\#!' $(wildcard tests/live/*.sh tests/live/*.py) /dev/null)
LIVE_TESTS := $(filter %_test,$(LIVE_PROGRAMS)) $(LIVE_SCRIPTS)
# A source with the entry of libFuzzer is a target, one without is a part of all.
FUZZ_SOURCES := $(shell grep -ls '^int LLVMFuzzerTestOneInput' $(wildcard tests/fuzz/*.c) /dev/null)
FUZZ_TARGETS := $(FUZZ_SOURCES:%.c=$(B)/%)
# The real ring has two back ends (tests/io.h); this is the second pass, over the other one.
RING_TESTS := $(filter $(B)/tests/unit/engine_ring% $(B)/tests/unit/engine_conn%,$(UNIT_TESTS))
EPOLL_TESTS := $(addprefix epoll:,$(LIVE_SCRIPTS) $(RING_TESTS) \
                 $(filter-out %/refused_test $(LIVE_SCRIPTS),$(LIVE_TESTS)))

.PHONY: all
all: $(LIBRARIES) $(PROGRAMS) $(PERF) $(EXAMPLES) $(MAN_PAGES) ## build everything (the default)

# --- Rules ---

# A stamp changes only when its text does.
define stamp
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(1))' >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
endef

.PHONY: FORCE
FORCE:

$(B)/flags: FORCE
	$(call stamp,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WARNINGS) $(ALL_LDFLAGS) $(QUOIT_LIBS))

$(B)/sources: FORCE
	$(call stamp,$(LIB_SOURCES) $(llm_SOURCES) $(cli_SOURCES) $(bench_SOURCES) \
	  $(mock_SOURCES) $(llhttp_OBJECTS))

mode = $(if $(filter $(LIB_FOLDERS) llm,$(firstword $(subst /, ,$(1)))),$(LIB_MODE),$(PROGRAM_MODE))

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WARNINGS) $(call mode,$*) -MMD -MP -c $< -o $@

# The compiler does not see what the assembler reads.
$(B)/obj/bench/page.o: $(wildcard bench/page/*)

# Not our code, not our warnings.
$(B)/obj/llhttp/%.o: $(LLHTTP_SHARE)/llhttp/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -w $(LIB_MODE) -MMD -MP -c $< -o $@

define archive
	@mkdir -p $(@D)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(filter %.o,$^)
endef

$(B)/obj/llhttp.a: $(llhttp_OBJECTS)
	$(archive)

define folder_archive
$(B)/obj/$(1).a: $(call objects,$(filter-out %/main.c,$($(1)_SOURCES))) $(B)/sources
	$$(archive)
endef
$(foreach folder,$(LIB_FOLDERS) llm cli bench mock,$(eval $(call folder_archive,$(folder))))

# One object, in which only quoit_* is still global: what is hidden cannot clash with the names of
# the program it is linked into, nor can llhttp with another llhttp there.
LIB_OBJECTS := $(call objects,$(LIB_SOURCES)) $(llhttp_OBJECTS)
$(B)/obj/libquoit.o: $(LIB_OBJECTS) $(B)/sources
	$(call say,LD,$@)
	$(Q)$(RELINK) -o $@ $(LIB_OBJECTS)
	$(Q)$(OBJCOPY) --localize-hidden $@

$(B)/libquoit.a: $(B)/obj/libquoit.o
	$(archive)

$(B)/obj/libquoit_llm.o: $(call objects,$(llm_SOURCES)) $(B)/sources
	$(call say,LD,$@)
	$(Q)$(RELINK) -o $@ $(call objects,$(llm_SOURCES))
	$(Q)$(OBJCOPY) --localize-hidden $@

$(B)/libquoit_llm.a: $(B)/obj/libquoit_llm.o
	$(archive)

$(B)/$(SONAME): $(B)/obj/libquoit.o engine/libquoit.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ -Wl,-soname,$(SONAME) -Wl,--version-script=engine/libquoit.map \
	  $< $(ALL_LDFLAGS) $(QUOIT_LIBS)

$(B)/libquoit.so: $(B)/$(SONAME)
	$(Q)ln -sf $(SONAME) $@

$(B)/$(LLM_SONAME): $(B)/obj/libquoit_llm.o $(B)/libquoit.so llm/libquoit_llm.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ -Wl,-soname,$(LLM_SONAME) -Wl,--version-script=llm/libquoit_llm.map \
	  $< $(ALL_LDFLAGS) -L$(B) -lquoit

$(B)/libquoit_llm.so: $(B)/$(LLM_SONAME)
	$(Q)ln -sf $(LLM_SONAME) $@

# $(call program,libraries): all objects and archives that it depends on, in their order.
define program
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -pie -o $@ $(filter %.o %.a,$^) $(ALL_LDFLAGS) $(1)
endef

# The command reads JSON by the modules that libquoit_llm.a hides.
$(B)/quoit: $(call objects,$(cli_SOURCES) $(bench_SOURCES)) $(B)/obj/llm.a $(B)/libquoit.a
	$(call program,$(QUOIT_LIBS) $(CJSON_LIBS) $(ZLIB_LIBS) -lm)

# The stand-in shares nothing with the library but llhttp.
$(B)/quoit-mock: $(call objects,$(mock_SOURCES)) $(llhttp_OBJECTS) $(B)/sources
	$(call program,$(LLHTTP_LIBS) -lssl -lcrypto -lm)

# perf/parts*.c measure single modules, so they need what libquoit.a hides.
$(filter $(B)/perf/parts%,$(PERF)): $(B)/perf/%: $(B)/obj/perf/%.o $(PERF_PARTS) $(engine_A)
	$(call program,$(QUOIT_LIBS) -lm)

$(filter-out $(B)/perf/parts%,$(PERF)): $(B)/perf/%: $(B)/obj/perf/%.o $(PERF_PARTS) \
    $(B)/libquoit.a
	$(call program,$(QUOIT_LIBS) -lm $(if $(filter %/curl_multi,$@),$(CURL_LIBS)))

$(B)/perf/epoll_client: $(llhttp_OBJECTS)

$(B)/perf/ab_client: $(B)/libquoit_llm.a

$(EXAMPLES): $(B)/examples/%: $(B)/obj/examples/%.o $(B)/libquoit_llm.a $(B)/libquoit.a
	$(call program,$(QUOIT_LIBS))

# $(call loop_flags,loop,pkg-config option): their headers are not ours to warn about.
loop_flags = $(patsubst -I%,-isystem%,$(shell $(PKG_CONFIG) $(2) $($(1)_PACKAGE)))
define loop_programs
$(B)/obj/examples/$(1).o $(B)/obj/tests/live/loop_$(1)_test.o: \
    private ALL_CPPFLAGS += $(call loop_flags,$(1),--cflags)
$(B)/examples/$(1) $(B)/tests/live/loop_$(1)_test: \
    private QUOIT_LIBS += $(call loop_flags,$(1),--libs)
endef
$(foreach loop,$(LOOPS_FOUND),$(eval $(call loop_programs,$(loop))))

define unit_tests
$(filter $(B)/tests/unit/$(1)_%,$(UNIT_TESTS)): $(B)/tests/%: $(B)/obj/tests/%.o \
    $(UNIT_PARTS) $($(1)_A)
	$$(call program,$(QUOIT_LIBS) $(CJSON_LIBS) $(ZLIB_LIBS) -lm)
endef
$(foreach folder,$(LIB_FOLDERS) llm cli bench mock,$(eval $(call unit_tests,$(folder))))

# The library without its ring, and the simulated network in the ring's place.
SIM_SOURCES := $(filter-out %_test.c,$(wildcard tests/sim/*.c)) \
               $(filter-out engine/ring%,$(engine_SOURCES))
$(SIM_TESTS): $(B)/tests/%: $(B)/obj/tests/%.o $(call objects,$(SIM_SOURCES)) $(B)/obj/tls.a \
    $(http_A) $(B)/sources
	$(call program,$(QUOIT_LIBS) -lm)

$(LIVE_PROGRAMS): $(B)/tests/%: $(B)/obj/tests/%.o $(LIVE_PARTS) $(B)/libquoit_llm.a \
    $(B)/libquoit.a
	$(call program,$(QUOIT_LIBS) $(CJSON_LIBS) -lm)

$(LIVE_PROGRAMS): | $(RAW_SERVER)

# tests/torture/faults.c takes the place of malloc, for these programs only.
$(filter $(B)/tests/torture/%,$(LIVE_PROGRAMS)): $(TORTURE_PARTS)

# quoit bench's pages, of results that no server gives.
$(B)/tests/live/page: $(B)/obj/bench/page.o

$(RAW_SERVER): $(call objects,$(wildcard tests/live/raw/*.c))
	$(call program,-lssl -lcrypto)

# The library with the simulated network in its ring's place, as in the simulation; the servers there
# are the target's own. Of an archive the linker takes only what is asked for.
FUZZ_PARTS := $(filter-out $(FUZZ_SOURCES),$(wildcard tests/fuzz/*.c)) \
              $(addprefix tests/sim/,kernel_sim.c net_sim.c ring_sim.c world.c) \
              $(filter-out engine/ring%,$(engine_SOURCES))
$(B)/obj/fuzz.a: $(call objects,$(FUZZ_PARTS)) $(B)/sources
	$(archive)

$(FUZZ_TARGETS): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/obj/fuzz.a $(B)/obj/cli.a $(B)/obj/llm.a \
    $(B)/obj/tls.a $(http_A)
	$(call program,$(QUOIT_LIBS) $(CJSON_LIBS) $(ZLIB_LIBS) -lm -fsanitize=fuzzer)

# GUARD=1: an allocator of its own in every program.
$(PROGRAMS) $(PERF) $(EXAMPLES) $(UNIT_TESTS) $(SIM_TESTS) $(LIVE_PROGRAMS): $(GUARD_OBJECT)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# --- Tests ---

.PHONY: test test-epoll test-unit test-sim test-unit-sim test-live test-install test-programs tidy cases format
RUN = QUOIT_BUILD=$(B) QUOIT_CC='$(CC) $(SANITIZE)' tests/run.sh
# A make without -j still uses the cores. Lines with it begin with +: make cannot see $(MAKE) there.
MAKE_J = $(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# As a user would, and as a packager of Debian would.
INSTALL_FOR_TEST = rm -rf $(B)/tests/installed $(B)/tests/packaged && \
  $(MAKE) install PREFIX=/usr/local LIBDIR=/usr/local/lib DESTDIR=$(B)/tests/installed >/dev/null && \
  $(MAKE) install PREFIX=/usr LIBDIR=/usr/lib/$$($(CC) -print-multiarch) \
    ZSH_COMPLETIONS=/usr/share/zsh/vendor-completions DESTDIR=$(B)/tests/packaged >/dev/null

# What any other compiler or sanitizer would only repeat.
PACKAGE_TESTS := $(if $(CONFIG),,tests/abi_test.sh tests/completions_test.py tests/flags_test.sh tests/package_test.sh)

test: ## everything: packages, build, all tests, tidy
	@tests/deps.sh build test
	+@$(MAKE_J) test-programs
	+@$(INSTALL_FOR_TEST)
	@$(RUN) --together $(SIM_TESTS) $(UNIT_TESTS) \
	  --waiting $(LIVE_TESTS) $(addprefix epoll:,$(RING_TESTS)) \
	  --in-turn tests/install_test.sh tests/api_test.sh $(PACKAGE_TESTS) tests/llhttp_system_test.sh tests/tidy.sh tests/cases.sh tests/tidy_test.sh

test-epoll: all $(RING_TESTS) $(LIVE_PROGRAMS) ## all that touches the network, over epoll
	@$(RUN) --waiting $(EPOLL_TESTS)

test-programs: all $(UNIT_TESTS) $(SIM_TESTS) $(LIVE_PROGRAMS) ## build the tests, run none

test-unit: $(UNIT_TESTS) ## the unit tests
	@$(RUN) --together $(UNIT_TESTS)

test-sim: $(SIM_TESTS) ## the engine over a simulated network, 10,000 seeds
	@$(RUN) --in-turn $(SIM_TESTS)

test-unit-sim: $(UNIT_TESTS) $(SIM_TESTS)
	@$(RUN) --together $(SIM_TESTS) $(UNIT_TESTS)

test-live: all $(LIVE_PROGRAMS) ## the real ring against quoit-mock, nginx and others
	@$(RUN) --waiting $(LIVE_TESTS)

# The kernel is in the live tests only; of the simulation a few seeds show that the library stands it.
# The torture has an allocator of its own.
.PHONY: guard-test
guard-test: ## unit, simulation and live tests with GUARD=1
	+@$(MAKE_J) GUARD=1 test-programs
	+@QUOIT_SIM_SEEDS=300 $(MAKE) GUARD=1 guard-run

.PHONY: guard-run
guard-run:
	@$(RUN) --together $(UNIT_TESTS) --in-turn \
	  $(filter-out %/storm_sim_test %/errors_sim_test,$(SIM_TESTS)) \
	  $(filter-out $(B)/tests/torture/%,$(LIVE_TESTS))

# quoit-mock is another process: without TSAN it is faster, and a signal ends it.
TSAN_TESTS := $(addprefix $(B)/tests/live/,mailbox_test mailbox_ends_test wake_test)
.PHONY: tsan tsan-run
tsan: $(B)/quoit-mock ## what threads share, with ThreadSanitizer
	+@$(MAKE_J) TSAN=1 MOCK_BUILD=$(B) tsan-run

tsan-run: $(TSAN_TESTS) $(B)/quoit $(B)/examples/threads $(B)/examples/service
	@QUOIT_BUILD=$(MOCK_BUILD) QUOIT_TSAN=$(B) tests/run.sh --in-turn $(TSAN_TESTS) tests/threads_test.sh

test-install: all ## install into a folder, build the examples against it
	+@$(INSTALL_FOR_TEST)
	@$(RUN) --in-turn tests/install_test.sh tests/api_test.sh $(PACKAGE_TESTS)

tidy: ## house rules: who includes whom, sizes, format
	@tests/tidy.sh

cases: ## which tests hold each case of a hostile world
	@tests/cases.sh

format: ## lay out all C files with clang-format
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

# --- The rest ---

.PHONY: deps ci-deps bench-deps demo bench bench-all soak fuzz fuzz-programs coverage test-covered clean help
deps: ## install the Debian packages that are missing
	@tests/deps.sh build test

ci-deps: ## install clang and clang-format too
	@tests/deps.sh build test ci

bench-deps: ## install what `make bench` compares with
	@tests/deps.sh build bench

demo: ## 1,000 queries over HTTP and HTTPS against quoit-mock
	@tests/deps.sh build
	+@$(MAKE_J) $(B)/quoit $(B)/quoit-mock
	@QUOIT_BUILD=$(B) examples/demo.sh

# SCENARIOS and CLIENTS are names with commas between; those of a run that takes some minutes:
BENCH_SCENARIOS := small-1,small-64,unix-64,tls-64,large-16,streams-2000,batch-50
BENCH = QUOIT_BUILD=$(B) python3 perf/bench --clients '$(CLIENTS)'
bench: all ## against wrk, h2load, libcurl, ...; SCENARIOS=, CLIENTS=, ROUNDS=3, SECONDS_EACH=0.5
	@$(BENCH) --scenarios '$(or $(SCENARIOS),$(BENCH_SCENARIOS))' \
	  --rounds $(or $(ROUNDS),3) --seconds $(or $(SECONDS_EACH),0.5)

bench-all: all ## all of it, into perf/RESULTS.md and perf/plots; ROUNDS=5, SECONDS_EACH=1
	@$(BENCH) --scenarios '$(SCENARIOS)' --rounds $(or $(ROUNDS),5) \
	  --seconds $(or $(SECONDS_EACH),1) --results perf/RESULTS.md

SOAK_S ?= 60
soak: $(B)/tests/live/soak $(B)/quoit-mock ## every fault of quoit-mock, half TLS, for SOAK_S=60 seconds
	@$(B)/tests/live/soak $(SOAK_S)

fuzz: ## each codec for FUZZ_S=60 seconds, with clang
	@tests/deps.sh build ci
	+@$(MAKE_J) CC=clang FUZZ=1 fuzz-programs
	@QUOIT_BUILD=build/clang-fuzz tests/fuzz.sh $(FUZZ_S)

fuzz-programs: $(FUZZ_TARGETS)

coverage: ## lines and branches of http/, tls/ and engine/ that the tests reach
	@tests/deps.sh build test ci
	+@$(MAKE_J) COVERAGE=1 SAN= CC=gcc test-programs
	@find build/coverage -name '*.gcda' -delete
	+@$(MAKE) COVERAGE=1 SAN= CC=gcc test-covered
	@tests/coverage.py build/coverage

test-covered:
	@$(RUN) --together $(SIM_TESTS) $(UNIT_TESTS) --waiting $(LIVE_TESTS) $(EPOLL_TESTS)

include install.mk

clean: ## remove this configuration's build (all of build/ for the default one)
	rm -rf $(B)

help: ## this list
	@awk '/^#   [A-Z]/ { print substr($$0, 3) } \
	  /^[a-z-]+:.*## / { split($$1, target, ":"); \
	    printf "  make %-14s%s\n", target[1], substr($$0, index($$0, "## ") + 3) }' Makefile install.mk
