"""`data/intake.yaml`: how a bank's file is read into the project's own form."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from categoriser.data.intake import dates
from categoriser.data.table import OPTIONAL, REQUIRED
from categoriser.io.replacing import write_text
from categoriser.params import Section

# It is written for a fact that the file does not show.
ASK = "?"
Sign = Literal["as written", "turned", "by column", "?"]
ColumnPlace = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)]
# A column that the project knows: one of `COLUMN_ROLES`.
ColumnRole = str
# Columns of banks that the project's own form does not have.
BANK_ROLES = ("debit", "credit", "way")
COLUMN_ROLES = (*REQUIRED[:-1], *BANK_ROLES, *REQUIRED[-1:], *OPTIONAL)
# The columns that say how much was paid, and which way it went.
AMOUNT_ROLES: tuple[ColumnRole, ...] = ("price", "debit", "credit")
MONEY_ROLES = (*AMOUNT_ROLES, "way")
COMMENT_WIDTH = 100


def _pattern(value: str) -> str:
    fault = None if value == ASK else dates.pattern_fault(value)
    if fault:
        raise ValueError(f"{value!r} {fault}")
    return value


def _roles(value: dict[ColumnRole, ColumnPlace]) -> dict[ColumnRole, ColumnPlace]:
    unknown = [role for role in value if role not in COLUMN_ROLES]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is none of {', '.join(COLUMN_ROLES)}")
    return {role: value[role] for role in COLUMN_ROLES if role in value}


def _known(value: str) -> str:
    if value != ASK:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"Python knows no encoding {value!r}") from None
    return value


class Form(Section):
    """How a file is written. The defaults are the project's own form.

    `columns` gives for each of the project's columns the name of the file's, or its number, from 1,
    where no line names them (`header: false`) or two have one name.
    """

    encoding: Annotated[str, AfterValidator(_known)] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    header: bool = True
    columns: Annotated[dict[ColumnRole, ColumnPlace], AfterValidator(_roles)] = Field(
        default_factory=dict
    )
    date: Annotated[str, AfterValidator(_pattern)] = dates.ISO_PATTERN
    decimal: Literal[".", ",", "?"] = "."
    sign: Sign = "as written"

    @model_validator(mode="after")
    def numbers_without_a_header(self) -> Self:
        named = [str(place) for place in self.columns.values() if isinstance(place, str)]
        if not self.header and [name for name in named if name != ASK]:
            raise ValueError("without a header the columns are given by number")
        return self

    def column(self, role: ColumnRole) -> ColumnPlace | None:
        """Return the file's column; where nothing is said of it, the one of the same name."""
        if role in self.columns or not self.header or role in BANK_ROLES:
            return self.columns.get(role)
        by_two = "debit" in self.columns or "credit" in self.columns
        return None if role == "price" and by_two else role

    def unanswered(self) -> list[str]:
        """Return the names of what is still to be said."""
        given = self.model_dump(exclude={"columns"})
        given |= {f"columns.{role}": place for role, place in self.columns.items()}
        return [name for name, value in given.items() if value == ASK]


OWN_FORM = Form()


def write_form(path: Path, form: Form, source: Path, why: Mapping[str, str]) -> None:
    """Write a form with the reasons for each value above it, in lines that yamllint takes."""
    lines = [
        f"# How `make data` reads {source.name} into the project's own form. It was proposed:",
        "# mend what is wrong, and write what is asked for in place of a question mark. The bank's",
        "# other files are read by it too. Delete it, and the next file's form is proposed anew.",
    ]
    for name, value in form.model_dump().items():
        lines += _comment(why.get(name, ""), "")
        if name != "columns":
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
            continue
        lines.append("columns:")
        for role, place in value.items():
            lines += _comment(why.get(f"columns.{role}", ""), "  ")
            lines.append(f"  {role}: {json.dumps(place, ensure_ascii=False)}")
    write_text(path, "\n".join(lines) + "\n")


def _comment(words: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(words, COMMENT_WIDTH)]
