"""The plots of the reports."""

from __future__ import annotations

import base64

from categoriser.evaluation import plots


def test_many_classes_leave_out_the_numbers_in_the_confusion_matrix() -> None:
    size = plots.MOST_NUMBERS + 1
    labels = [f"c{n}" for n in range(size)]
    many = [[7777 if a == b else 0 for a in labels] for b in labels]
    few = [[7777, 0], [0, 7777]]
    drawn = [plots.confusion_plot(many, labels), plots.confusion_plot(few, labels[:2])]
    shown = [base64.b64decode(plot.split(",")[1]).count(b"7,777") for plot in drawn]
    assert shown[0] == 0
    assert shown[1] > 0
