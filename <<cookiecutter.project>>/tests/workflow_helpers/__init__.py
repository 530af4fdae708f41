"""A double of AWS for what runs a training workflow."""
