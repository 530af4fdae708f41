"""Write the JavaScript that draws `dvc plots`' pages, so that they ask nothing of a network."""

import argparse
from pathlib import Path

import vl_convert

from categoriser.errors import run
from categoriser.io.replacing import write_text

# Of Vega-Lite, whose fifth version DVC's templates are in.
VERSION = "5.21"
# What a page's own scripts call.
NAMES = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m categoriser.evaluation.vega", description=__doc__
    )
    parser.add_argument("file", type=Path)
    write_text(parser.parse_args().file, vl_convert.javascript_bundle(NAMES, VERSION))


if __name__ == "__main__":
    run(main)
