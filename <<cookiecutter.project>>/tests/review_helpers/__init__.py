"""Helpers of the review's tests."""
