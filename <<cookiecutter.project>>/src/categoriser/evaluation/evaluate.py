"""Stage `evaluate`: judge what was measured; write the verdict, the report and the model card.

It succeeds whatever the verdict is, which `gate` heeds, so that an experiment (`dvc exp run
evaluate`) is kept with the report of its own model, and none is kept beside another's.
"""

from msgspec import to_builtins

from categoriser import paths
from categoriser.errors import run
from categoriser.evaluation import report
from categoriser.evaluation.judging import in_words, judge
from categoriser.evaluation.verdict import Verdict
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
    faults = tuple(in_words(found) for found in verdicts if found.outcome == "failed")
    verdict = Verdict(
        model=evaluation["model"]["digest"],
        passed=not faults,
        faults=faults,
        verdicts=tuple(verdicts),
    )
    write_json(paths.VERDICT, verdict)
    facts = {
        "about": params.about.model_dump(),
        "evaluation": evaluation,
        "data": data,
        "data_path": str(params.data.path),
        "generated": generated,
        "passed": verdict.passed,
        "verdicts": to_builtins(verdict.verdicts),
    }
    write_text(paths.REPORT, report.html(facts))
    write_text(paths.MODEL_CARD, report.model_card(facts))


if __name__ == "__main__":
    run(main)
