"""cfn-lint on a template in two forms: as it is written, and with its values worked out.

The second form shows cfn-lint the names, the ARNs and the numbers that functions hide from it.
"""

from __future__ import annotations

import json

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from prove import resolver
from release.template_document import Resources, Template

# A region of each partition.
REGION_OF_EACH_PARTITION = ("ap-southeast-2", "us-gov-west-1")
# The longest name that a project may have.
LONGEST_PROJECT = {"Project": "a-name-of-20-letters"}
# Only AWS knows the ids of this template's resources, so it has no form with its values.
WITHOUT_VALUES = {"network"}


def plain(name: str) -> Resources:
    """Give the resources that a template makes in every partition, with their values worked out."""
    made = [
        resolver.present(name, LONGEST_PROJECT | {"AWS::Region": region})
        for region in REGION_OF_EACH_PARTITION
    ]
    everywhere = {key: item for key, item in made[0].items() if all(key in each for each in made)}
    found: Resources = resolver.resolve(everywhere, name, LONGEST_PROJECT)
    for resource in found.values():
        resource.pop("Condition", None)
    return found


def broken_rule(name: str, template: Template) -> str:
    """Give the rule of cfn-lint that a template breaks in either form; empty where it keeps all."""
    texts = [json.dumps(template)]
    if name not in WITHOUT_VALUES:
        texts.append(json.dumps({"Resources": plain(name)}))
    for text in texts:
        for match in lint(text, config=ManualArgs(regions=[*REGION_OF_EACH_PARTITION])):
            return str(match.rule.id)
    return ""
