"""From a prediction to all that it was made of."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from release_helpers.fake_aws import TOOLS, FakeAws
from release_helpers.settings import (
    PROJECT,
    RELEASE,
    changed,
    tools_session,
)

from categoriser.contract import VARIANT
from categoriser.errors import UserError
from prove import templates
from release.console import console
from release.why import print_lineage

ENDPOINT = f"{PROJECT}-{RELEASE}"


PREDICTION = "0123456789abcdef" * 2


PACKAGE = f"arn:aws:sagemaker:ap-southeast-2:{TOOLS}:model-package/{PROJECT}/7"


@pytest.fixture
def captured(cloud: FakeAws) -> FakeAws:
    """Let one call be captured, yesterday."""
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y/%m/%d}"
    key = f"captures/{ENDPOINT}/{VARIANT}/{yesterday}/10/1.jsonl"
    line = json.dumps({"eventMetadata": {"eventId": "e", "inferenceId": PREDICTION}})

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("Delimiter"):
            ends = ("another", ENDPOINT)
            return {"CommonPrefixes": [{"Prefix": f"captures/{end}/"} for end in ends]}
        return {"Contents": [{"Key": key}]} if key.startswith(asked["Prefix"]) else {}

    facts = {"Release": RELEASE, "Commit": "abcdef1", "DataVersion": "v3"}
    cloud.answers |= {
        "ListObjectsV2": listed,
        "GetObject": lambda _: {"Body": io.BytesIO(line.encode())},
        "ListModelPackages": {
            "ModelPackageSummaryList": [
                {
                    "ModelPackageArn": PACKAGE,
                    "CreationTime": datetime.now(UTC),
                    "ModelPackageStatus": "Completed",
                }
            ]
        },
        "DescribeModelPackage": {
            "CustomerMetadataProperties": facts,
            "ApprovalDescription": "execution 1, approved by Ann",
        },
    }
    return cloud


def test_why_leads_from_a_prediction_to_commit_data_and_approver(
    captured: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    print_lineage(changed(), tools_session(), PREDICTION)

    out = capsys.readouterr().out
    for word in ("/10/1.jsonl", ENDPOINT, "abcdef1", "v3", "approved by Ann"):
        assert word in out


def test_why_prints_whole_values(
    captured: FakeAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 40)
    lineage = captured.answers["DescribeModelPackage"]["CustomerMetadataProperties"]
    lineage["ServeImage"] = f"sha256:{'a' * 64}"
    lineage["DvcHash"] = "[red]kept[/red] :warning:"

    print_lineage(changed(), tools_session(), PREDICTION)

    lines = capsys.readouterr().out.splitlines()
    assert f"ServeImage: sha256:{'a' * 64}" in lines
    assert "DvcHash: [red]kept[/red] :warning:" in lines


@pytest.mark.parametrize("prediction", ["", "abc", '.*"', f"{PREDICTION}0", PREDICTION.upper()])
def test_why_says_what_an_id_looks_like(captured: FakeAws, prediction: str) -> None:
    with pytest.raises(UserError) as refused:
        print_lineage(changed(), tools_session(), prediction)

    words = "is not the id of a prediction: it has 32 of 0-9 and a-f, such as the API answers"
    assert str(refused.value).startswith(f"PREDICTION={prediction} {words}")
    assert "DAYS" not in str(refused.value)
    assert not captured.made("GetObject")


@pytest.mark.parametrize("days", ["0", "-1", "x", "10000"])
def test_why_says_what_a_number_of_days_is(captured: FakeAws, days: str) -> None:
    with pytest.raises(UserError, match=f"^DAYS={days} is not a number of days: write 1 to 9999$"):
        print_lineage(changed(), tools_session(), PREDICTION, days)

    assert not captured.made("GetObject")


@pytest.mark.parametrize("form", ['"inferenceId": "%s"', '"inferenceId":"%s"'])
def test_why_finds_probes_and_only_what_is_an_id(
    captured: FakeAws, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    probe = f"probe-{RELEASE}-3"
    captured.answers["GetObject"] = lambda _: {"Body": io.BytesIO((form % probe).encode())}
    print_lineage(changed(), tools_session(), probe)
    assert "abcdef1" in capsys.readouterr().out

    elsewhere = form.replace("inferenceId", "text") % probe
    captured.answers["GetObject"] = lambda _: {"Body": io.BytesIO(elsewhere.encode())}
    with pytest.raises(UserError, match="in no capture"):
        print_lineage(changed(), tools_session(), probe)


@pytest.mark.parametrize(("prediction", "days"), [("f" * 32, "7"), (PREDICTION, "1")])
def test_why_says_where_it_looked(captured: FakeAws, prediction: str, days: str) -> None:
    with pytest.raises(UserError, match=rf"{prediction}.*last {days} days.*{ENDPOINT}.*DAYS="):
        print_lineage(changed(), tools_session(), prediction, days)


def test_captures_are_looked_for_below_the_variant_of_the_endpoint() -> None:
    (config,) = templates.resources("prod", "AWS::SageMaker::EndpointConfig").values()
    assert [item["VariantName"] for item in config["Properties"]["ProductionVariants"]] == [VARIANT]
