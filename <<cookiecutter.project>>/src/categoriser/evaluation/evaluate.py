"""Stage `evaluate`: judge what was measured; write the verdict, the report and the model card.

It succeeds whatever the verdict is, which `gate` heeds, so that an experiment (`dvc exp run
evaluate`) is kept with the report of its own model, and none is kept beside another's.
"""

from dataclasses import asdict

from categoriser import paths
from categoriser.errors import run
from categoriser.evaluation import report
from categoriser.evaluation.gate import describe, judge
from categoriser.io.documents import read_json, read_object
from categoriser.io.replacing import write_json, write_text
from categoriser.params import read_params


def main() -> None:
    params = read_params()
    keys = ("champion", "model", "parts", "settings", "slices")
    evaluation = read_object(paths.EVALUATION, "dvc repro measure", *keys)
    data, generated = read_json(paths.PROFILE, "dvc repro validate"), None
    if params.data.path == paths.GENERATED:
        generated = read_json(paths.GENERATED_FACTS, "dvc repro generate")
    verdicts = judge(evaluation, params.gate)
    failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
    found = {"passed": not failed, "verdicts": [asdict(verdict) for verdict in verdicts]}
    about = {"model": evaluation["model"]["digest"], "faults": list(map(describe, failed))}
    write_json(paths.VERDICT, about | found)
    facts = {
        "about": params.about.model_dump(),
        "evaluation": evaluation,
        "data": data,
        "data_path": str(params.data.path),
        "generated": generated,
    } | found
    write_text(paths.REPORT, report.html(facts))
    write_text(paths.MODEL_CARD, report.model_card(facts))


if __name__ == "__main__":
    run(main)
