"""A CloudFormation template as plain data."""

from typing import Any

# CloudFormation's form is free: any value may be a function such as `Fn::If` in its place, and each
# type of resource has its own properties. cfn-lint checks it by the types' schemas.
Template = dict[str, Any]
Resource = dict[str, Any]
Properties = dict[str, Any]

# A template's resources by logical id.
Resources = dict[str, Resource]
