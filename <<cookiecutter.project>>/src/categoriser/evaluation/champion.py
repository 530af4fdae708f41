"""The document champion/champion.json: what is known of the champion without its model."""

from pathlib import Path

from msgspec import Struct

from categoriser import paths
from categoriser.io.documents import read_json, to_document

MADE_BY_PROMOTION = "make promote"


class Champion(Struct, omit_defaults=True):
    """The champion's digest, its classes, and its figures by held-out part.

    `unreadable` says why this code cannot compare with it; the evaluation sets it.
    """

    digest: str
    metrics: dict[str, dict[str, float | None]] = {}
    classes: tuple[str, ...] = ()
    unreadable: str = ""


def read_champion(folder: Path) -> Champion | None:
    """Return what is known of the champion; None without one. Raises `UserError`."""
    path = folder / paths.CHAMPION_FACTS.name
    content = read_json(path, MADE_BY_PROMOTION)
    if content is None:
        return None
    return to_document(content, Champion, str(path), MADE_BY_PROMOTION)
