"""The labelling job: a candidate of new labels beside the data that is released."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from job_helpers.inputs import released_manifest
from job_helpers.live_account import DATA, LIVE, NEW, NOON, OLD, Account, metric_value
from measured import rows

from categoriser.errors import UserError
from categoriser.jobs import labelling_job
from categoriser.monitor.labels.export import FEEDBACK_PARTS
from prove.example import PROJECT

LABELLED = rows(300, seed=8).with_columns(text=pl.format("{} shop {}", "text", "row"))


@pytest.mark.actor("monitor")
def test_labels_become_a_candidate_beside_what_is_released(account: Account) -> None:
    account.capture(OLD, LABELLED, NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list(), NOON - timedelta(days=3))
    message = labelling_job.label_data()
    made = account.candidate()
    base, train = made.files
    assert (base, made.dvc, made.made_by) == (
        released_manifest().files[0],
        released_manifest().dvc,
        "labels",
    )
    assert made.labelled_through == "2026-11-19T12:00:00Z"
    assert train.uri == f"s3://{LIVE}/labels/train.csv"
    body = account.get(LIVE, "labels/train.csv", VersionId=train.version_id)
    kept = pl.read_csv(account.get(LIVE, "labels/holdout.csv"))
    found = pl.read_csv(body)
    assert found.columns[:4] == ["date", "text", "price", "category"]
    assert (train.rows, train.rows + kept.height) == (found.height, LABELLED.height)
    # The hold-out is in nothing that is trained on.
    assert not {*kept["text"]} & {*found["text"]}
    assert message.startswith(f"Completed: {train.rows} rows through 2026-11-19T12:00:00Z, ")


@pytest.mark.actor("monitor")
def test_the_next_labels_add_to_the_last_and_replace_their_file(account: Account) -> None:
    account.capture(OLD, LABELLED[:50], NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list()[:50], NOON - timedelta(days=9))
    labelling_job.label_data()
    first = account.candidate()
    # A retraining has released it; the labels come of another endpoint, for a class of their own.
    account.s3.put_object(Bucket=DATA, Key="releases/data.zip", Body=first.zip())
    account.capture(NEW, LABELLED[50:], NOON - timedelta(days=1), name="later")
    account.label(LABELLED["category"].to_list()[50:], NOON - timedelta(hours=3), name="later")
    labelling_job.label_data()
    second = account.candidate()
    assert [file.uri for file in second.files] == [file.uri for file in first.files]
    assert second.files[1].rows > first.files[1].rows
    assert second.files[1].version_id != first.files[1].version_id
    assert second.labelled_through == "2026-11-22T09:00:00Z" > first.labelled_through


@pytest.mark.actor("monitor")
def test_the_same_labels_again_are_no_newer(account: Account) -> None:
    account.capture(OLD, LABELLED, NOON - timedelta(days=10))
    account.label(LABELLED["category"].to_list(), NOON - timedelta(days=3))
    labelling_job.label_data()
    first = account.candidate()
    labelling_job.label_data()
    again = account.candidate()
    assert again.labelled_through == first.labelled_through
    assert again.files[1].sha256 == first.files[1].sha256


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no captures", "Completed: no data"),
        ("no labels", "Completed: no data"),
        ("probes", "Completed: no data"),
        ("too few", "Completed: 20 labelled rows can be exported"),
    ],
)
@pytest.mark.actor("monitor")
def test_where_there_is_not_enough_the_job_completes_and_writes_nothing(
    account: Account, fault: str, message: str
) -> None:
    name = "probe-1" if fault == "probes" else "call"
    if fault != "no captures":
        few = LABELLED[:20] if fault == "too few" else LABELLED
        account.capture(NEW, few, NOON - timedelta(days=3), name)
    if fault != "no labels":
        account.label(LABELLED["category"].to_list(), NOON - timedelta(days=1), name)
    assert labelling_job.label_data().startswith(message)
    assert not account.s3.list_objects_v2(Bucket=LIVE, Prefix="labels/")["KeyCount"]
    assert account.s3.list_objects_v2(Bucket=DATA, Prefix="releases/")["KeyCount"] == 1


@pytest.mark.actor("monitor")
def test_bad_labels_are_left_out_counted_and_sent_to_their_alarm(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    monkeypatch.setenv("sagemaker_endpoint_name", NEW)
    monkeypatch.setenv("sagemaker_monitoring_schedule_name", f"{PROJECT}-labels")
    account.capture(OLD, LABELLED, NOON - timedelta(days=3))
    wrong = ["no such class"] * 40 + LABELLED["category"].to_list()[40:]
    account.label(wrong, NOON - timedelta(days=1))
    message = labelling_job.label_data()
    assert message.startswith("Completed: ")
    assert "40 of 300 labelled predictions have labels that differ, or" in message
    kept = [pl.read_csv(account.get(LIVE, f"labels/{part}.csv")) for part in FEEDBACK_PARTS]
    assert sum(frame.height for frame in kept) == 260
    assert "quality.max_bad_labels" in caplog.text
    assert metric_value("bad_labels", NEW, f"{PROJECT}-labels") == pytest.approx(40 / 300)


@pytest.mark.parametrize("name", ["labels", "data_manifest", "labelled_manifest"])
def test_a_missing_variable_of_the_labelling_job_is_named(
    account: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(UserError, match=f"variable {name} is missing"):
        labelling_job.label_data()
