"""`python -m release`: see `release.cli`."""

from categoriser.command import run_command
from release.cli import application

if __name__ == "__main__":
    run_command(application)
