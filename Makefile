# Commands of those who work on the package; `make` lists them.
.PHONY: help format check test slow bench docs
help:
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

format: ## put imports in order, and format
	ruff check --fix --quiet .
	ruff format --quiet .

check: ## what needs no test: imports, docstrings, usual mistakes, format, types
	ruff check .
	ruff format --check .
	mypy

test: ## the quick tests, some minutes
	pytest

slow: ## what the quick tests leave out
	pytest -m slow

docs: ## the catalogue site, into site/, without a network
	python docs/site/make_site.py

bench: ## the benchmarks that need no published files
	for script in engines images syncing reading imagenet vqa yelp; do python benchmarks/$$script.py; done
