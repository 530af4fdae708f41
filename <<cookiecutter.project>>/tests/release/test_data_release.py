"""Data released by hand."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import boto3
import pytest
from release_helpers.data import DIGEST, ROWS
from release_helpers.settings import (
    DATA,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from categoriser.manifest import unzip
from release import data_release
from release.data_release import release_data


def test_data_release_names_exactly_what_it_uploaded(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_release, "bucket_name", lambda *_: DATA)
    Path("own.csv").write_text(ROWS)

    release_data(changed(), tools_session(), [Path("own.csv")])

    s3 = boto3.client("s3")
    held = unzip(s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read(), "data.zip")
    (file,) = held.files
    assert (file.uri, file.sha256, file.rows) == (f"s3://{DATA}/raw/own.csv", DIGEST, 80)
    uploaded = s3.get_object(Bucket=DATA, Key="raw/own.csv", VersionId=file.version_id)
    assert uploaded["Body"].read().decode() == ROWS
    assert held.dvc == {"own.csv": hashlib.md5(ROWS.encode()).hexdigest()}


def test_a_banks_export_is_released_in_the_projects_form(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_release, "bucket_name", lambda *_: DATA)
    rows = ROWS.replace(",", ";").replace("2026-10-01", "13.10.2026").replace(".5;", ",50;")
    Path("bank.csv.gz").write_bytes(gzip.compress(rows.encode("utf-16")))

    with pytest.raises(UserError, match="ACCEPT=1"):
        release_data(changed(), tools_session(), [Path("bank.csv.gz")])
    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]
    release_data(changed(), tools_session(), [Path("bank.csv.gz")])

    s3 = boto3.client("s3")
    held = unzip(s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read(), "data.zip")
    (file,) = held.files
    uploaded = s3.get_object(Bucket=DATA, Key="raw/bank.csv", VersionId=file.version_id)
    expected = ROWS.replace("2026-10-01", "2026-10-13").replace(".5,", ".50,")
    assert uploaded["Body"].read().decode() == expected
    assert file.rows == 80
    assert list(held.dvc) == ["bank.csv.gz"]


def test_exports_of_one_name_are_all_released(
    root: Path, buckets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_release, "bucket_name", lambda *_: DATA)
    files = [Path("january/bank.csv"), Path("february/bank.csv")]
    for file, day in zip(files, ("13.10.2026", "14.10.2026"), strict=True):
        file.parent.mkdir()
        rows = ROWS.replace(",", ";").replace("2026-10-01", day).replace(".5;", ",50;")
        file.write_text(rows)
    with pytest.raises(UserError, match="ACCEPT=1"):
        release_data(changed(), tools_session(), files)
    release_data(changed(), tools_session(), files)
    s3 = boto3.client("s3")
    held = unzip(s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read(), "data.zip")
    days = []
    for one in held.files:
        uploaded = s3.get_object(Bucket=DATA, Key="raw/bank.csv", VersionId=one.version_id)
        days.append(uploaded["Body"].read().decode().splitlines()[1].split(",")[0])
    assert days == ["2026-10-13", "2026-10-14"]


def test_data_that_are_not_valid_are_not_released(root: Path, buckets: None) -> None:
    Path("bad.csv").write_text("date,text,price,category\n2026-10-01,aldi,free,groceries\n")

    with pytest.raises(UserError, match="are bad"):
        release_data(changed(), tools_session(), [Path("bad.csv")])

    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]


def test_held_out_rows_are_not_released(root: Path, buckets: None) -> None:
    with pytest.raises(UserError, match="never trained on"):
        release_data(changed(), tools_session(), [Path("./feedback/holdout.csv")])
