"""Reading JSON that a command of the project has made."""

import json
from pathlib import Path
from typing import Any

from categoriser.errors import UserError

Json = dict[str, Any]  # an object


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON file. Raises `UserError` that names `made_by`, the command that makes it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `{made_by}` makes it") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is not JSON ({error}); `{made_by}` makes it anew") from None


def read_object(path: Path, made_by: str, *keys: str) -> Json:
    """Read a JSON object with these keys. Raises `UserError` as `read_json`, and for another."""
    content = read_json(path, made_by)
    fault = "holds no object"
    if isinstance(content, dict):
        lacking = sorted({*keys} - content.keys())
        if not lacking:
            return content
        fault = f"lacks {', '.join(lacking)}"
    raise UserError(f"{path} is damaged: it {fault}; `{made_by}` makes it anew")
