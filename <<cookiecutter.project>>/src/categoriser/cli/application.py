"""The application of all verbs: `python -m categoriser --help` lists them.

A verb imports what it needs when it is called, so that `--help` and the light verbs are quick.
"""

import typer

from categoriser.cli import model, monitoring, reviewing, serving

application = typer.Typer(
    name="python -m categoriser",
    help="The verbs of the model, the server and the monitor; `make help` lists the others too.",
    add_completion=False,
    no_args_is_help=True,
    # Plain lines: a fault of the project is told as it is, and help is read in a pipe too.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verbs in (model.verbs, serving.verbs, monitoring.verbs, reviewing.verbs):
    application.add_typer(verbs)
