"""A fault that the reader can mend ends a command in one line."""

from __future__ import annotations

import pytest

from categoriser.command import run_command
from categoriser.errors import UserError


def test_run_turns_bad_input_into_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("my.csv, row 3: price 'x' is not a number")

    with pytest.raises(SystemExit) as caught:
        run_command(main)
    assert caught.value.code == "error: my.csv, row 3: price 'x' is not a number"
