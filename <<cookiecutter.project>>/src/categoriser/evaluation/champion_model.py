"""The champion's model, if this code can read it and compare with it."""

from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec.structs import replace

from categoriser import paths
from categoriser.errors import UserError
from categoriser.evaluation.champion import Champion, read_champion
from categoriser.io.digests import digest
from categoriser.model.package import Categoriser

RETIRE = "`make promote FORGET=champion` retires the champion"
# A message names so many classes, and counts the rest.
MOST_CLASS_NAMES = 5


def load_champion(folder: Path) -> tuple[Champion | None, Categoriser | None]:
    """Return the champion's facts and model; None and None without a champion.

    A champion that this code cannot read, such as one of other features, gives its facts with
    `unreadable` and no model. Raises `UserError` where the model is missing or is another one.
    """
    facts = read_champion(folder)
    if facts is None:
        return None, None
    model = folder / "model"
    if not model.is_dir():
        raise UserError(f"{model} is missing; `dvc pull {model}` fetches it")
    if digest(model) != facts.digest:
        fault = f"{model} is not the model that {folder / paths.CHAMPION_FACTS.name} names"
        raise UserError(f"{fault}; `dvc pull --force {model}` fetches it")
    try:
        return facts, Categoriser.load(model)
    except UserError as error:
        return replace(facts, unreadable=f"{error}; {RETIRE}"), None


def load_comparable_champion(
    folder: Path, classes: Sequence[str]
) -> tuple[Champion | None, Categoriser | None]:
    """Return what `load_champion` does; one of other classes gives its facts, and no model."""
    facts, model = load_champion(folder)
    if facts is None or model is None:
        return facts, None
    why = other_classes(model.classes, classes)
    if why:
        return replace(facts, unreadable=why), None
    return facts, model


def other_classes(champion: Sequence[str], model: Sequence[str]) -> str:
    """Say why a champion cannot be compared, where its classes are others; else nothing.

    Each row of a class that it does not know would count as its error, and as the model's lead.
    """
    if set(champion) == set(model):
        return ""
    alone = {"the champion": {*champion} - {*model}, "the model": {*model} - {*champion}}
    named = (f"{who} alone knows {first_names(names)}" for who, names in alone.items() if names)
    return f"its classes are others ({'; '.join(named)}); {RETIRE}"


def first_names(names: Collection[str]) -> str:
    """Name the first few in order, and say how many more there are."""
    shown = ", ".join(sorted(names)[:MOST_CLASS_NAMES])
    more = len(names) - MOST_CLASS_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
