# The front of the house. Anything with logic is a script in ops/ or a test.
SHELL := /bin/bash
ENV := source .private/env &&
.DEFAULT_GOAL := help
.PHONY: up down test lint bench schemas clean help

up: ## build, start Chancery in the background, return when it is ready
	@ops/bootstrap.sh
	@$(ENV) cargo build --release -p chancery
	@ops/up.sh

down: ## stop it; what it knows stays
	@ops/down.sh

test: ## every test, against a PostgreSQL and a NATS server of their own
	@ops/bootstrap.sh
	@ops/test-tools.sh
	@$(ENV) cargo build --workspace --bins --examples
	@$(ENV) if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace; fi

lint: ## formatting, clippy, and cargo-deny where it is installed
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; fi

bench: ## the figures of docs/benchmarks.md
	@ops/bootstrap.sh
	@$(ENV) cargo build --release -p chancery -p chancery-tests --bins --no-default-features
	@$(ENV) target/release/bench

schemas: ## generate schemas/ from libs/contracts
	@cargo run --quiet -p chancery-tests --bin generate-schemas

clean: ## remove what was built and fetched here; a running Chancery and its data stay
	@cargo clean
	@rm -rf .private

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
