# What a person does with this repository, one word each. `make help` lists them.

CARGO   ?= cargo
PREFIX  ?= /usr/local
DESTDIR ?=

# Debian packages that the tests use: the original to compare with, and the programs around us.
TEST_PACKAGES = tenshi systemd-journal-remote postfix openssl rsyslog logrotate redis-server rsyslog-hiredis bsdutils perl \
	zstd xz-utils bzip2 pbzip2 mandoc man-db faketime iproute2 strace tmux procps apprise curl zabbix-agent prometheus-alertmanager icinga2-bin
# And those that the benchmark measures, and measures with.
BENCH_PACKAGES = tenshi perl grep coreutils util-linux time

# Most tests wait for a program: twice as many at a time as there are processors.
TEST_THREADS = $$((2 * $$(nproc)))

.PHONY: help build demo demo-site test model torture torture-seeds bench bench-count bench-stages bench-files audit check-freebsd \
	check-packaging install test-packages test-static deb deb-source test-package test-deb-source lint-deb-source static container \
	rpm release test-release

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## Build the program for use (target/release/tenshi)
	$(CARGO) build --release --locked

demo: ## Run the daemon on example logs and show the mails
	@CARGO='$(CARGO)' examples/demo/run

demo-site: ## Run three consoles with one report, kill one, and show the mails
	@CARGO='$(CARGO)' examples/site/run

test: test-packages ## Run all tests (installs the Debian packages that they need, when root)
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked
	@$(MAKE) --no-print-directory model

model: ## Look at every state of the protocol of several consoles, within bounds (tests/model)
	CARGO_TARGET_DIR=$(CURDIR)/target/model $(CARGO) test --locked --manifest-path tests/model/Cargo.toml

test-packages:
	@scripts/test-packages $(TEST_PACKAGES)

torture: test-packages build ## Break it for an hour (TENSHI_TORTURE_MINUTES); writes docs/reliability.md
	TENSHI_PROGRAM=$(CURDIR)/target/release/tenshi \
		TENSHI_TORTURE_MINUTES=$${TENSHI_TORTURE_MINUTES:-60} \
		$(CARGO) test --locked --test torture torture -- --nocapture

torture-seeds: test-packages ## Run the random tests with many more seeds (hours)
	TENSHI_TORTURE=1 RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked -- --nocapture
	TENSHI_TORTURE=1 $(MAKE) --no-print-directory model

bench: ## Measure it beside the Perl original, grep and wc; writes docs/performance.md
	@scripts/test-packages $(BENCH_PACKAGES)
	$(CARGO) bench --locked --bench compare

bench-count: ## Count instructions a line with callgrind, for a machine that is not quiet
	@scripts/test-packages $(BENCH_PACKAGES) valgrind
	$(CARGO) bench --locked --bench compare -- count

bench-stages: ## Measure each step of a line by itself
	$(CARGO) bench --locked --bench stages

bench-files: ## Measure the daemon with ten thousand logs, a million lines; writes its part of docs/performance.md
	$(CARGO) bench --locked --bench files

audit: ## Check licences, bans, sources and published faults of all dependencies (builds cargo-deny once)
	@CARGO='$(CARGO)' scripts/audit

check-packaging: ## See that versions, scripts and file lists of all packages fit together
	@CARGO='$(CARGO)' scripts/check-packaging

check-freebsd: ## See that the program compiles for FreeBSD (rustup fetches its standard library)
	@rustup target list --installed | grep -qx x86_64-unknown-freebsd || rustup target add x86_64-unknown-freebsd
	$(CARGO) check --locked --target x86_64-unknown-freebsd --lib --bins

# Root may have no cargo, and must not write into the target directory: this builds nothing.
install: ## Install what `make build` built to $(DESTDIR)$(PREFIX)/sbin, the rule files to share/tenshi/includes
	@test -x target/release/tenshi || { echo 'there is no target/release/tenshi: run "make build" first, as yourself' >&2; exit 1; }
	install -D -m 0755 target/release/tenshi $(DESTDIR)$(PREFIX)/sbin/tenshi
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/tenshi/includes etc/includes-available/*

deb: ## Build the Debian package into dist/ (installs the build's needs, when root)
	@CARGO='$(CARGO)' scripts/make-deb dist

deb-source: ## Make the Debian source package in dist/, with all crates: it builds without a network
	@CARGO='$(CARGO)' scripts/make-source dist

lint-deb-source:
	@scripts/test-packages lintian
	@tests/package/lint-source

test-deb-source: lint-deb-source ## Build that in a clean Debian by Debian's Rust, twice and for arm64, and test both (root; an hour)
	@scripts/test-packages debootstrap systemd-container lintian procps qemu-user-static binfmt-support
	@tests/package/source

test-package: ## Test the package in dist/ in a booted Debian (root; builds that once, in tests/.cache)
	@scripts/test-packages debootstrap systemd-container lintian procps
	@tests/package/run

static: ## Build the program for any Linux, and pack it: dist/tenshi-VERSION-x86_64-linux.tar.gz
	@CARGO='$(CARGO)' scripts/make-static dist

test-static: test-packages static ## Run the tests with a static program, but for those that it cannot pass
	@CARGO='$(CARGO)' RUST_TEST_THREADS=$(TEST_THREADS) scripts/test-static

container: static ## Lay out the container in dist/container, and build its image (Containerfile)
	@scripts/test-packages buildah skopeo
	@CARGO='$(CARGO)' scripts/make-container dist

rpm: static ## Build the RPM package into dist/
	@CARGO='$(CARGO)' scripts/make-rpm dist

release: ## Make all that a release consists of in dist/, with checksums (RELEASING.md)
	@CARGO='$(CARGO)' scripts/make-release dist

test-release: ## Test what `make release` made, each in a clean root of its kind (root)
	@scripts/test-packages busybox-static skopeo postfix rpm makepkg libarchive-tools fakeroot zstd debootstrap systemd-container procps
	@tests/release/run
