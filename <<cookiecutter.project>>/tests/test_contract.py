"""The record's declaration, and what cannot derive from it by itself: the templates."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
import yaml
from msgspec import Meta

from categoriser import contract
from categoriser.contract import (
    COLUMNS,
    MAX_API_ROWS,
    VARIANT,
    Column,
    ColumnError,
    Prediction,
    declared,
)
from prove import templates

PLACE = "src/categoriser/contract.py"
EXAMPLES = ["AU", "GB"]
# In a resource's name, a dashboard's JSON, and a job's environment.
VARIANT_IN_TEXT = re.compile(r'/variant/(\w+)|"VariantName", "(\w+)"|"endpoint_variant": "(\w+)"')


class Further(msgspec.Struct):
    """A record with a further text and a further number."""

    country: Annotated[str, Meta(max_length=2, examples=EXAMPLES)]
    balance: Annotated[float, Meta(examples=[0.5, -1])]


def test_a_columns_kind_limit_and_examples_are_read_from_its_declaration() -> None:
    country, balance = declared(Further)
    assert country == Column("country", 2, EXAMPLES)
    assert balance == Column("balance", None, [0.5, -1])
    assert (country.is_text, balance.is_text) == (True, False)


class Optional(msgspec.Struct):
    note: Annotated[str, Meta(max_length=9, examples=EXAMPLES)] = ""


class Bare(msgspec.Struct):
    note: str


class Unbounded(msgspec.Struct):
    note: Annotated[str, Meta(examples=EXAMPLES)]


class Bounded(msgspec.Struct):
    hour: Annotated[float, Meta(ge=0, examples=[1, 2])]


class Whole(msgspec.Struct):
    hour: Annotated[int, Meta(examples=[1, 2])]


class Unshown(msgspec.Struct):
    note: Annotated[str, Meta(max_length=9, examples=["one"])]


@pytest.mark.parametrize("record", [Optional, Bare, Unbounded, Bounded, Whole, Unshown])
def test_what_cannot_be_a_column_is_refused_by_name(record: type[msgspec.Struct]) -> None:
    [name] = record.__struct_fields__
    with pytest.raises(TypeError, match=rf"contract\.py: {name} must"):
        declared(record)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        (Column("note", 3, []), " ", "note is empty"),
        (Column("note", 3, []), "abcd", "note is longer than 3 characters"),
        (Column("note", 3, []), "a\0", "note holds a NUL or half a surrogate pair"),
        (Column("note", 3, []), "a\ud800", "note holds a NUL or half a surrogate pair"),
        (Column("hour", None, []), "1,5", "hour is not a number"),
        (Column("hour", None, []), "1e999", "hour must be a finite number"),
    ],
)
def test_a_wrong_value_is_refused_by_its_columns_name(
    column: Column, value: str, fault: str
) -> None:
    with pytest.raises(ColumnError, match=f"^{fault}$") as caught:
        column.read(value)
    assert caught.value.column == column.name


def test_the_examples_are_records_themselves() -> None:
    for example in contract.EXAMPLES:
        assert contract.read(msgspec.structs.astuple(example)) == example


# What does without the model does without fastText, whose loading takes memory and time.
@pytest.mark.parametrize(
    "module",
    [
        "categoriser.serving.protocol",
        "categoriser.serving.capture",
        "categoriser.monitor.formats.problems",
    ],
)
def test_a_module_without_the_model_does_not_load_fasttext(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {*done.stdout.split()}
    assert module in loaded
    assert not loaded & {"fasttext", "categoriser.model.classifier", "categoriser.model.package"}


def test_the_contract_is_a_leaf() -> None:
    code = "import sys, categoriser.contract; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = {name for name in done.stdout.split() if name.startswith("categoriser")}
    assert own == {"categoriser", "categoriser.contract"}


def predict_schema() -> dict[str, Any]:
    """Return what API Gateway should hold a request to: an object or a list of them."""
    properties = {
        column.name: {"type": "string", "maxLength": column.longest}
        if column.is_text
        else {"type": "number"}
        for column in COLUMNS
    }
    row = {
        "required": [*properties],
        "properties": properties,
        "additionalProperties": False,
    }
    return row | {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": ["object", "array"],
        "minItems": 1,
        "maxItems": MAX_API_ROWS,
        "items": {"type": "object"} | row,
    }


def test_api_gateway_holds_a_request_to_the_contract() -> None:
    expected = predict_schema()
    found = templates.resources("prod")["PredictModel"]["Properties"]["Schema"]
    assert found == expected, (
        f"cloudformation/prod.yaml, PredictModel, must have the columns of {PLACE}; as Schema:\n"
        + yaml.safe_dump(expected, sort_keys=False)
    )


def variants(part: Any) -> Iterator[str]:
    """Yield each variant's name in a part of a template."""
    if isinstance(part, dict):
        if part.get("Name") == "VariantName":
            yield part["Value"]
        yield from (part[key] for key in ("VariantName", "endpoint_variant") if key in part)
        for value in part.values():
            yield from variants(value)
    elif isinstance(part, list):
        for value in part:
            yield from variants(value)
    elif isinstance(part, str):
        yield from (found[found.lastindex or 0] for found in VARIANT_IN_TEXT.finditer(part))


def test_every_template_names_the_variant_of_the_contract() -> None:
    found = {name: [*variants(template)] for name, template in templates.every().items()}
    named = {name: {*each} for name, each in found.items() if each}
    assert named == {key: {VARIANT} for key in ("dev", "prod", "monitor")}, f"{PLACE}: VARIANT"
    # Alarms, the scaling's target, and the dashboard's widgets name it too.
    assert len(found["prod"]) > 8


def test_an_answer_from_before_there_were_rules_is_the_models() -> None:
    old = b'{"category": "a", "probability": 1.0, "probabilities": {"a": 1.0}, "review": false}'
    assert msgspec.json.decode(old, type=Prediction).source == "model"
