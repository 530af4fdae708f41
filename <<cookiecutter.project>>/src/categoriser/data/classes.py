"""What a class may be named: one rule, held wherever labels come in.

A name becomes fastText's label, a field of CSV files that people open in a spreadsheet, a slice of
the metrics, and what the API's `/feedback` takes. So it has 1 to 100 characters, no control
character and no space around it, does not begin with fastText's own prefix, nor as a comment or a
formula does.
"""

import re

LONGEST = 100
PREFIX = "__label__"  # fastText's mark of a label

# What no name holds, and what is wrong with one that does.
FORBIDDEN = (
    ("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "has control characters"),
    (r"^\s|\s$", "has spaces around it"),
    (rf"^.{{{LONGEST + 1}}}", f"is longer than {LONGEST} characters"),
    (rf"^{PREFIX}", f"begins with {PREFIX}, fastText's own mark"),
    (r"^[#=+@-]", "begins with # = + @ or -, as a comment or a formula does"),
)


def fault(name: str) -> str | None:
    """Return what is wrong with a class's name, or nothing."""
    if not name:
        return "is empty"
    for pattern, words in FORBIDDEN:
        if re.search(pattern, name):
            return words
    return None
