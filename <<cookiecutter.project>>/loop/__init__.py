"""Months that are made up, which the real server answers and the project's own verbs take up."""
