"""`python -m release`: see `release.cli`."""

from categoriser.command import run_command
from release.cli.verbs import verbs

if __name__ == "__main__":
    run_command(verbs)
