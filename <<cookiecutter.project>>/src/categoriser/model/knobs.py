"""A classifier's settings by name: each classifier has its own, and checks them. A leaf."""

from typing import Any

Knobs = dict[str, Any]
