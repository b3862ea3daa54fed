# What is installed, where, and how it is taken away again. A part of the Makefile.
#
#   PREFIX   /usr/local
#   LIBDIR   PREFIX/lib: libraries and pkg-config files; some distributions have lib64, lib/TRIPLET
#   MANDIR   PREFIX/share/man
#   DOCDIR   PREFIX/share/doc/quoit
#   DESTDIR  put before all of them, for packages; no installed file names it
#
#   BASH_COMPLETIONS, FISH_COMPLETIONS, ZSH_COMPLETIONS
#            below PREFIX/share, where each shell looks; but Debian's own zsh packages have theirs in
#            /usr/share/zsh/vendor-completions
#
# Whatever is listed in INSTALLED is installed by `install` and removed by `uninstall`.

MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/quoit
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d

HEADERS := $(wildcard include/*.h)

# --- The manual ---

# The headers are a part of it: man/manual.awk.
$(B)/man/%: man/%.scd man/manual.awk $(HEADERS)
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)awk -f man/manual.awk $(HEADERS) $< >$@.scd
	$(Q)scdoc <$@.scd >$@.new && mv -f $@.new $@ && rm -f $@.scd

# Each function has a page: its own, or a link to the page that tells of it.
MAN3 := $(filter %.3,$(MAN_PAGES))
MAN_LINKS := $(addprefix $(B)/man/links/,$(filter-out $(notdir $(MAN3)), \
               $(addsuffix .3,$(shell sed -n 's/^@function //p' $(wildcard man/*.3.scd) /dev/null))))

$(MAN_LINKS): $(B)/man/links/%.3: $(wildcard man/*.3.scd)
	@mkdir -p $(@D)
	$(Q)page=$$(grep -lE '^@function (.* )?$*( |$$)' man/*.3.scd) && \
	  echo ".so man3/$$(basename $$page .scd)" >$@

# --- Completions, made by the command from the tables of its help ---

COMPLETIONS := $(addprefix $(B)/completions/,quoit _quoit quoit.fish)
$(B)/completions/quoit: completed_shell := bash
$(B)/completions/_quoit: completed_shell := zsh
$(B)/completions/quoit.fish: completed_shell := fish

$(COMPLETIONS): $(B)/quoit
	@mkdir -p $(@D)
	$(Q)$(B)/quoit --completions $(completed_shell) >$@

# --- pkg-config ---

# $(call pkg_config,name,description,requires,libs,libs.private)
define pkg_config
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR:$(PREFIX)/%=$${prefix}/%)' \
	  'includedir=$${prefix}/include' '' \
	  'Name: $(1)' 'Description: $(2)' 'Version: $(VERSION)' \
	  'Requires$(3)' 'Libs: -L$${libdir} $(strip $(4))' 'Libs.private: $(strip $(5))' \
	  'Cflags: -I$${includedir}' >$@
endef

# Anew each time: PREFIX may be another one.
$(B)/quoit.pc: FORCE
	$(call pkg_config,quoit,HTTP requests in large batches over io_uring,.private: liburing openssl,\
	  -lquoit,-pthread $(LLHTTP_LIBS))

$(B)/quoit_llm.pc: FORCE
	$(call pkg_config,quoit_llm,Batches of LLM prompts over quoit,: quoit,-lquoit_llm,)

# --- Installing ---

SHARED_NAME = libquoit.so.$(VERSION)
LLM_SHARED_NAME = libquoit_llm.so.$(VERSION)
MAN_INSTALLED = $(foreach section,1 3 5 7,$(addprefix $(MANDIR)/man$(section)/, \
                  $(notdir $(filter %.$(section),$(MAN_PAGES) $(MAN_LINKS)))))
INSTALLED = $(addprefix $(PREFIX)/bin/,$(notdir $(PROGRAMS))) \
            $(addprefix $(PREFIX)/,$(HEADERS)) \
            $(addprefix $(LIBDIR)/,libquoit.a libquoit_llm.a $(SHARED_NAME) $(SONAME) libquoit.so) \
            $(addprefix $(LIBDIR)/,$(LLM_SHARED_NAME) $(LLM_SONAME) libquoit_llm.so) \
            $(addprefix $(LIBDIR)/pkgconfig/,quoit.pc quoit_llm.pc) $(MAN_INSTALLED) \
            $(BASH_COMPLETIONS)/quoit $(ZSH_COMPLETIONS)/_quoit $(FISH_COMPLETIONS)/quoit.fish \
            $(DOCDIR)/LICENSE

.PHONY: install uninstall abi-check abi-baseline
install: all $(MAN_LINKS) $(COMPLETIONS) $(B)/quoit.pc $(B)/quoit_llm.pc ## PREFIX=/usr/local, LIBDIR=, DESTDIR=
	$(INSTALL) -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	$(INSTALL) -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(PREFIX)/include
	$(INSTALL) -m 644 $(B)/libquoit.a $(B)/libquoit_llm.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(B)/$(SONAME) $(DESTDIR)$(LIBDIR)/$(SHARED_NAME)
	ln -sf $(SHARED_NAME) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libquoit.so
	$(INSTALL) -m 755 $(B)/$(LLM_SONAME) $(DESTDIR)$(LIBDIR)/$(LLM_SHARED_NAME)
	ln -sf $(LLM_SHARED_NAME) $(DESTDIR)$(LIBDIR)/$(LLM_SONAME)
	ln -sf $(LLM_SONAME) $(DESTDIR)$(LIBDIR)/libquoit_llm.so
	$(INSTALL) -m 644 $(B)/quoit.pc $(B)/quoit_llm.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(foreach section,1 3 5 7,$(INSTALL) -m 644 $(filter %.$(section),$(MAN_PAGES) $(MAN_LINKS)) \
	  $(DESTDIR)$(MANDIR)/man$(section) &&) true
	$(INSTALL) -m 644 $(B)/completions/quoit $(DESTDIR)$(BASH_COMPLETIONS)
	$(INSTALL) -m 644 $(B)/completions/_quoit $(DESTDIR)$(ZSH_COMPLETIONS)
	$(INSTALL) -m 644 $(B)/completions/quoit.fish $(DESTDIR)$(FISH_COMPLETIONS)
	$(INSTALL) -m 644 LICENSE $(DESTDIR)$(DOCDIR)

uninstall: ## the same PREFIX, LIBDIR and DESTDIR as with install
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))

# --- The ABI ---

abi-check: $(LIBRARIES) ## are the shared libraries still what abi/ promises?
	@tests/abi.sh check $(B)/$(SONAME)
	@tests/abi.sh check $(B)/$(LLM_SONAME)

abi-baseline: $(LIBRARIES) ## promise what is there now: after a release, and for what was added
	@tests/abi.sh write $(B)/$(SONAME) abi/libquoit.abi
	@tests/abi.sh write $(B)/$(LLM_SONAME) abi/libquoit_llm.abi
