"""The candidates: a module each, with a class `Classifier` (see `categoriser.model.classifier`)."""
