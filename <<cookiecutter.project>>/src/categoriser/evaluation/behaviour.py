"""How a model behaves on the team's cases: which hold, and what it answers where they do not."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from categoriser.evaluation.behaviour_cases import KINDS, Case, read_cases
from categoriser.evaluation.evaluation_file import Behaviour, CasesOfKind, FailedCase
from categoriser.features import features
from categoriser.model.package import Categoriser


def measure_behaviour(file: Path | None, model: Categoriser) -> Behaviour | None:
    """Return how the model behaves on a file's cases; None where no file is named or there.

    Raises `UserError` as `read_cases`.
    """
    if file is None or not file.exists():
        return None
    return behaviour_on(read_cases(file), model, str(file))


def behaviour_on(cases: Sequence[Case], model: Categoriser, file: str) -> Behaviour:
    """Return how the model behaves on cases, with its rules.

    Cases of a category that the model does not have are not asked.
    """
    known = {"", *model.classes}
    unasked = Counter[str]()
    kinds = {kind: CasesOfKind(cases=0, held=0, failed=[]) for kind in KINDS}
    for case in cases:
        if case.category not in known:
            unasked[case.category] += 1
            continue
        table = model.answer_features(features(case.asked), [row.price for row in case.asked])
        given = [model.classes[place] for place in table.argmax(axis=1)]
        failed = failed_case(case, given, table.max(axis=1).tolist())
        found = kinds[case.kind]
        found.cases += 1
        if failed:
            found.failed.append(failed)
        else:
            found.held += 1
    return Behaviour(
        file=file,
        kinds={kind: found for kind, found in kinds.items() if found.cases},
        unasked=dict(sorted(unasked.items())),
    )


def failed_case(
    case: Case, given: Sequence[str], probabilities: Sequence[float]
) -> FailedCase | None:
    """Return the first wrong answer of a case; None where the case holds."""
    expected = case.category or given[0]
    wrong = [place for place, answer in enumerate(given) if answer != expected]
    if not wrong:
        return None
    place = wrong[0]
    row = case.asked[place]
    return FailedCase(
        line=case.line,
        text=row.text,
        price=row.price,
        expected=expected,
        answer=given[place],
        probability=probabilities[place],
        wrong=len(wrong),
        rows=len(given),
    )
