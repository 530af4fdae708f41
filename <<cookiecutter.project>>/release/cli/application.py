"""An application of verbs: how it tells faults, and how a verb signs in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from categoriser.errors import UserError
from categoriser.plural import plural

if TYPE_CHECKING:
    import boto3

    from release.settings import ReleaseSettings


class Verb(TyperCommand):
    """A command that says how many arguments it takes where it is given more."""

    allow_extra_args = True

    def invoke(self, ctx: Any) -> Any:
        if ctx.args:
            takes = sum(parameter.param_type_name == "argument" for parameter in self.params)
            given = takes + len(ctx.args)
            raise UserError(f"{self.name} takes {plural(takes, 'argument')}, not {given}")
        return super().invoke(ctx)


class Verbs(TyperGroup):
    """A group of commands that says which exist where it is asked for another."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            raise UserError(f"there is no {args[0]}; there is {', '.join(self.commands)}")
        return super().resolve_command(ctx, args)


class Application(typer.Typer):
    """An application whose faults are told in one line, and whose help is plain text."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(
            name=name,
            help=words,
            cls=Verbs,
            add_completion=False,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
        )


@contextmanager
def signed_in() -> Iterator[tuple["ReleaseSettings", "boto3.Session"]]:
    """Give the settings, and a session in the pipeline's account.

    AWS's refusals, and the lack of credentials, become a `UserError`.
    """
    from release.accounts import open_session
    from release.refusals import refusals_in_words
    from release.settings import read_release_settings

    settings = read_release_settings()
    with refusals_in_words():
        yield settings, open_session(settings, "tools")
