"""The team's scripts are called as Model Monitor calls them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from monitor_helpers.made_captures import ANSWERED, CLASSES, VERBATIM, line, write

from categoriser.errors import UserError
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.watching.team_scripts import load_postprocessor, load_preprocessor

# The example of AWS's page on preprocessing scripts.
FOREIGN_CAPTURE = (
    '{"captureData": {"endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", '
    '"data": "132,25,113.2,96,269.9,107,,0,0,0,0,0,0,1,0,1,0,0,1", "encoding": "CSV"}, '
    '"endpointOutput": {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", '
    '"data": "0.01076381653547287", "encoding": "CSV"}}, "eventMetadata": {"eventId": '
    '"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "inferenceTime": "2019-11-20T23:33:12Z"}, '
    '"eventVersion": "0"}'
)


def script(folder: Path, code: str) -> Callable[[dict[str, Any]], Any]:
    file = folder / "script.py"
    file.write_text(code)
    return load_preprocessor(file)


def extras(
    folder: Path, code: str, *events: Any
) -> tuple[pl.DataFrame, list[dict[str, Any]] | None, Problems]:
    problems = Problems()
    handler = script(folder, code)
    files = [write(folder, *events)]
    (batch,) = captured_rows(files, CLASSES, problems, preprocess=handler)
    given = None if batch.extra is None else batch.extra.rows(named=True)
    return batch.frame, given, problems


TWO = line("aldi,1\ncafe,2", ANSWERED * 2, name="two")


def test_a_script_for_the_prebuilt_container_runs(tmp_path: Path) -> None:
    code = """
import json
def preprocess_handler(inference_record, logger):
    logger.info(f"at work on {inference_record}")
    asked, answered = inference_record.endpoint_input, inference_record.endpoint_output
    about = inference_record.event_metadata
    assert json.loads(json.dumps(inference_record.as_dict())) == inference_record.event_dict
    assert inference_record.ground_truth is inference_record.batch_transform_output is None
    names = (asked.encoding, asked.mode, asked.observedContentType, asked.observed_content_type)
    values = [about.event_id, about.inference_id, about.event_time, about.custom_attribute[0]]
    values += [inference_record.event_version, *names, *asked.data.split(","), answered.mode]
    return {str(i).zfill(20): value for i, value in enumerate(values)}
"""
    _, given, problems = extras(tmp_path, code, VERBATIM.encode())
    assert given
    assert list(given[0].values()) == [
        *("feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "order-7", "2026-11-22T00:00:00Z", "a=b", "0"),
        *("CSV", "INPUT", "text/csv", "text/csv"),
        *("spotify p0d3d89b19 sydney au", "11.99", "OUTPUT"),
    ]
    assert not problems.counts


def test_a_script_reads_what_others_captured(tmp_path: Path) -> None:
    code = """
def preprocess_handler(inference_record):
    output = inference_record.endpoint_output.data.rstrip("\\n")
    data = output + "," + inference_record.endpoint_input.data
    return {i: None if x == "" else x for i, x in enumerate(data.split(","))}
"""
    frame, given, problems = extras(tmp_path, code, line(), FOREIGN_CAPTURE.encode())
    assert frame["text"].to_list() == ["aldi 12 perth", None]
    assert frame.select("price", "label", "probabilities").row(1) == (None, None, None)
    assert frame["probabilities"].to_list() == [[0.75, 0.25], None]
    assert given
    assert given[1]["0"] == "0.01076381653547287"
    assert given[1]["7"] is None
    assert given[0]["7"] is None
    assert problems.counts == {"readable by the preprocessor only": 1}


def test_a_dict_is_for_each_row_a_list_for_its_own_and_nothing_drops_the_record(
    tmp_path: Path,
) -> None:
    code = """
def preprocess_handler(inference_record):
    name = inference_record.event_metadata.event_id
    given = {"two": [{"a": 1}, {"b": 2.5}], "all": {"a": True}, "none": []}
    return given.get(name, [{"a": chr(0xD800)}, {}, {}])
