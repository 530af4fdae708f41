"""The roles that templates name, as text."""

from __future__ import annotations

import re

from prove import resolver, roles, templates
from prove.example import PROJECT, REGION

ROLE_ARN_END = re.compile(rf":(\d{{12}}):role/{PROJECT}-([a-z-]+)-{REGION}(?![\w-])")
TOOLS_TEMPLATES = ("data", "network", "images", "pipeline", "train", "dev")
PROD_TEMPLATES = ("data", "network", "prod", "monitor")
TEMPLATES_OF = {
    "all": {*TOOLS_TEMPLATES, *PROD_TEMPLATES},
    "tools": {*TOOLS_TEMPLATES},
    "prod": {*PROD_TEMPLATES},
}


def roles_named(part: str, account: str) -> set[str]:
    """Give the actors of an account whose roles the templates of a part name."""
    given = roles.accounts(part)
    found = set[str]()
    for name in TEMPLATES_OF[part]:
        for _, text in templates.walk(resolver.resolve(resolver.present(name, given), name, given)):
            pairs = ROLE_ARN_END.findall(text) if isinstance(text, str) else ()
            found |= {actor for owner, actor in pairs if owner == account}
    return found
