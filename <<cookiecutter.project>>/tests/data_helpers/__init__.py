"""What several tests of the data need."""