"""
    events = [TWO, change_name(TWO, "all"), change_name(TWO, "none"), change_name(TWO, "many")]
    frame, given, problems = extras(tmp_path, code, *events, change_name(FOREIGN_CAPTURE, "many"))
    assert frame["id"].to_list() == ["two"] * 2 + ["all"] * 2 + ["many"] * 5
    assert given
    assert [row["a"] for row in given] == ["1", None, "True", "True", None, None, "?", None, None]
    assert [row["b"] for row in given] == [None, "2.5", *[None] * 7]
    assert problems.seen["dropped"] == 1
    assert problems.counts["preprocessor gave another number of rows"] == 1


def change_name(event: dict[str, Any] | str, name: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(event if isinstance(event, str) else json.dumps(event))
    changed["eventMetadata"]["eventId"] = name
    return changed


def test_a_script_that_fails_is_told_and_the_record_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
def preprocess_handler(inference_record):
    if inference_record.event_metadata.event_id == "none":
        return None
    raise KeyError("x")
"""
    frame, given, problems = extras(tmp_path, code, line(), line(), change_name(line(), "none"))
    assert (frame.height, given) == (3, None)
    assert problems.counts == {"preprocessor failed": 2, "preprocessor gave no dict": 1}
    assert problems.places["preprocessor failed"][0].endswith("0.jsonl:1 (KeyError)")
    # Once, with the line of the script.
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert 'raise KeyError("x")' in caplog.text


@pytest.mark.parametrize("given", ["{'a': 10**5000}", "[{Mute(): 1}]", "{'a': Mute()}", "exit(3)"])
def test_values_that_are_no_text_and_exits_are_failures_of_a_script(
    tmp_path: Path, given: str
) -> None:
    code = f"""
class Mute:
    def __str__(self): raise RuntimeError("no")
def preprocess_handler(inference_record):
    return {given} if inference_record.event_metadata.event_id == "bad" else {{"a": 10**4000}}
"""
    frame, extra, problems = extras(tmp_path, code, line(), change_name(line(), "bad"), line())
    assert frame["id"].to_list() == ["e-1", "bad", "e-1"]
    assert extra
    assert [row["a"] for row in extra] == [str(10**4000), None, str(10**4000)]
    assert problems.counts == {"preprocessor failed": 1}
    assert problems.places["preprocessor failed"][0].partition(" ")[0].endswith("0.jsonl:2")


def test_scripts_that_cannot_be_loaded_are_said(tmp_path: Path) -> None:
    cases = {
        "missing.py": (None, "missing.py cannot be imported"),
        "script.txt": ("", "not a Python file"),
        "broken.py": ("import no_such_module", "no_such_module"),
        "exit.py": ("raise SystemExit(3)", r"SystemExit\(3\)"),
        "empty.py": ("x = 1", "no function preprocess_handler"),
    }
    for name, (code, message) in cases.items():
        if code is not None:
            (tmp_path / name).write_text(code)
        with pytest.raises(UserError, match=message):
            load_preprocessor(tmp_path / name)


def test_a_postprocessor_is_called_and_its_fault_is_told(tmp_path: Path) -> None:
    script = tmp_path / "post.py"
    written = tmp_path / "written"
    script.write_text(f"def postprocess_handler():\n    open({str(written)!r}, 'w').close()\n")
    load_postprocessor(script)()
    assert written.exists()
    for code, fault in {"1 / 0": "ZeroDivisionError", "exit(3)": "SystemExit"}.items():
        script.write_text(f"def postprocess_handler():\n    {code}\n")
        with pytest.raises(UserError, match=f"postprocess_handler failed: {fault}"):
            load_postprocessor(script)()
    script.write_text("def postprocess_handler(result):\n    pass\n")
    with pytest.raises(UserError, match="postprocess_handler must take 0 arguments"):
        load_postprocessor(script)
