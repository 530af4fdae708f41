"""Stage `evaluate`: judge what was measured; write the verdict, the report and the model card.

It succeeds whatever the verdict is, which `gate` heeds, so that an experiment (`dvc exp run
evaluate`) is kept with the report of its own model, and none is kept beside another's.
"""

from categoriser import paths
from categoriser.command import run_command
from categoriser.data.generated_facts import read_generated_facts
from categoriser.data.profile import read_profile
from categoriser.evaluation import report
from categoriser.evaluation.decision import heeded, read_decision
from categoriser.evaluation.evaluation_file import Evaluation, read_evaluation
from categoriser.evaluation.judging import judge, words_of, worst_outcome
from categoriser.evaluation.verdict import Decision, Training, Verdict
from categoriser.io.replacing import write_json, write_text
from categoriser.params import Gate, read_params


def main() -> None:
    params = read_params()
    evaluation = read_evaluation(paths.EVALUATION)
    generated = None
    if params.data.path == paths.GENERATED:
        generated = read_generated_facts(paths.GENERATED_FACTS)
    verdict = verdict_on(evaluation, params.gate, read_decision(paths.CHAMPION))
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


def verdict_on(evaluation: Evaluation, settings: Gate, decision: Decision | None) -> Verdict:
    """Return the verdict on a model; `decision` is the one that Git keeps, of whichever model."""
    metadata = evaluation.model.metadata
    training = Training(
        train_digest=metadata.train_digest,
        features_version=metadata.features_version,
        candidate=metadata.candidate,
        classifier=metadata.classifier,
        rules=metadata.rules_digest,
    )
    verdicts = judge(evaluation, settings)
    outcome = worst_outcome(verdicts)
    accepted = heeded(decision, training, verdicts) if outcome == "insufficient" else None
    return Verdict(
        model=evaluation.model.digest,
        training=training,
        passed=outcome == "passed" or accepted is not None,
        outcome=outcome,
        faults=words_of(verdicts, "failed"),
        doubts=words_of(verdicts, "insufficient"),
        verdicts=tuple(verdicts),
        decision=accepted,
    )


if __name__ == "__main__":
    run_command(main)
