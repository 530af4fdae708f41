"""Reading JSON that a command of the project has made.

A document has a msgspec Struct, which says what it holds. The Lambda functions hold this module
too: it needs msgspec, and nothing larger.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert, structs

from categoriser.errors import UserError

# The command that makes most documents: messages name it.
MADE_BY_PIPELINE = "dvc repro"
Document = TypeVar("Document", bound=Struct)


def read_document(path: Path, form: type[Document], made_by: str) -> Document:
    """Read a JSON file of a form; see `parse_document`. Raises also where it is missing."""
    return to_document(read_json(path, made_by), form, str(path), made_by)


def parse_document(content: bytes, form: type[Document], source: str, made_by: str) -> Document:
    """Read JSON of a form; keys that the form does not have are passed over.

    Raises `UserError` that names the source, what is wrong with it, and the command that makes it.
    """
    return to_document(parse_json(content, source, made_by), form, source, made_by)


def to_document(content: object, form: type[Document], source: str, made_by: str) -> Document:
    """Check parsed JSON against a form. Raises as `parse_document`."""
    if not isinstance(content, dict):
        raise damaged(source, "holds no object", made_by)
    needed = {field.encode_name for field in structs.fields(form) if field.required}
    lacking = sorted(needed - content.keys())
    if lacking:
        raise damaged(source, f"lacks {', '.join(lacking)}", made_by)
    try:
        return convert(content, form)
    except ValidationError as error:
        raise damaged(source, f"holds a wrong value ({error})", made_by) from None


def damaged(source: str, fault: str, made_by: str) -> UserError:
    return UserError(f"{source} is damaged: it {fault}; `{made_by}` makes it anew")


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON file. Raises `UserError` that names `made_by`, the command that makes it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `{made_by}` makes it") from None
    return parse_json(content, str(path), made_by)


def parse_json(content: bytes, source: str, made_by: str) -> Any:
    """Read JSON in UTF-8. Raises `UserError` that names the source and `made_by`."""
    try:
        return json.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{source} is not JSON ({error}); `{made_by}` makes it anew") from None
