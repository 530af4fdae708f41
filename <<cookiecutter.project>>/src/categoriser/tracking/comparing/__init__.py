"""Comparing runs that MLflow has, whatever server it is: in a terminal, and on a page."""
