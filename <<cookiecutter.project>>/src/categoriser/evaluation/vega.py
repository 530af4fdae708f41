"""Write the JavaScript that draws `dvc plots`' pages, so that they ask nothing of a network."""

from pathlib import Path

import vl_convert

from categoriser.io.replacing import write_text

# DVC's templates are written for Vega-Lite's fifth version.
VEGA_LITE_VERSION = "5.21"
# What a page's own scripts call.
PAGE_NAMES = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"


def write_script(file: Path) -> None:
    """Write the script."""
    write_text(file, vl_convert.javascript_bundle(PAGE_NAMES, VEGA_LITE_VERSION))
