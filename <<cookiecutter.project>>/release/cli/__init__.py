"""`python -m release VERB`: the command line of the release."""
