"""What CloudFormation makes of a template's text, for the example project.

Parameters, conditions, imports, physical names and ARNs are worked out. What only AWS knows comes
out as `<stack>-<logical id>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from prove import example, templates
from prove.example import Parameters
from prove.resource_types import NAMINGS, REF_IS_ARN, UNNAMED
from release.template_document import Resource, Resources

# What `AWS::NoValue` comes to.
NOTHING = object()
# What custom resources answer where the text of a template needs a number.
CUSTOM_ANSWERS = {("Custom::Hosting", "Instances"): 3}

# Functions of nothing but their arguments.
PURE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Join": lambda separator, values: separator.join(map(str, values)),
    "Fn::Select": lambda index, values: values[int(index)],
    "Fn::Split": lambda separator, text: text.split(separator),
    "Fn::Cidr": lambda block, count, *_: [f"{block}#{index}" for index in range(int(count))],
    "Fn::GetAZs": lambda *region: [f"{''.join(region)}{zone}" for zone in "abc"],
}
LOGIC: dict[str, Callable[[list[bool]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda each: not each[0],
}


def parameters(name: str, given: Parameters | None = None) -> Parameters:
    """Give a template's parameters: what is given here, else in `example.GIVEN`.

    Raises:
        KeyError: a parameter has no value here, and no default in the template.

    """
    known = example.GIVEN | (given or {})
    return {
        key: known[key] if key in known else parameter["Default"]
        for key, parameter in templates.every()[name].get("Parameters", {}).items()
    }


def holds(name: str, condition: str, given: Parameters | None = None) -> bool:
    """Tell whether a template's condition is true for these parameters."""
    return bool(_Resolver(name, given).condition(condition))


def present(name: str, given: Parameters | None = None) -> Resources:
    """Give the resources that these parameters make, by logical id, unresolved."""
    return {
        key: value
        for key, value in templates.resources(name).items()
        if "Condition" not in value or holds(name, value["Condition"], given)
    }


def resolve(value: Any, name: str, given: Parameters | None = None) -> Any:
    """Give a value of a template with all functions worked out.

    Args:
        value: any part of the template.
        name: the template's.
        given: parameters, and pseudo parameters other than `example.PSEUDO`'s; what is not given
            has the value that `parameters` says.

    """
    result = _Resolver(name, given).value(value)
    return None if result is NOTHING else result


def physical(name: str, key: str, given: Parameters | None = None) -> str:
    """Give a resource's physical name."""
    return _Resolver(name, given).name(key)


def arn(name: str, key: str, given: Parameters | None = None) -> str:
    """Give a resource's ARN."""
    return _Resolver(name, given).arn(key)


