"""Files in S3, answered by a batch transform, which is played on the project's own server."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from botocore.exceptions import ClientError
from release_helpers.batch_transform import Transforms
from release_helpers.fake_aws import TOOLS, refused
from release_helpers.remote_aws import NEWEST_SERVE, REPOSITORY, RemoteAws, product
from release_helpers.settings import DATA, LIVE, PROJECT, REGION, changed, tools_session
from serving_helpers.running_server import Server

from categoriser.contract import MAX_ROWS, transactions
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from release.remote.batch import categorise

HEADER = "date,text,price,category\n"
GROUP = f"arn:aws:sagemaker:{REGION}:{TOOLS}:model-package/{PROJECT}"
# Of a package, what botocore asks of an answer.
PACKAGE = {
    "ModelPackageArn": f"{GROUP}/7",
    "CreationTime": datetime(2026, 11, 30, tzinfo=UTC),
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": []},
}
# A row as short as can be: as many as possible fit into a payload.
SHORT = "2026-10-01,a,1,groceries\n"


@pytest.fixture(scope="session")
def server(model: Path) -> Iterator[Server]:
    running = Server(model)
    yield running
    running.stop()


@pytest.fixture
def transforms(remote: RemoteAws, server: Server) -> Transforms:
    played = Transforms(server)
    remote.answers |= {
        "ListModelPackages": {"ModelPackageSummaryList": [{"ModelPackageArn": f"{GROUP}/7"}]},
        "GetProducts": {"PriceList": [product("Batch Transform", "0.1200")]},
        "DescribeModelPackage": lambda given: PACKAGE | given,
        "CreateModel": {"ModelArn": "arn:aws:sagemaker:r:111122223333:model/m"},
        "DeleteModel": {},
        "CreateTransformJob": played.create,
        "DescribeTransformJob": played.describe,
        "StopTransformJob": {},
    }
    return played


def put(key: str, body: str | bytes) -> None:
    boto3.client("s3").put_object(Bucket=LIVE, Key=key, Body=body)


def written() -> dict[str, bytes]:
    """Give what is below the place for the answers."""
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=LIVE, Prefix="answered/").get("Contents", [])
    return {
        item["Key"]: s3.get_object(Bucket=LIVE, Key=item["Key"])["Body"].read() for item in listed
    }


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode())))


def answer(below: str = "history/", **how: Any) -> None:
    standard: dict[str, Any] = {
        "given": f"s3://{LIVE}/{below}",
        "out": f"s3://{LIVE}/answered",
        "package": "",
        "model": "",
        "instances": 1,
        "minutes": 60,
        "yes": True,
    }
    categorise(changed(), tools_session(), **(standard | how))


def test_a_history_is_answered_beside_its_own_columns(
    transforms: Transforms, remote: RemoteAws, categoriser: Categoriser
) -> None:
    texts = [f"{word} no {number} sydney" for number in range(600) for word in ("aldi", "metro")]
    lines = "".join(f'2026-10-01,"{text}, au",-{n}.5,old\n' for n, text in enumerate(texts))
    put("history/2025.csv", HEADER + lines)

    answer()

    [(key, body)] = written().items()
    assert key == "answered/2025.csv"
    rows = table(body)
    expected = categoriser.predict(
        transactions((f"{text}, au", -(n + 0.5)) for n, text in enumerate(texts))
    )
    assert [row["text"] for row in rows] == [f"{text}, au" for text in texts]
    assert {row["category"] for row in rows} == {"old"}
    assert [row["predicted_category"] for row in rows] == [one.category for one in expected]
    assert [row["predicted_review"] for row in rows] == [
        str(one.review).lower() for one in expected
    ]
    assert [float(row["predicted_probability"]) for row in rows] == pytest.approx(
        [one.probability for one in expected], abs=1e-6
    )


def test_the_shortest_rows_make_no_payload_that_the_server_refuses(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/short.csv", HEADER + SHORT * 25_000)

    answer()

    assert len(table(written()["answered/short.csv"])) == 25_000
    assert len(transforms.payloads) == 3
    assert max(transforms.payloads) <= MAX_ROWS


def test_rows_of_a_file_are_in_several_objects_and_come_back_in_their_order(
    transforms: Transforms, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release.remote.batch_rows.OBJECT_BYTES", 20_000)
    words = ["aldi", "metro", "bank"]
    lines = "".join(f"2026-10-01,{words[n % 3]} no {n},{n},\n" for n in range(1000))
    put("history/long.csv", HEADER + lines)

    answer()

    assert transforms.objects > 3
    rows = table(written()["answered/long.csv"])
    assert [row["price"] for row in rows] == [str(n) for n in range(1000)]
    assert [row["predicted_category"] for row in rows[:3]] == [
        "groceries",
        "transport",
        "fees & interest",
    ]


def test_a_row_that_the_server_would_refuse_is_set_aside_and_fails_nothing(
    transforms: Transforms, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    put("history/some.csv", HEADER + SHORT + "2026-10-01,,5,x\n2026-10-01,b,cheap,x\n" + SHORT)

    answer()

    found = written()
    assert len(table(found["answered/some.csv"])) == 2
    aside = found["answered/some_set_aside.csv"].decode()
    assert "text is empty" in aside
    assert "price is not a number" in aside
    assert "2 rows answered, 2 set aside" in capsys.readouterr().out


def test_all_files_below_a_place_are_answered_in_their_own_forms(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/2024/own.csv.gz", gzip.compress((HEADER + SHORT * 3).encode()))
    stream = io.BytesIO()
    pl.DataFrame({"id": [1, 2], "text": ["a", "b"], "price": [1.0, 2.0]}).write_parquet(stream)
    put("history/2025/own.parquet", stream.getvalue())
    put("history/empty/", "")
    put("history-of-others/own.csv", "not to be read")

    answer("history")

    found = written()
    assert sorted(found) == ["answered/2024/own.csv", "answered/2025/own.parquet"]
    assert len(table(found["answered/2024/own.csv"])) == 3
    parquet = pl.read_parquet(found["answered/2025/own.parquet"])
    assert parquet["id"].to_list() == [1, 2]
    assert parquet.schema["predicted_probability"] == pl.Float64


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [("own.csv", "own.csv.gz", "own.csv"), ("own.csv", "own.txt", "own_set_aside.csv")],
    ids=["answers", "set aside"],
)
def test_two_files_whose_answers_would_have_one_name_are_refused(
    first: str, second: str, place: str, transforms: Transforms, remote: RemoteAws
) -> None:
    for name in (first, second):
        put(f"history/{name}", HEADER + SHORT)

    with pytest.raises(UserError, match=f"would both be answered in s3://{LIVE}/answered/{place}"):
        answer("history")

    assert written() == {}


def test_a_file_that_the_answers_would_take_the_place_of_is_refused(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/own.csv", HEADER + SHORT)

    with pytest.raises(UserError, match=r"history/own\.csv is read, and would be overwritten"):
        answer("history/own.csv", out=f"s3://{LIVE}/history")


def test_a_folder_of_the_console_s_is_no_file_and_names_stay_below_the_place(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/", "")
    put("history//own.csv", HEADER + SHORT)

    answer("history/")

    assert sorted(written()) == ["answered/own.csv"]


def test_a_file_without_a_row_keeps_no_other_from_its_answers(
    transforms: Transforms, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    put("history/2025-01.csv", HEADER)
    put("history/2025-02.csv", HEADER + SHORT)

    answer(instances=5)

    assert sorted(written()) == ["answered/2025-02.csv"]
    assert "2025-01.csv: not one row can be answered" in capsys.readouterr().out
    [request] = remote.made("CreateTransformJob")
    assert request["TransformResources"]["InstanceCount"] == 1


def test_the_transform_s_own_rows_and_answers_are_deleted(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)

    answer()

    assert boto3.client("s3").list_objects_v2(Bucket=DATA, Prefix="runs/")["KeyCount"] == 0


def test_a_single_file_is_answered(transforms: Transforms, remote: RemoteAws) -> None:
    put("history/one.csv", HEADER + SHORT)
    put("history/two.csv", HEADER + SHORT)

    answer("history/one.csv")

    assert sorted(written()) == ["answered/one.csv"]


def test_the_transform_reads_and_writes_where_its_role_may_and_its_model_is_deleted(
    transforms: Transforms, remote: RemoteAws
) -> None:
    for name in ("one", "two"):
        put(f"history/{name}.csv", HEADER + SHORT)

    answer(instances=2)

    [model] = remote.made("CreateModel")
    [request] = remote.made("CreateTransformJob")
    [deleted] = remote.made("DeleteModel")
    names = {model["ModelName"], request["ModelName"], deleted["ModelName"]}
    assert names == {request["TransformJobName"]}
    assert model["ExecutionRoleArn"] == f"arn:aws:iam::{TOOLS}:role/{PROJECT}-train-{REGION}"
    assert model["PrimaryContainer"] == {"ModelPackageName": f"{GROUP}/7"}
    assert model["EnableNetworkIsolation"] is True
    run = request["TransformJobName"].removeprefix(f"{PROJECT}-").removesuffix("-batch")
    assert request["TransformOutput"]["S3OutputPath"] == f"s3://{DATA}/runs/{run}/batch/answers/"
    assert request["TransformResources"] == {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    assert {"Key": "Project", "Value": PROJECT} in request["Tags"]


@pytest.mark.parametrize(
    ("how", "container"),
    [
        ({"package": "3"}, {"ModelPackageName": f"{GROUP}/3"}),
        ({"package": f"{GROUP}/4"}, {"ModelPackageName": f"{GROUP}/4"}),
        (
            {"model": f"s3://{LIVE}/model.tar.gz"},
            {"Image": f"{REPOSITORY}@{NEWEST_SERVE}", "ModelDataUrl": f"s3://{LIVE}/model.tar.gz"},
        ),
    ],
    ids=["number", "arn", "archive"],
)
def test_another_model_than_the_newest_approved_one_may_answer(
    how: dict[str, str], container: dict[str, str], transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)
    put("model.tar.gz", "a model")

    answer(**how)

    [model] = remote.made("CreateModel")
    assert model["PrimaryContainer"] == container


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"package": "9"}, f"PACKAGE={GROUP}/9: .*does not exist"),
        ({"model": f"s3://{LIVE}/none.tar.gz"}, f"MODEL=s3://{LIVE}/none.tar.gz: .*404"),
    ],
    ids=["package", "archive"],
)
def test_a_model_that_is_not_there_is_said_before_anything_is_paid_for(
    how: dict[str, str], said: str, transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)
    remote.answers["DescribeModelPackage"] = refused("ValidationException", "it does not exist")

    with pytest.raises(UserError, match=said):
        answer(**how, yes=False)


def test_a_transform_that_fails_writes_nothing_and_leaves_no_model(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)
    remote.answers["CreateTransformJob"] = {
        "TransformJobArn": "arn:aws:sagemaker:r:1:t/j" + "1" * 9
    }
    transforms.status, transforms.reason = "Failed", "AlgorithmError: see the log"

    with pytest.raises(UserError, match="failed: AlgorithmError: see the log"):
        answer()

    assert written() == {}
    assert len(remote.made("DeleteModel")) == 1


def test_a_quota_of_nought_is_named_and_leaves_no_model(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)
    quota = "The account-level service limit 'ml.m5.large for transform job usage' is 0 Instances"
    remote.answers["CreateTransformJob"] = refused("ResourceLimitExceeded", quota)

    with pytest.raises(ClientError, match=r"ml\.m5\.large for transform job usage"):
        answer()

    assert len(remote.made("DeleteModel")) == 1


@pytest.mark.parametrize("change", ["one less", "one more", "none"])
def test_answers_that_are_not_the_rows_write_nothing(
    change: str, transforms: Transforms, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("history/one.csv", HEADER + SHORT * 5)
    whole = transforms.answers

    def altered(*given: Any) -> bytes | None:
        lines = (whole(*given) or b"").splitlines(keepends=True)
        return b"".join({"one less": lines[1:], "one more": lines[:1] + lines}[change])

    if change == "none":
        remote.answers["CreateTransformJob"] = {"TransformJobArn": "arn:aws:sagemaker:r:1:t/job-1"}
    monkeypatch.setattr(transforms, "answers", altered)

    with pytest.raises(UserError, match="answers"):
        answer()

    assert written() == {}


def test_an_interruption_stops_the_job_and_deletes_its_model(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)

    def interrupt(_: dict[str, Any]) -> dict[str, Any]:
        raise KeyboardInterrupt

    remote.answers["DescribeTransformJob"] = interrupt
    with pytest.raises(UserError, match="is stopped"):
        answer()

    assert [name for name, _ in remote.calls if "TransformJob" in name][-1] == "StopTransformJob"
    assert len(remote.made("DeleteModel")) == 1


def test_a_transform_is_stopped_after_its_minutes(
    transforms: Transforms, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("history/one.csv", HEADER + SHORT)
    transforms.status = "InProgress"
    clock = iter(range(0, 10**6, 600))
    monkeypatch.setattr("release.remote.following.time.time", lambda: next(clock))

    with pytest.raises(UserError, match=r"stopped: it had its 60 minutes \(MINUTES="):
        answer()

    assert len(remote.made("StopTransformJob")) == 1


@pytest.mark.parametrize(
    ("below", "how", "said"),
    [
        ("nothing/", {}, "there is no file"),
        ("history/", {"given": "s3://no-such-bucket/x"}, "NoSuchBucket"),
        ("history/", {"out": "s3://no-such-bucket/x"}, "OUT: s3://no-such-bucket/x/.*NoSuchBucket"),
        ("history/", {"out": f"s3://{LIVE}/history/answered"}, "is within IN="),
        ("history/", {"out": "answered"}, "is not a place in S3"),
        ("history/", {"package": "1", "model": "s3://b/k"}, "give one of them"),
    ],
    ids=["no file", "no IN", "no OUT", "within", "no place", "two models"],
)
def test_what_cannot_be_done_is_said_before_anything_is_paid_for(
    below: str, how: dict[str, str], said: str, transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)

    with pytest.raises(UserError, match=said):
        answer(below, **how)

    assert remote.made("CreateModel", "CreateTransformJob") == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HEADER + "2026-10-01,,5,x\n", "not one row can be answered"),
        ("text,price,predicted_source\na,1,me\n", "predicted_source, as the answers do"),
    ],
    ids=["no good row", "a column of the answers'"],
)
def test_a_file_that_cannot_be_answered_starts_no_job(
    body: str, said: str, transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", body)

    with pytest.raises(UserError, match=said):
        answer()

    assert remote.made("CreateModel", "CreateTransformJob") == []


@pytest.mark.parametrize("right", ["s3:PutObject", "kms:GenerateDataKey"])
def test_where_the_answers_may_not_be_written_it_is_said_before_the_price(
    right: str, transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/2025/one.csv.gz", gzip.compress((HEADER + SHORT).encode()))
    words = f"User is not authorized to perform: {right}"
    remote.answers["CreateMultipartUpload"] = refused("AccessDenied", words)

    said = rf"OUT: s3://{LIVE}/answered/2025/one\.csv cannot be written: .*{words}"
    with pytest.raises(UserError, match=said):
        answer()

    assert remote.made("GetProducts", "CreateModel", "CreateTransformJob") == []
    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]


def test_to_see_whether_the_answers_can_be_written_leaves_nothing_behind(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)

    with pytest.raises(UserError, match="nobody consented"):
        answer(yes=False)

    s3 = boto3.client("s3")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=LIVE)
    left = s3.list_object_versions(Bucket=LIVE, Prefix="answered")
    assert {"Versions", "DeleteMarkers"}.isdisjoint(left)


def test_who_may_write_and_not_give_an_upload_up_gets_the_answers(
    transforms: Transforms, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    put("history/one.csv", HEADER + SHORT)
    remote.answers["AbortMultipartUpload"] = refused("AccessDenied")

    answer()

    assert sorted(written()) == ["answered/one.csv"]
    said = " ".join(capsys.readouterr().out.split())
    assert f"an upload without parts is left at s3://{LIVE}/answered/one.csv" in said


def test_without_consent_nothing_is_read_or_started(
    transforms: Transforms, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    put("history/one.csv", HEADER + SHORT)

    with pytest.raises(UserError, match="nobody consented"):
        answer(yes=False, instances=2, minutes=90)

    assert remote.made("CreateModel", "CreateTransformJob") == []
    said = capsys.readouterr().out
    assert "ml.m5.large in ap-southeast-2, batch transform: 0.1200 USD an hour" in said
    assert "at most 0.36 USD (1 job of 2 instances and 90 minutes: 3.00 hours)" in said


def test_without_an_approved_model_it_says_what_to_name(
    transforms: Transforms, remote: RemoteAws
) -> None:
    put("history/one.csv", HEADER + SHORT)
    remote.answers["ListModelPackages"] = {"ModelPackageSummaryList": []}

    with pytest.raises(UserError, match="no model is approved yet"):
        answer()


def test_a_disk_without_room_is_named(
    transforms: Transforms, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("history/one.csv", HEADER + SHORT)
    monkeypatch.setattr("release.remote.batch.TIMES_SIZE", 10**15)

    with pytest.raises(UserError, match="GB are needed"):
        answer()

    assert remote.made("CreateModel") == []
