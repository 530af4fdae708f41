"""The rows that ask for a review: in which order people see them, and what they say of them."""
