"""What a service or a tool calls by itself: its form."""

from __future__ import annotations

from typing import NamedTuple


class DeclaredNeed(NamedTuple):
    """What a service or a tool calls by itself, with these actors' roles.

    `where` is a part of the resource, where not all of the actions' resources are meant.
    """

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    why: str
    where: str = ""

    def explains(self, actor: str, action: str, resource: str) -> bool:
        return actor in self.actors and action in self.actions and self.where in resource
