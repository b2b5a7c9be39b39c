# Every command sets up what it needs; only python3 (3.11 or newer) and make are required.
PYTHON ?= python3
BIN := .venv/bin
RUNTIME = @$(PYTHON) deploy/bootstrap.py runtime
DEVELOPMENT = @$(PYTHON) deploy/bootstrap.py development

.DEFAULT_GOAL := help
.PHONY: help run try demo test prove test-docs bench chaos fuzz mutate prove-single-redeem prove-logins-survive prove-abandoned-logins rotate-cookie-keys reset-password backup restore reconcile import-fastmp image-check lint protos dist pictures

help: ## Show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 32

run: ## Start everything in the foreground; Ctrl-C stops it
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local

try: ## Run everything with an emulated WeChat, accounts to use, and a page that plays the phone
	$(DEVELOPMENT)
	@exec $(BIN)/python -m deploy.trial

demo: ## Walk from register to a scanned cookie, against an emulated WeChat
	$(DEVELOPMENT)
	@exec $(BIN)/python -m deploy.demo

test: ## Run the tests, on real PostgreSQL, gRPC, Envoy and Chromium
	$(DEVELOPMENT)
	@$(BIN)/python -m deploy.chromium
	@$(BIN)/python -m deploy.prometheus
	@exec $(BIN)/python -m pytest -m "not long" -n 4 --dist loadgroup

prove: ## Run the long proofs: crashes, surviving logins, the chaos checker, the feed model, rolling restart, looks
	$(DEVELOPMENT)
	@$(BIN)/python -m deploy.chromium
	@$(BIN)/python -m deploy.prometheus
	@exec $(BIN)/python -m pytest -m long -n 2 --dist loadgroup

test-docs: ## Run every command of the README and of the operations guide
	$(DEVELOPMENT)
	@exec $(BIN)/python -m pytest -n 2 --dist loadgroup tests/proofs/test_readme.py tests/proofs/guide

bench: ## Measure against the ceilings (one benchmark: make bench ONLY=name)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m bench $(ONLY)

chaos: ## Kill parts under load, check that nothing is lost or doubled (make chaos SEED=… SECONDS=… PATRONI=1)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(PATRONI),--patroni)

fuzz: ## Make 2,000 hostile runs of the command line, and 20,000 calls over gRPC and REST (make fuzz RUNS=… CALLS=… SEED=…)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED))

mutate: ## Put N faults into a copy of services/ and list those that no test notices (make mutate N=100 SEED=…)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.mutate $(if $(N),-n $(N)) $(if $(SEED),--seed $(SEED))

prove-single-redeem: ## Race 256 accounts for one activation code, over gRPC and REST at once
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.single_redeem

prove-logins-survive: ## Kill replicas under 60 logins in flight (make prove-logins-survive SEED=…)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.logins_survive $(if $(SEED),--seed $(SEED))

prove-abandoned-logins: ## Abandon 1,000 logins and look for what they leave behind
	$(DEVELOPMENT)
	@exec $(BIN)/python -m tests.proofs.abandoned_logins

rotate-cookie-keys: ## Put every stored cookie of the local stack under a new key, also while it runs
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.rotate_cookie_keys

reset-password: ## Give an account of the local stack a new password (make reset-password EMAIL=… [SECOND_FACTOR=off])
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.reset_password "$(EMAIL)" $(SECOND_FACTOR)

backup: ## Back the local stack up, also while it runs: databases, keys and secrets in one file (make backup [TO=folder])
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.backup "$(TO)"

restore: ## Make a local stack of a backup (make restore FROM=file [REPLACE=yes])
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.restore "$(FROM)" "$(REPLACE)"

reconcile: ## Make the stopped local stack's databases agree after restoring some of them (make reconcile [APPLY=yes])
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.reconcile $(if $(filter yes,$(APPLY)),--apply)

# In the environment, because the URL may hold a password, which a command line would show to other users.
import-fastmp: export IMPORT_URL = $(URL)
import-fastmp: export IMPORT_FILES = $(FILES)
import-fastmp: ## Move accounts, codes and cookies of another FastMP in (make import-fastmp URL=postgresql://… FILES=folder)
	$(RUNTIME)
	@exec $(BIN)/python -m deploy.local.import_fastmp

image-check: ## Build the container image, start each service from it and call it (make image-check BASE=… BUILD_OPTIONS=…)
	$(DEVELOPMENT)
	@exec $(BIN)/python -m deploy.image.check $(if $(BASE),--base $(BASE)) $(foreach option,$(BUILD_OPTIONS),--build-option=$(option))

lint: ## Check style, types, imports, protos, generated code, migrations and the image
	$(DEVELOPMENT)
	@exec $(BIN)/python -m deploy.lint

pictures: ## Make docs/pictures again from the running product
	$(DEVELOPMENT)
	@$(BIN)/python -m deploy.chromium
	@exec $(BIN)/python -m tests.pictures

protos: ## Generate gen/ from the protos
	$(DEVELOPMENT)
	@exec $(BIN)/python protos/generate.py

dist: ## Build the client package's wheel into dist/
	$(DEVELOPMENT)
	@exec $(BIN)/python -m deploy.dist
