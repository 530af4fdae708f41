"""What a mutant is: one template or one module of the Lambdas, with one change."""

from __future__ import annotations

from typing import NamedTuple

from release.template_document import Template


class Mutant(NamedTuple):
    """One change: of a template (its name) or of a Lambda's module (`lambdas/x.py`).

    `value` is the whole template, or the module's text.
    """

    where: str
    operator: str
    place: str
    change: str
    value: Template | str

    def __str__(self) -> str:
        return f"{self.where}: {self.operator}: {self.place}: {self.change}"
