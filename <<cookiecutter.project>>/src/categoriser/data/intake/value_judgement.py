"""What a file's values show: the date's pattern, the decimal sign, and what is negative."""

import datetime
from collections import Counter
from collections.abc import Sequence

from categoriser.data.intake import amounts
from categoriser.data.intake.counting import ValueCounts
from categoriser.data.intake.form import ASK, ColumnPlace, ColumnRole, Form
from categoriser.data.intake.recognised import Recognised


def judge_values(
    counts: ValueCounts,
    form: Form,
    given: Form | None,
    needed: Sequence[ColumnRole],
    found: Recognised,
) -> dict[str, object]:
    """Return the fields of a form that the values decide; ask what they do not show.

    What a person has written into `given` is kept.
    """
    values: dict[str, object] = {}
    date = _date_pattern(counts, form, given, needed, found)
    if date is not None:
        values["date"] = date
    values["decimal"] = _decimal_sign(counts, given, found)
    mapping = dict(form.columns)
    sign = _sign_by_columns(counts, mapping, found)
    if given and given.sign != ASK:
        sign = given.sign
        found.questions.pop("sign", None)
    if sign is not None:
        values["sign"] = sign
    return values | {"columns": mapping}


def _date_pattern(
    counts: ValueCounts,
    form: Form,
    given: Form | None,
    needed: Sequence[ColumnRole],
    found: Recognised,
) -> str | None:
    """Return the date's pattern, or None where nothing is to be said of it."""
    if given and given.date != ASK:
        return given.date
    if "date" not in form.columns:
        return None
    judged = counts.on_dates.judge(datetime.datetime.now(tz=datetime.UTC).date())
    found.why["date"] = judged.why
    if judged.pattern != ASK:
        return judged.pattern
    if "date" not in needed:
        return None
    choice = " or ".join(judged.choices) or "its pattern, such as DD.MM.YYYY"
    found.questions["date"] = f"{judged.why}: write {choice}"
    return ASK


def _decimal_sign(counts: ValueCounts, given: Form | None, found: Recognised) -> str:
    if given and given.decimal != ASK:
        return given.decimal
    sign, why = counts.on_amounts.decimal()
    found.why["decimal"] = why
    if sign == ASK:
        found.questions["decimal"] = f'{why}: write "." or ","'
    return sign


def _sign_by_columns(
    counts: ValueCounts, mapping: dict[ColumnRole, ColumnPlace], found: Recognised
) -> str | None:
    """Return what debit, credit and a column that says the way mean for the sign, if anything.

    A column of ways that cannot be used leaves the mapping.
    """
    sign = None
    if "way" in mapping:
        known = all(way in amounts.CREDIT_WORDS | amounts.DEBIT_WORDS for way in counts.ways)
        unsigned = not counts.signs.get("price", Counter())["negative"]
        if not known or not unsigned or "price" not in mapping:
            del mapping["way"]
        else:
            sign = "by column"
            found.why["sign"] = "the column says which way the money went: what is paid is positive"
    if "price" in mapping:
        return sign
    signs = {role: counts.signs[role] for role in ("debit", "credit") if role in counts.signs}
    mixed = [role for role, seen in signs.items() if seen["negative"] and seen["positive"]]
    if mixed:
        found.questions["sign"] = (
            f'{mapping[mixed[0]]} holds amounts of both signs: write "by column" where only its '
            'size counts, or "as written" where a negative one is taken back'
        )
        return ASK
    found.why["sign"] = "a debit is what is paid, and positive; a credit is negative"
    return "by column"
