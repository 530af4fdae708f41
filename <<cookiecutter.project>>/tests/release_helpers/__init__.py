"""Helpers of the release's tests: AWS as a table of answers, settings, a project to release."""
