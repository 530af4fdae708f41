"""The comparison as one HTML page, which holds all that it needs and asks nothing of a network."""

import base64
import hashlib
from collections.abc import Sequence

from markupsafe import Markup

from categoriser.evaluation.rendering import render
from categoriser.tracking.comparing.comparison import Comparison
from categoriser.tracking.comparing.plots import Row, drawn, panels_plot, parallel_plot
from categoriser.tracking.comparing.wording import ends_text, outcome, started, value_text

# Expressions are interpreted (`ast`), since the page's policy allows no text to become code.
DRAW = """
for (const [id, plot] of Object.entries(JSON.parse(document.getElementById("plots").text))) {
  vegaEmbed(document.getElementById(id), plot, { actions: false, ast: true, renderer: "svg" });
}
"""


def html(project: str, compared: Sequence[Comparison], vega: str, is_all: bool) -> str:
    """Return the page; `vega` is the script that draws, and `is_all` whether no run is left out.

    Whatever comes from MLflow is escaped, and no script but the page's two may run.
    """
    return render(
        "comparison.html",
        package="categoriser.tracking.comparing",
        project=project,
        comparisons=compared,
        is_all=is_all,
        plots=plots_by_id(compared),
        scripts=[Markup(script) for script in (vega, DRAW)],  # noqa: S704
        allowed=" ".join(f"'sha256-{script_hash(script)}'" for script in (vega, DRAW)),
        ends=ends_text,
        outcome=outcome,
        started=started,
        value=value_text,
    )


def plots_by_id(compared: Sequence[Comparison]) -> dict[str, Row]:
    """Return the plots by the ids of their places; one run, or equal ones, give none."""
    plots = {}
    for number, one in enumerate(compared, 1):
        if one.parameters and len(drawn(one)) > 1:
            plots[f"parallel-{number}"] = parallel_plot(one)
            plots[f"panels-{number}"] = panels_plot(one)
    return plots


def script_hash(script: str) -> str:
    """Return a script's hash as a policy names it: SHA-256 in base 64."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
