"""Physical names: two projects share none, and no account, region or partition is written in."""

from __future__ import annotations

import re

from prove import resolver, templates
from prove.resource_types import NAMINGS

# Names within what bears the project's name.
INNER = {f"AWS::ApiGateway::{kind}" for kind in ("RequestValidator", "Stage")}
INNER |= {"AWS::CodeDeploy::DeploymentGroup", "AWS::Lambda::Alias"}


def given_names(project: str) -> set[tuple[str, str]]:
    """Give (type, physical name) of all that a project names, and its exports."""
    found = set()
    given = {"Project": project}
    for name, key, item in templates.everywhere():
        if item["Type"] in NAMINGS.keys() - INNER:
            physical = resolver.physical(name, key, given)
            if physical != f"{project}-{name}-{key}":
                found.add((item["Type"], physical))
    for name, template in templates.every().items():
        for output in template.get("Outputs", {}).values():
            if "Export" in output:
                found.add(("Export", resolver.resolve(output["Export"]["Name"], name, given)))
    return found


def test_two_projects_share_no_physical_name() -> None:
    one, two = given_names("one"), given_names("two")
    assert len(one) == len(two) > 50
    assert not one & two
    assert all("one" in name for _, name in one)


def test_every_name_is_known_here() -> None:
    """A type whose name is given and that prove/templates.py does not know would hide above."""
    for name, key, item in templates.everywhere():
        kind = item["Type"].rsplit(":", 1)[-1]
        given = {*item.get("Properties", {})} & {"Name", f"{kind}Name"}
        assert not given or item["Type"] in {*NAMINGS, *INNER}, f"{name}.{key}: {given}"


LITERALS = {
    "an account": r"\b\d{12}\b",
    "a region": r"\b(af|ap|ca|cn|eu|il|me|mx|sa|us)(-gov|-iso\w?)?-(nor|sou|eas|wes|cen)[a-z]+-\d",
    "a partition": r"\barn:aws",
    "a domain of a partition": r"amazonaws\.com(?=/|$)",
}
# A principal of a service, and an endpoint service's name, are called so in every partition.
EVERYWHERE = re.compile(r"com\.amazonaws\..*|[a-z0-9.-]+\.amazonaws\.com")


def test_no_account_region_or_partition_is_written_in() -> None:
    for name, template in templates.every().items():
        for path, text in templates.walk(
            {key: template[key] for key in ("Resources", "Outputs") if key in template}
        ):
            for what, pattern in LITERALS.items():
                if isinstance(text, str) and not EVERYWHERE.fullmatch(text):
                    assert not re.search(pattern, text), f"{name}.{path} holds {what}: {text}"
