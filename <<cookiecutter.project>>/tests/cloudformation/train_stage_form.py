"""What the Train stage has that differs from workflow to workflow, for the templates' tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declared_need import DeclaredNeed

Texts = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TrainStage:
    """The stage's actions, and what its stack and its engine's roles bring.

    Attributes:
        actions: the stage's actions, in the order in which they run.
        roles: the logical ids of the roles in identity.yaml that training's engine has.
        resources: SageMaker's resources of a release, after the account in their ARNs.
        declared: what services and tools call with these roles by themselves.
        handlers: the handler of each function of the stack, by the function's name.
        function_actors: whose role a function has, by its handler.
        custom_resources: (stack, module, function) of what answers custom resources.
        builds: the environment of each build of the stack, by its buildspec.
        workers: the service that works with a role, by the type of the resource that names it.
        lengths: the longest name of a type, by its API's reference.
        log_groups: those that are neither a function's nor a build's.
        pipeline_actions: required and optional keys of an action's Configuration, by its category
            and provider.
        unused: of a type, what its schema lists and the stack does not make CloudFormation do.
        unlisted: of a type whose schema lists nothing, what CloudFormation calls.
        unnamed: a part of the ARN of what AWS names, and whose it is.
        elsewhere: an ARN that no template makes, and whose it is.
        arns: what else there is in the account, after `arn:aws:`.
        handed_out: the logical ids of policies that the team attaches to a role of its own.

    """

    actions: Texts
    roles: frozenset[str]
    resources: Texts
    declared: tuple[DeclaredNeed, ...]
    handlers: Mapping[str, str] = field(default_factory=dict)
    function_actors: Mapping[str, str] = field(default_factory=dict)
    custom_resources: tuple[tuple[str, str, str], ...] = ()
    builds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workers: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    log_groups: frozenset[str] = frozenset()
    pipeline_actions: Mapping[tuple[str, str], tuple[set[str], set[str]]] = field(
        default_factory=dict
    )
    unused: Mapping[str, dict[str, Texts]] = field(default_factory=dict)
    unlisted: Mapping[str, Texts] = field(default_factory=dict)
    unnamed: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    arns: Texts = ()
    handed_out: frozenset[str] = frozenset()

    @property
    def modules(self) -> Texts:
        """The modules of the stack's functions."""
        return tuple(handler.partition(".")[0] for handler in self.handlers.values())
