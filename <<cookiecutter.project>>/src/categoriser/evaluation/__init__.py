"""What is measured of a model, the report on it, and whether it may go on."""
