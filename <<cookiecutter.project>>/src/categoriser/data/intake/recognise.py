"""What form a file is in, found by reading all of it, with the evidence for each part.

What the file does not show is asked for, and never guessed.
"""

from collections.abc import Sequence
from pathlib import Path

from categoriser.data.intake import encoding
from categoriser.data.intake.column_choice import choose_columns
from categoriser.data.intake.counting import count_values
from categoriser.data.intake.form import ASK, OWN_FORM, ColumnRole, Form
from categoriser.data.intake.layout import DELIMITERS, find_layout
from categoriser.data.intake.read_through import note_oddities, read_through
from categoriser.data.intake.recognised import Recognised
from categoriser.data.intake.value_judgement import judge_values
from categoriser.data.table import REQUIRED


def recognise(
    source: Path, needed: Sequence[ColumnRole] = REQUIRED, given: Form | None = None
) -> Recognised:
    """Find out the form of a file that has at least the needed columns.

    What a person has written into `given` is kept. The rest, its question marks, is found out.
    Raises `UserError` for a file that cannot be read, or in which no table is found.
    """
    found = Recognised(OWN_FORM)
    coded = _choose_encoding(source, given, found)
    readable_by = "latin-1" if coded == ASK else coded
    layout = find_layout(source, readable_by, (given.delimiter,) if given else DELIMITERS)
    values: dict[str, object] = {
        "encoding": coded,
        "delimiter": layout.delimiter,
        "header": layout.line > 0,
        "columns": choose_columns(layout, needed, given, found),
    }
    if found.questions.keys() - {"encoding"}:
        # These are found out once the columns are known.
        unknown = {"date": ASK, "decimal": ASK, "sign": ASK}
        found.form = Form.model_validate(values | unknown)
        return found
    readable = Form.model_validate(values | {"encoding": readable_by})
    counts = count_values(source, readable, layout, needed)
    values |= judge_values(counts, readable, given, needed, found)
    found.form = Form.model_validate(values)
    if not found.questions:
        read_through(source, found, needed)
        note_oddities(source, layout, counts, found)
    return found


def _choose_encoding(source: Path, given: Form | None, found: Recognised) -> str:
    if given and given.encoding != ASK:
        return given.encoding
    coded = encoding.sniff(source)
    found.why["encoding"] = coded.why
    if coded.name == ASK:
        found.questions["encoding"] = f"{coded.why}: write mac_roman, cp850, latin-1, cp1250, ..."
    return coded.name
