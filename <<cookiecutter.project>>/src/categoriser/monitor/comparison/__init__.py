"""A window's statistics held against the baseline's: distances, drift, constraints."""
