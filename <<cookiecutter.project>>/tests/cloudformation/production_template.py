"""Production's template as it is written."""

from __future__ import annotations

import json
import re
from typing import Any

from prove import templates


def prod() -> dict[str, Any]:
    return templates.every()["prod"]["Resources"]  # type: ignore[no-any-return]


ALIAS = "Live"


def without(key: str) -> dict[str, Any]:
    """Give prod's resources as if one were in another stack: known by its name only."""
    text = json.dumps({name: item for name, item in prod().items() if name != key})
    text = re.sub(rf'{{"(Ref|Fn::GetAtt)": (\\["{key}", "\\w+"\\]|"{key}")}}', '"its-name"', text)
    resources: dict[str, Any] = json.loads(text.replace(f'"{key}", ', "").replace(f', "{key}"', ""))
    return resources


def rollback_alarms() -> dict[str, dict[str, Any]]:
    """Give the alarms of the deployment group by logical id."""
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
    return {alarm["Name"]["Ref"]: prod()[alarm["Name"]["Ref"]] for alarm in alarms}
