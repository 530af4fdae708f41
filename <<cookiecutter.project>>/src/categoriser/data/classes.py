"""What a class may be named: one rule, held wherever labels come in.

A name becomes fastText's label, a field of CSV files that people open in a spreadsheet, a slice of
the metrics, and what the API's `/feedback` takes. So it has 1 to 100 characters, without control
characters and without spaces around it. It does not begin with fastText's own mark, nor as a
comment or a formula begins.
"""

import re

MOST_CHARACTERS = 100
FASTTEXT_MARK = "__label__"  # fastText's mark of a label

# What no name may hold, and what is wrong with a name that holds it.
FORBIDDEN = (
    ("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "has control characters"),
    (r"^\s|\s$", "has spaces around it"),
    (rf"^.{{{MOST_CHARACTERS + 1}}}", f"is longer than {MOST_CHARACTERS} characters"),
    (rf"^{FASTTEXT_MARK}", f"begins with {FASTTEXT_MARK}, fastText's own mark"),
    (r"^[#=+@-]", "begins with # = + @ or -, as a comment or a formula does"),
)


def class_name_fault(name: str) -> str | None:
    """Return what is wrong with a class's name, or None."""
    if not name:
        return "is empty"
    for pattern, words in FORBIDDEN:
        if re.search(pattern, name):
            return words
    return None
