"""What the tests of diagnostics share."""
