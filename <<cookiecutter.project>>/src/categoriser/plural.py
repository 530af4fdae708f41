"""How a number of things is written."""


def plural(count: int, name: str) -> str:
    """Write a number of things: `1 capture`, `2,000 captures`."""
    return f"{count:,} {name}" + ("" if count == 1 else "s")
