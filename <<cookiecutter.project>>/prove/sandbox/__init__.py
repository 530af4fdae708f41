"""The whole release in a sandbox account, faults included, and its evidence: `make prove-aws`."""
