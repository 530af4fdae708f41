"""Transactions: generated or taken from a bank's file, validated, prepared."""
