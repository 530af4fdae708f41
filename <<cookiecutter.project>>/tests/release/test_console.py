"""What the verbs print."""

from __future__ import annotations

import pytest

from release.console import console, print_table


def test_a_table_folds_what_is_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "width", 40)

    print_table("title", ("what", "value"), [("[b]key[/b]", "0123456789" * 10)])

    out = capsys.readouterr().out
    assert "[b]key[/b]" in out
    assert "…" not in out
    assert sum(map(str.isdigit, out)) == 100
