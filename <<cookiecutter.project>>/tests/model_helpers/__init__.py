"""What the tests of the model share."""
