"""Mutants of the templates and the Lambdas, each judged by the tests: `make test-mutants`."""
