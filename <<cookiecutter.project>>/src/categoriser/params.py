"""`params.yaml`, read once at the edge of a command into typed objects."""

import datetime
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML

from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.paths import BEHAVIOUR, PARAMS

Share = Field(ge=0, le=1)
# A text of one line, which may be empty.
OneLine = Field("", max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")


class Section(BaseModel):
    """A part of the file: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Sections = TypeVar("Sections", bound=Section)


class About(Section):
    project: str
    owner: str


class Experiment(Section):
    """What MLflow groups the runs by; without a name, in the project's own experiment."""

    name: str = OneLine
    goal: str = OneLine
    hypothesis: str = OneLine


class Data(Section):
    path: Path


class Generate(Section):
    rows: int = Field(ge=1)
    seed: int
    start: datetime.date
    months: int = Field(ge=1)
    label_noise: float = Share


class Validate(Section):
    tolerance: float = Share
    max_shift: float = Share
    max_price: float = Field(gt=0)
    first_date: datetime.date


class Prepare(Section):
    # As many ASCII characters as BLAKE2b takes bytes of salt: `data.hashed_uniform`.
    salt: str = Field(max_length=16, pattern=r"^[ -~]*$")
    months: int = Field(ge=0)
    merchants: float = Share
    largest_group: float = Field(gt=0, le=1)
    random: float = Share
    validation: float = Share


class Train(Section):
    review_threshold: float = Share
    folds: int = Field(ge=2)
    # Each classifier has knobs of its own, and checks them.
    candidates: dict[str, dict[str, object]] = Field(min_length=1)

    @property
    def first(self) -> str:
        """The candidate that is named first."""
        return next(iter(self.candidates))

    def knobs_of(self, candidate: str) -> dict[str, object]:
        """Return a candidate's knobs. Raises `UserError` where it is not one."""
        if candidate not in self.candidates:
            raise UserError(f"{PARAMS}: train.candidates has no {candidate!r}")
        return self.candidates[candidate]


class Evaluate(Section):
    slices: list[str]
    price_bands: list[float]
    min_rows: int = Field(ge=1)
    # The monitor, whose baseline keeps the other settings, asks no cases.
    behaviour: Path | None = None
    resamples: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def bands_rise(self) -> Self:
        if sorted(set(self.price_bands)) != self.price_bands:
            raise ValueError("price_bands must rise")
        return self

    @model_validator(mode="after")
    def cases_are_watched(self) -> Self:
        # The stage `measure` depends on this folder, and jobs get it.
        if self.behaviour and self.behaviour.parent != BEHAVIOUR:
            raise ValueError(f"behaviour must be a file in {BEHAVIOUR}/")
        return self


class Gate(Section):
    min_gain_over_majority: float | None = Share
    max_loss_to_reference: float = Share
    widest_loss: float = Share
    max_loss_to_champion: float = Share
    max_slice_gap: float = Share
    min_cases_held: float | None = Share
    min_accuracy: float | None = Share
    min_macro_f1: float | None = Share


class DiagnosticsRule(Section):
    threshold: float = Field(ge=0)
    action: Literal["report", "stop"]


class Diagnostics(Section):
    """The rules of `categoriser.diagnostics.rules`, by name."""

    loss_not_decreasing: DiagnosticsRule
    exploding_loss: DiagnosticsRule
    over_fitting: DiagnosticsRule
    class_imbalance: DiagnosticsRule
    dead_classes: DiagnosticsRule
    too_little_data: DiagnosticsRule
    duplicates: DiagnosticsRule
    unknown_words: DiagnosticsRule


class Params(Section):
    about: About
    data: Data
    generate: Generate
    validate_: Validate = Field(alias="validate")
    prepare: Prepare
    train: Train
    diagnostics: Diagnostics
    evaluate: Evaluate
    gate: Gate
    experiment: Experiment = Experiment()


def read_params(path: Path = PARAMS) -> Params:
    """Read and check the file. Raises `UserError` that names each bad key."""
    return read_sections(path, Params)


def read_sections(path: Path, form: type[Sections]) -> Sections:
    """Read YAML, which JSON is too, into typed sections. Raises `UserError` naming each bad key."""
    try:
        return form.model_validate(read_mapping(path))
    except ValidationError as error:
        raise UserError(f"{path}: {faults(error)}") from None


def read_mapping(path: Path) -> dict[str, object]:
    """Read YAML that holds names and values. Raises `UserError` for a file that does not."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run the command in the project's root") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    if isinstance(content, dict):
        return content
    holds = "is empty" if content is None else f"holds no sections, but {type(content).__name__}"
    raise UserError(f"{path} {holds}; `git checkout {path}` brings the last commit's back")


def faults(error: ValidationError, *within: str) -> str:
    """Name each bad key, `within` before it, and say what is wrong with it."""
    found = ((".".join(map(str, (*within, *one["loc"]))), one["msg"]) for one in error.errors())
    return "; ".join(f"{key}: {fault}" for key, fault in found)


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Set values by dotted name, such as `data.path`; the file's comments and order stay."""
    read_mapping(path)  # which names what is wrong with a file that is not a mapping
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096  # never fold a line
    document = editor.load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *sections, last = name.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    text = io.StringIO()
    editor.dump(document, text)
    write_text(path, text.getvalue())
