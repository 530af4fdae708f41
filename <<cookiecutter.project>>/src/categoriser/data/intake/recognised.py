"""What is found out of a file's form, with the evidence for each part."""

from dataclasses import dataclass, field

from categoriser.data.intake.form import Form


@dataclass
class Recognised:
    """A file's form, the reason for each of its parts, what else was seen, and what is missing."""

    form: Form
    is_own: bool = False
    why: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: dict[str, str] = field(default_factory=dict)
    samples: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    rows: int = 0
    unread: list[tuple[int, str]] = field(default_factory=list)
    # Lines below the last row.
    below: int = 0
