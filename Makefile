# Each target is a script that says what it installs. They need Rust; everything else comes as needed.
.DEFAULT_GOAL := help
.PHONY: help run test lint schema release bench conformance fuzz demo e2e-real

help: ## Show this
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## Build the release binary and start the gateway on 127.0.0.1:8080 (ARGS="--config FILE")
	@exec scripts/run $(ARGS)

test: ## Everything CI runs: lints, licences, all tests, the official SDKs against the gateway
	@exec scripts/test

lint: ## Formatting, clippy, tidy, schema, licences
	@exec scripts/lint

schema: ## Write the generated files in schema/ and docs/reference/ anew
	@exec cargo xtask schema

release: ## Build the binary as it is released, guided by a profile (about 10 minutes)
	@exec scripts/release

bench: ## nginx, the bare upstream and Pathgate side by side (ARGS="--quick")
	@exec scripts/bench $(ARGS)

conformance: ## Recorded provider traffic through the gateway, read by the official SDKs (FIXTURES=<folder>)
	@FIXTURES="$(FIXTURES)" exec scripts/conformance $(ARGS)

fuzz: ## Every reader of foreign bytes under a fuzzer, 10 minutes each (SECONDS_EACH=60)
	@exec scripts/fuzz

demo: ## A real language model on this machine behind the gateway
	@exec scripts/demo

e2e-real: ## Drive the gateway in front of that model with the official SDKs and check the books
	@exec scripts/e2e-real