class _Resolver:
    """One template's functions, worked out with one set of parameters."""

    def __init__(self, name: str, given: Parameters | None) -> None:
        self.template = name
        self.given = given or {}
        self.known = example.PSEUDO | {k: v for k, v in self.given.items() if k.startswith("AWS::")}
        self.known |= parameters(name, given)
        self.known.setdefault("AWS::StackName", f"{self.project}-{name}")
        stack = self._format("cloudformation:{r}:{a}:stack/{n}/0", self.known["AWS::StackName"])
        self.known.setdefault("AWS::StackId", stack)

    @property
    def project(self) -> str:
        return str(self.known.get("Project", example.PROJECT))

    def _format(self, form: str, name: str) -> str:
        text = form.format(r=self.known["AWS::Region"], a=self.known["AWS::AccountId"], n=name)
        return f"arn:{self.known['AWS::Partition']}:{text}"

    def name(self, key: str) -> str:
        """Give a resource's physical name; a made-up one where the template gives none."""
        resource = templates.resources(self.template)[key]
        value: Any = resource.get("Properties", {})
        for part in NAMINGS.get(resource["Type"], UNNAMED).property.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        resolved = self.value(value)
        if resolved in (None, NOTHING):
            return f"{self.project}-{self.template}-{key}"
        return str(resolved)

    def arn(self, key: str) -> str:
        """Give a resource's ARN."""
        resource = templates.resources(self.template)[key]
        kind = resource["Type"]
        form = NAMINGS.get(kind, UNNAMED).arn
        assert form, f"{self.template}.{key}: prove/resource_types.py has no ARN of {kind}"
        group = self.value(resource.get("Properties", {}).get("GroupName"))
        return self._format(form.replace("{g}", group or "default"), self.name(key))

    def ref(self, target: str) -> Any:
        """Give what Ref gives of a parameter, a pseudo parameter or a resource."""
        if target == "AWS::NoValue":
            return NOTHING
        if target in self.known:
            declared = templates.every()[self.template].get("Parameters", {})
            kind = declared.get(target, {}).get("Type", "")
            value = self.known[target]
            listed = kind == "CommaDelimitedList" or kind.startswith("List<")
            return value.split(",") if listed and isinstance(value, str) else value
        resource = templates.resources(self.template)[target]
        if resource["Type"] == "AWS::Lambda::Version":
            return f"{self.value(self.function(resource))}:1"
        if resource["Type"] == "AWS::Lambda::Alias":
            return f"{self.value(self.function(resource))}:{resource['Properties']['Name']}"
        return self.arn(target) if resource["Type"] in REF_IS_ARN else self.name(target)

    def function(self, resource: Resource) -> str:
        """Give the ARN of a version's or alias's function, which may be given by name."""
        given = str(self.value(resource["Properties"]["FunctionName"]))
        if given.startswith("arn:"):
            return given
        return self._format(NAMINGS["AWS::Lambda::Function"].arn, given)

    def attribute(self, target: str, attribute: str) -> Any:
        """Give what GetAtt gives. Raises KeyError where the template has no such resource."""
        resource = templates.resources(self.template)[target]
        if resource["Type"] == "AWS::Lambda::Version" and attribute == "Version":
            return "1"
        if (resource["Type"], attribute) in CUSTOM_ANSWERS:
            return CUSTOM_ANSWERS[resource["Type"], attribute]
        naming = NAMINGS.get(resource["Type"], UNNAMED)
        if attribute == naming.property:
            return self.name(target)
        own_arn = f"{resource['Type'].rsplit(':', 1)[1]}Arn"
        if naming.arn and attribute in ("Arn", own_arn):
            return self.arn(target)
        return f"{self.project}-{self.template}-{target}.{attribute}"

    def sub(self, argument: Any) -> str:
        """Give a Fn::Sub's text with its variables put in."""
        text, own = templates.substitution(argument)

        def put(match: re.Match[str]) -> str:
            variable = match[1]
            if variable in own:
                return str(self.value(own[variable]))
            if "." in variable:
                return str(self.attribute(*variable.split(".", 1)))
            return str(self.ref(variable))

        return templates.VARIABLE.sub(put, text).replace("${!", "${")

    def imported(self, export: str) -> Any:
        """Give the value of an export of any template. Raises KeyError where none has it."""
        for name, template in templates.every().items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output:
                    other = _Resolver(name, {**self.given, "Project": self.project})
                    if other.value(output["Export"]["Name"]) == export:
                        return other.value(output["Value"])
        raise KeyError(f"{self.template} imports {export}, which no template exports")

    def condition(self, condition: Any) -> bool:
        """Tell whether a condition, or the name of one, is true."""
        if isinstance(condition, str):
            return self.condition(templates.every()[self.template]["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = self.value(argument)
            return str(left) == str(right)
        return LOGIC[function]([self.condition(each) for each in argument])

    def value(self, value: Any) -> Any:
        """Give any part of the template with its functions worked out."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return self.call(function, argument)
        pairs = ((key, self.value(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not NOTHING}

    def call(self, function: str, argument: Any) -> Any:
        """Work out one function."""
        if function == "Fn::GetAtt":
            return self.attribute(*argument)
        if function == "Fn::Sub":
            return self.sub(argument)
        if function == "Fn::If":
            return self.value(argument[1 if self.condition(argument[0]) else 2])
        if function == "Fn::ImportValue":
            return self.imported(self.value(argument))
        if function == "Fn::FindInMap":
            first, second, third = self.value(argument)
            return templates.every()[self.template]["Mappings"][first][second][third]
        return PURE_FUNCTIONS[function](*self.value(argument))
