"""Where the pipeline's files are, relative to the project's root: `dvc.yaml` names the same."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")

GENERATED = Path("data/generated.csv")
GENERATED_FACTS = Path("data/generated.json")
OWN = Path("data/own.csv")
INTAKE = Path("data/intake.yaml")
VALIDATED = Path("data/validated.parquet")
SET_ASIDE = Path("data/set_aside.csv")
PROFILE = Path("data/profile.json")
PREPARED = Path("data/prepared")

# What draws plots in a page: Vega.
VEGA = Path(".tools/vega.js")

RULES = Path("rules/merchants.csv")
MERCHANT_GROUPS = Path("rules/merchant_groups.csv")
CHOICE = Path("data/choice.json")
UNSEEN_ANSWERS = Path("data/unseen_answers.parquet")
TRAINED = Path("data/trained")
SERIES = Path("data/series.jsonl")
TRAINING = Path("data/training.json")
MODEL = Path("model")

BEHAVIOUR = Path("behaviour")
GENERATED_CASES = BEHAVIOUR / "generated.csv"
OWN_CASES = BEHAVIOUR / "own.csv"

BASELINE = Path("baseline")
BASELINE_FACTS = BASELINE / "facts.json"
MONITORING = Path("monitoring/monitoring.yaml")
THRESHOLDS = Path("monitoring/thresholds.json")

FEEDBACK = Path("feedback")
FEEDBACK_TRAIN = FEEDBACK / "train.csv"
HOLDOUT = FEEDBACK / "holdout.csv"
REVIEW_LABELS = Path("labels")

METRICS = Path("reports/metrics.json")
EVALUATION = Path("reports/evaluation.json")
PLOTS = Path("reports/plots")
TUNING = Path("reports/tuning.json")
COMPARISON = Path("reports/compare.html")
VERDICT = Path("reports/gate.json")
REPORT = Path("reports/report.html")
DIAGNOSTICS = Path("reports/diagnostics.json")
DIAGNOSTICS_PAGE = Path("reports/diagnostics.html")
MODEL_CARD = Path("reports/model_card.md")
MONITOR = Path("reports/monitor")
DRIFT = Path("reports/drift")
LOOP = Path("reports/loop")
REVIEW_EXPORT = Path("reports/review")

REMOTE = Path("remote")

CHAMPION = Path("champion")
CHAMPION_FACTS = CHAMPION / "champion.json"
CHAMPION_PROFILE = CHAMPION / "profile.json"
DECISION = CHAMPION / "decision.json"
CHAMPION_MODEL = CHAMPION / "model"
