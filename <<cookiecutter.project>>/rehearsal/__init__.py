"""Months that are made up: the real server answers them, and the project's own verbs do the rest."""
