"""Which files are listed, in a folder and in S3."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from monitor_helpers.made_captures import TIME, line, read_captures, write
from moto import mock_aws

from categoriser.errors import UserError
from categoriser.io.storage import fetch, s3_client
from categoriser.monitor.formats.event_files import event_files, find_files
from categoriser.monitor.formats.problems import Problems


def test_what_has_another_name_than_captures_is_listed_and_not_opened(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "c.json", "_SUCCESS", "d.jsonl.crc", "a.jsonl copy"):
        (tmp_path / name).touch()
    problems = Problems()
    files = event_files(str(tmp_path), None, None, problems)
    assert [Path(file).name for file in files] == ["a.jsonl", "b.jsonl.gz"]
    [(kind, count)] = problems.counts.items()
    assert count == 4
    assert f"{tmp_path}/_SUCCESS" in problems.places[kind]
    # A file that is named is read by whatever name.
    assert event_files(str(tmp_path / "c.json"), None, None, problems) == [str(tmp_path / "c.json")]


HOURS = ["shop/AllTraffic/2026/11/21/23", "shop/AllTraffic/2026/11/22/08"]
HOURS += [f"shop/AllTraffic/2026/11/22/{hour:02}" for hour in range(9, 13)]
HOURS += ["old/AllTraffic/2025/11/22/10", "2026/Blue/2026/11/22/10", "x/2026/13/45/10"]


def test_only_the_windows_hours_and_those_beside_them_are_listed(tmp_path: Path) -> None:
    names = [f"{hour}/30-00-000-a.jsonl" for hour in HOURS] + ["loose.jsonl"]
    for name in names:
        write(tmp_path, line(), name=name)
    (tmp_path / ".hidden").write_text("")
    start = TIME.replace(hour=10, minute=0)
    end = TIME.replace(hour=11, minute=0)

    def found(**window: Any) -> list[str]:
        return [
            Path(file).relative_to(tmp_path).as_posix()
            for file in find_files(str(tmp_path), **window)
        ]

    assert found() == sorted(names)
    elsewhere = ["2026/Blue/2026/11/22/10", "loose.jsonl", "x/2026/13/45/10"]
    near = [name for name in names if re.search("22/(09|10|11)/|" + "|".join(elsewhere), name)]
    assert found(start=start, end=end) == sorted(name for name in near if "2025" not in name)
    assert "shop/AllTraffic/2026/11/22/12/30-00-000-a.jsonl" in found(start=start)
    assert "shop/AllTraffic/2026/11/22/08/30-00-000-a.jsonl" not in found(start=start)
    # What the source itself is called says nothing.
    dated = tmp_path / "2025/01/01/00"
    kept = write(dated, line(), name="shop/2026/11/22/10/0.jsonl")
    write(dated, line(), name="shop/2026/11/20/10/0.jsonl")
    assert find_files(str(dated), start, end) == find_files(f"{dated}/", start, end) == [kept]
    assert find_files(str(tmp_path / "loose.jsonl")) == [str(tmp_path / "loose.jsonl")]
    with pytest.raises(UserError, match="nowhere"):
        find_files(str(tmp_path / "nowhere"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3_client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        yield client
    s3_client.cache_clear()


def test_captures_are_read_from_s3_and_only_the_window_is_listed(
    bucket: Any, tmp_path: Path
) -> None:
    for hour in HOURS:
        body = json.dumps(line(name=hour, time="2026-11-22T10:30:00Z")).encode()
        bucket.put_object(Bucket="captures", Key=f"in/{hour}/1.jsonl.gz", Body=gzip.compress(body))
    bucket.put_object(Bucket="captures", Key="in/shop/", Body=b"")
    bucket.put_object(Bucket="captures", Key="in/none.jsonl", Body=b"")
    bucket.put_object(Bucket="captures", Key="into/other.jsonl", Body=b"{}")
    listed = []
    s3_client().meta.events.register(
        "before-parameter-build.s3.ListObjectsV2",
        lambda params, **_: listed.append(params["Prefix"]),
    )
    start = TIME.replace(hour=10, minute=0)
    end = TIME.replace(hour=11, minute=0)
    files = find_files("s3://captures/in", start, end)

    near = [f"shop/AllTraffic/2026/11/22/{hour}" for hour in ("09", "10", "11")]
    expected = sorted([*near, "2026/Blue/2026/11/22/10", "x/2026/13/45/10"])
    empty = "s3://captures/in/none.jsonl"
    assert files == sorted([*(f"s3://captures/in/{hour}/1.jsonl.gz" for hour in expected), empty])
    assert "in/shop/AllTraffic/2026/11/22/09/" in listed
    assert not {"in/shop/AllTraffic/2026/11/21/", "in/shop/AllTraffic/2026/11/22/12/"} & {*listed}
    frame, problems = read_captures(*files, "s3://captures/in/gone", start=start, end=end)
    assert frame["id"].to_list() == expected
    assert problems.places == {
        "empty file": [f"{empty}:1"],
        "file not readable": ["s3://captures/in/gone:1 (NoSuchKey)"],
    }
    assert len(find_files("s3://captures/")) == len(HOURS) + 2

    fetch("s3://captures/into/other.jsonl", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"{}"
    with pytest.raises(UserError, match="gone"):
        fetch("s3://captures/in/gone", tmp_path / "copy")
    with pytest.raises(UserError, match="s3://no-such-bucket"):
        find_files("s3://no-such-bucket/in")
