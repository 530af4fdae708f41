"""What the tests of the jobs share: their inputs, and the account that they work in."""
