"""Thresholds from undrifted weeks: what they are, how they are found, what they detect."""
