"""The keys of all that a release keeps in S3, by bucket.

The templates and the Lambda functions name the same keys, since they cannot import them:
tests/release/test_contracts.py holds them against these.
"""

# In the bucket of artifacts.
BASE_SOURCE = "base/source.zip"
LAMBDA_BUNDLES = "lambdas"

# In the bucket of data.
RAW_DATA = "raw"
DATA_MANIFEST = "releases/data.zip"
LABELLED_MANIFEST = "releases/labelled.zip"
RETRAINING_DECISIONS = "retraining/"
RUNS = "runs"

# Below a release's run, `runs/<release>`.
RUN_DATA = "data"
RUN_REQUESTS = "requests.json"
RUN_TRAINING = "training"
RUN_EVALUATION = "evaluation"
RUN_BASELINE = "evaluation/baseline"
RUN_VERDICT = "evaluation/gate.json"
RUN_DIAGNOSTICS = "evaluation/diagnostics.json"
RUN_BATCH = "batch"

# In the bucket of what production answers.
CAPTURES = "captures"
GROUND_TRUTH = "ground-truth"
LABELS = "labels"
REPORTS = "reports"


def run_prefix(release: str) -> str:
    """Return the prefix of all that a release's jobs read and write."""
    return f"{RUNS}/{release}"


def lambda_bundle(sha256: str) -> str:
    """Return the key of a bundle of the Lambda functions."""
    return f"{LAMBDA_BUNDLES}/{sha256}.zip"
