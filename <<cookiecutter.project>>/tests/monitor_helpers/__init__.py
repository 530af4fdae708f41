"""What the tests of the monitor make and read, by what it holds."""
