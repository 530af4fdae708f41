"""The message that a job leaves for SageMaker to show."""

from __future__ import annotations

from pathlib import Path

from categoriser.jobs import exit_message


def test_an_exit_message_is_cut_between_characters(tmp_path: Path) -> None:
    exit_message.write_message("é" * 1000, tmp_path / "message")
    assert (tmp_path / "message").read_bytes().decode() == "é" * 512
