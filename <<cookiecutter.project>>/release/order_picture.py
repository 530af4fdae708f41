"""The order of a release as a picture: an SVG with a column for each step."""

from release.release_order import MADE_SIGN, REMOVED_SIGN, UPDATED_SIGN, UpdateStep

SIGN_COLOURS = {MADE_SIGN: "#bfe5c8", UPDATED_SIGN: "#cfe0f5", REMOVED_SIGN: "#dddddd"}
TITLE = "What CloudFormation does when a release follows another"
LEGEND = (f"{MADE_SIGN} made anew", f"{UPDATED_SIGN} changed", f"{REMOVED_SIGN} deleted")
# Pixels: a column's width, a line's height, and the gap between two columns.
WIDTH = 196
HEIGHT = 24
GAP = 6
# Where the columns begin, below the title, the legend and the endpoints' bars.
TOP = 130
TITLE_Y = 26
LEGEND_Y = 40
OLD_ENDPOINT_Y = 72
NEW_ENDPOINT_Y = 98
LEGEND_WIDTH = 110
BOX_HEIGHT = 20
# Where a text begins in its box.
TEXT_X = 6
TEXT_Y = 14
MARGIN = 10


def draw_order(steps: list[UpdateStep]) -> str:
    """Return the picture: above the steps' columns, how long each endpoint exists."""
    made = next(
        column for column, step in enumerate(steps) if f"{MADE_SIGN} Endpoint" in step.lines
    )
    right = len(steps) * WIDTH
    lines = max(len(step.lines) for step in steps) + 1
    bottom = TOP + lines * HEIGHT
    view = f"{-MARGIN} 0 {right + 2 * MARGIN} {bottom + MARGIN}"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect x="{-MARGIN}" width="100%" height="100%" fill="#fff"/>',
        f'<text y="{TITLE_Y}" font-size="18">{TITLE}</text>',
    ]
    for column, words in enumerate(LEGEND):
        drawn.append(box(column * LEGEND_WIDTH, LEGEND_Y, LEGEND_WIDTH - GAP, words))
    drawn.append(box(0, OLD_ENDPOINT_Y, right - GAP, "old endpoint", sign=REMOVED_SIGN))
    begins = made * WIDTH
    drawn.append(box(begins, NEW_ENDPOINT_Y, right - begins - GAP, "new endpoint", sign=MADE_SIGN))
    for column, step in enumerate(steps):
        for row, line in enumerate([f"{column + 1}. {step.title}", *step.lines]):
            drawn.append(box(column * WIDTH, TOP + row * HEIGHT, WIDTH - GAP, line))
    return "\n".join([*drawn, "</svg>\n"])


def box(x: int, y: int, width: int, line: str, sign: str = "") -> str:
    """Return a line of text in the colour of a sign: the given one, or the text's first."""
    colour = SIGN_COLOURS.get(sign or line[0], "#fff")
    place = f'x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" fill="{colour}"'
    return f'<rect {place}/><text x="{x + TEXT_X}" y="{y + TEXT_Y}">{line}</text>'
