"""`make graph`: the order in which a release is made, proven safe, printed and drawn."""

from pathlib import Path

from categoriser.io.replacing import write_text
from release.console import console
from release.order_picture import LEGEND, TITLE, draw_order
from release.release_order import (
    find_alias,
    read_production_template,
    require_safe_order,
    steps_of_update,
)

PICTURE = Path("reports/release.svg")


def draw_release_order() -> None:
    """Prove the order for prod.yaml, print it and draw it. Raises `UserError` for an unsafe one."""
    template = read_production_template()
    resources = template["Resources"]
    alias = find_alias(resources)
    require_safe_order(resources, alias)
    steps = steps_of_update(template, alias)
    write_text(PICTURE, draw_order(steps))
    console.print(f"{TITLE} ({', '.join(LEGEND)}):")
    for number, step in enumerate(steps, start=1):
        console.print(f"{number}. {step.title:17}{', '.join(step.lines)}")
    console.print(f"No live endpoint goes before its traffic has moved. {PICTURE} shows the order.")
