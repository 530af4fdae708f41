"""`python -m release`: see `release.cli`."""

from categoriser.errors import run
from release.cli import application

if __name__ == "__main__":
    run(application)
