"""The document data/profile.json: how validated data are distributed, small enough for Git.

champion/profile.json is the same of the last accepted data.
"""

from pathlib import Path

from msgspec import Struct

from categoriser.io.documents import read_document, read_json, to_document
from categoriser.paths import CHAMPION_PROFILE

RESTORED_BY = "git restore champion/profile.json"


class Deciles(Struct):
    """A number's eleven deciles from least to greatest, and the share of rows at or below each."""

    values: list[float]
    at_or_below: list[float]


class Profile(Struct):
    """What validated data hold.

    `months` counts rows by month (YYYY-MM). `shares` are those of the values of the category, and
    of each column of few values. `repeated` is the share of rows that are equal to another in
    every column. `bad_rows` were set aside; `set_aside` counts them by reason.
    """

    rows: int
    months: dict[str, int]
    shares: dict[str, dict[str, float]]
    deciles: dict[str, Deciles]
    repeated: float
    bad_rows: int
    set_aside: dict[str, int]

    @property
    def categories(self) -> list[str]:
        return sorted(self.shares["category"])


def read_profile(path: Path) -> Profile:
    """Read the file. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Profile, "dvc repro validate")


def accepted_profile() -> Profile | None:
    """Return the profile of the last accepted data, if any. Raises `UserError` where it is gone."""
    content = read_json(CHAMPION_PROFILE, RESTORED_BY)
    if content is None:
        return None
    return to_document(content, Profile, str(CHAMPION_PROFILE), RESTORED_BY)
