"""The order of a release as a picture: an SVG with a column for each step."""

from release.release_order import DELETED, MADE, UPDATED, Step

COLOURS = {MADE: "#bfe5c8", UPDATED: "#cfe0f5", DELETED: "#dddddd"}
TITLE = "What CloudFormation does when a release follows another"
LEGEND = (f"{MADE} made anew", f"{UPDATED} changed", f"{DELETED} deleted")
# Pixels: a column's width, a line's height, and the gap between two columns.
WIDTH = 196
HEIGHT = 24
GAP = 6
# Where the columns begin, below the title, the legend and the endpoints' bars.
TOP = 130
TITLE_Y, LEGEND_Y, OLD_Y, NEW_Y = 26, 40, 72, 98
LEGEND_WIDTH = 110
BOX_HEIGHT = 20
MARGIN = 10


def draw(steps: list[Step]) -> str:
    """Return the picture: above the steps' columns, how long each endpoint exists."""
    made = next(column for column, step in enumerate(steps) if f"{MADE} Endpoint" in step.lines)
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
    drawn.append(box(0, OLD_Y, right - GAP, "old endpoint", sign=DELETED))
    begins = made * WIDTH
    drawn.append(box(begins, NEW_Y, right - begins - GAP, "new endpoint", sign=MADE))
    for column, step in enumerate(steps):
        for row, line in enumerate([f"{column + 1}. {step.title}", *step.lines]):
            drawn.append(box(column * WIDTH, TOP + row * HEIGHT, WIDTH - GAP, line))
    return "\n".join([*drawn, "</svg>\n"])


def box(x: int, y: int, width: int, line: str, sign: str = "") -> str:
    """Return a line of text in the colour of a sign: the given one, or the text's first."""
    colour = COLOURS.get(sign or line[0], "#fff")
    place = f'x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" fill="{colour}"'
    return f'<rect {place}/><text x="{x + 6}" y="{y + 14}">{line}</text>'
