"""What is known of the champion without its model."""

from pathlib import Path

from categoriser import paths
from categoriser.io.documents import Json, read_json, read_object


def champion_facts(folder: Path) -> Json | None:
    """Return what is known of the champion; None where there is none. Raises `UserError`."""
    path = folder / paths.CHAMPION_FACTS.name
    if read_json(path, "make promote") is None:
        return None
    return read_object(path, "make promote", "digest")
