"""The project's verbs, a module for each of the Makefile's groups."""
