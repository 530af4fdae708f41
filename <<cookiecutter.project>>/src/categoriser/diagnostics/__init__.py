"""Training diagnostics: the series of a training, rules over them and its data, and their page."""
