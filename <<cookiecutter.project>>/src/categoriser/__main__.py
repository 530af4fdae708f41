"""`python -m categoriser VERB …`: the project's verbs, which the Makefile calls."""

from categoriser.cli.application import application
from categoriser.errors import run

if __name__ == "__main__":
    run(application)
