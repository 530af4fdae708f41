"""Physical names: two projects share none, and no account, region or partition is written in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from categoriser.contract import VARIANT
from categoriser.release_names import LIVE_ALIAS, api_function
from prove import resolver, templates
from prove.example import PROJECT
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
    one = given_names("one")
    two = given_names("two")
    assert len(one) == len(two) > 50
    assert not one & two
    assert all("one" in name for _, name in one)


def test_every_name_is_known_here() -> None:
    """A named type that prove/resource_types.py does not know would hide above."""
    for name, key, item in templates.everywhere():
        kind = item["Type"].rsplit(":", 1)[-1]
        given = {*item.get("Properties", {})} & {"Name", f"{kind}Name"}
        assert not given or item["Type"] in {*NAMINGS, *INNER}, f"{name}.{key}: {given}"


# How a text of a template names a variant.
VARIANT_IN_A_TEXT = re.compile(
    r'"VariantName", "([^"]*)"|"endpoint_variant": "([^"]*)"|/variant/(.+)'
)


def named_variants(name: str) -> Iterator[str]:
    """Yield each name of an endpoint's variant in a template."""
    for _, node in templates.walk(templates.every()[name]["Resources"]):
        if isinstance(node, dict) and "VariantName" in node:
            yield node["VariantName"]
        if isinstance(node, dict) and node.get("Name") == "VariantName":
            yield node["Value"]
        if isinstance(node, str):
            for found in VARIANT_IN_A_TEXT.findall(node):
                yield "".join(found)


def test_an_endpoints_variant_has_one_name_in_all_templates() -> None:
    for name, count in (("dev", 2), ("monitor", 1), ("prod", 11)):
        assert [*named_variants(name)] == [VARIANT] * count, name


def test_the_function_and_the_alias_are_called_as_the_release_calls_them() -> None:
    assert resolver.physical("prod", "Api") == api_function(PROJECT)
    assert templates.resources("prod")["Live"]["Properties"]["Name"] == LIVE_ALIAS


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
