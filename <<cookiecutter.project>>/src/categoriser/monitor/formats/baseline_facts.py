"""`facts.json` of the baseline's folder: what a check must know of the model and its training."""

FACTS_FILE = "facts.json"
BASELINE_MADE_BY = "dvc repro baseline"
