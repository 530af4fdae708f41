"""Ground truth joined to captures: figures of the model, and data to train the next one on."""
