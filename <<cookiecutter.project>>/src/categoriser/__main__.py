"""`python -m categoriser VERB …`: the project's verbs, which the Makefile calls."""

from categoriser.cli.application import application
from categoriser.command import run_command

if __name__ == "__main__":
    run_command(application)
