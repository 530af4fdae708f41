"""Stage `evaluate`: judge what was measured; write the verdict, the report and the model card.

It succeeds whatever the verdict is, which `gate` heeds, so that an experiment (`dvc exp run
evaluate`) is kept with the report of its own model, and none is kept beside another's.
"""

from categoriser import paths
from categoriser.command import run_command
from categoriser.data.generated_facts import read_generated_facts
from categoriser.data.profile import read_profile
from categoriser.evaluation import report
from categoriser.evaluation.evaluation_file import read_evaluation
from categoriser.evaluation.judging import in_words, judge
from categoriser.evaluation.verdict import Verdict
from categoriser.io.replacing import write_json, write_text
from categoriser.params import read_params


def main() -> None:
    params = read_params()
    evaluation = read_evaluation(paths.EVALUATION)
    generated = None
    if params.data.path == paths.GENERATED:
        generated = read_generated_facts(paths.GENERATED_FACTS)
    verdicts = judge(evaluation, params.gate)
    faults = tuple(in_words(found) for found in verdicts if found.outcome == "failed")
    verdict = Verdict(
        model=evaluation.model.digest,
        passed=not faults,
        faults=faults,
        verdicts=tuple(verdicts),
    )
    write_json(paths.VERDICT, verdict)
    facts = report.ReportFacts(
        about=params.about,
        evaluation=evaluation,
        verdict=verdict,
        data=read_profile(paths.PROFILE),
        data_path=str(params.data.path),
        generated=generated,
    )
    write_text(paths.REPORT, report.html(facts))
    write_text(paths.MODEL_CARD, report.model_card(facts))


if __name__ == "__main__":
    run_command(main)
