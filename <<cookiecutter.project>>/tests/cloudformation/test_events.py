"""Events and notices: each rule hears what is sent, and what it tells arrives."""

from __future__ import annotations

import ast
import json
import re

from account_resources import everything, made, rules, scheduled, topic_arn
from alarm_metrics import alarms
from existing_arns import pair
from pipeline_actions import actions, overrides
from source_code import function

from prove import example, project_files, resolver
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION


def test_the_budget_tells_the_address_before_and_after() -> None:
    budget = made("data")["Budget"]["Properties"]
    assert budget["Budget"]["BudgetName"] == f"{PROJECT}-{REGION}"
    for each, kind in zip(
        budget["NotificationsWithSubscribers"], ("ACTUAL", "FORECASTED"), strict=True
    ):
        assert each["Notification"]["NotificationType"] == kind
        assert each["Notification"]["ComparisonOperator"] == "GREATER_THAN"
        address = {"SubscriptionType": "EMAIL", "Address": example.GIVEN["Email"]}
        assert each["Subscribers"] == [address]


# From the EventBridge guide and the services' own pages on their events.
SOURCES = {
    "aws.s3": {"Object Created"},
    "aws.ecr": {"ECR Image Action"},
    "aws.codebuild": {"CodeBuild Build State Change"},
    "aws.codecommit": {"CodeCommit Repository State Change"},
    "aws.codepipeline": {
        f"CodePipeline {what} Execution State Change" for what in ("Pipeline", "Stage")
    },
    "aws.cloudwatch": {"CloudWatch Alarm State Change"},
    "aws.codedeploy": {"CodeDeploy Deployment State-change Notification"},
    "aws.sagemaker": {"SageMaker Processing Job State Change"},
}


def test_each_rule_hears_an_event_that_is_sent_and_reaches_what_there_is() -> None:
    for part, given in (("all", {"SourceHost": "CodeCommit"}), ("tools", {}), ("prod", {})):
        known = pair(part)
        for name, rule in rules(part, **given).items():
            pattern = rule.get("EventPattern", {})
            if pattern:
                (sender,) = pattern["source"]
                (kind,) = pattern["detail-type"]
                assert kind in SOURCES[sender], name
            else:
                assert rule["ScheduleExpression"].startswith("cron("), name
            for target in rule["Targets"]:
                assert target["Arn"] in known, f"{name}: {target['Arn']}"
                transformer = target.get("InputTransformer", {"InputTemplate": ""})
                used = {*re.findall(r"<([\w-]+)>", transformer["InputTemplate"])}
                assert used == {*transformer.get("InputPathsMap", {})}, name
                # Lambda and SNS admit by their own policies.
                plain = ":lambda:" in target["Arn"] or ":sns:" in target["Arn"]
                assert ("RoleArn" in target) != plain, name


def test_an_alarm_of_the_monitor_asks_for_retraining() -> None:
    heard = {f"{PROJECT}-drift", f"{PROJECT}-quality"}
    for part, account in (("all", ACCOUNT), ("tools", OTHER_ACCOUNT)):
        retrain = rules(part)["retrain"]
        assert {*retrain["EventPattern"]["detail"]["alarmName"]} == heard <= alarms().keys()
        assert retrain["EventPattern"]["detail"]["state"] == {"value": ["ALARM"]}
        assert retrain["EventPattern"]["account"] == [account]
        rolled = rules(part)["rolled-back"]["EventPattern"]
        assert rolled["account"] == [account]
        assert rolled["detail"]["application"] == [PROJECT]
    # Of two accounts, production's sends both events to the other's bus, which admits it.
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    sent = rules("prod")
    assert {*sent["alarms"]["EventPattern"]["detail"]["alarmName"]} == heard
    assert sent["shifts"]["EventPattern"]["detail"]["application"] == [PROJECT]
    for name in ("alarms", "shifts"):
        assert [target["Arn"] for target in sent[name]["Targets"]] == [bus]
        assert name not in rules()
    function = resolver.arn("pipeline", "RetrainFunction")
    assert [target["Arn"] for target in rules()["retrain"]["Targets"]] == [function]
    asking = {"RetrainRule": "retrain", "LabelsRule": "labels"}
    for key, name in asking.items():
        assert [target["Arn"] for target in rules()[name]["Targets"]] == [function]
        (permission,) = [
            item["Properties"]
            for item in made("pipeline").values()
            if item["Type"] == "AWS::Lambda::Permission"
            and item["Properties"]["SourceArn"] == resolver.arn("pipeline", key)
        ]
        assert permission["FunctionName"] == f"{PROJECT}-retrain"
    permissions = everything("AWS::Lambda::Permission").values()
    of_events = [each for each in permissions if each["Principal"] == "events.amazonaws.com"]
    assert len(of_events) == len(asking)
    labels = rules()["labels"]["EventPattern"]["detail"]
    assert labels == {
        "bucket": {"name": [example.GIVEN["DataBucket"]]},
        "object": {"key": ["releases/labelled.zip"]},
    }
    assert made("pipeline")["MonthlySchedule"]["Properties"]["Target"]["Arn"] == function
    for monthly, wanted in (("true", "ENABLED"), ("false", "DISABLED")):
        schedule = made("pipeline", RetrainMonthly=monthly)["MonthlySchedule"]["Properties"]
        assert schedule["State"] == wanted
    failures = made("pipeline")["RetrainFailures"]["Properties"]
    assert failures["FunctionName"] == f"{PROJECT}-retrain"
    assert failures["DestinationConfig"]["OnFailure"] == {"Destination": topic_arn()}


def test_people_are_told_by_name() -> None:
    (approval,) = [each for each in actions() if each["Name"] == "Approve"]
    assert approval["Configuration"]["NotificationArn"] == topic_arn()
    told = ("stage-failed", "superseded", "base-failed", "rolled-back", "failed-job")
    for name in told:
        assert [target["Arn"] for target in rules()[name]["Targets"]] == [topic_arn()], name
    detail = rules()["failed-job"]["EventPattern"]["detail"]
    prefixes = [each["prefix"] for each in detail["ProcessingJobName"]]
    for name, request in scheduled().items():
        job = request["ProcessingJobName"]
        assert sum(job.startswith(prefix) for prefix in prefixes) == 1, name
    (package,) = [each for each in actions() if each["Name"] == "Package"]
    assert package["Configuration"]["FunctionName"] == f"{PROJECT}-approve"
    given = json.loads(package["Configuration"]["UserParameters"])
    taken = function(ast.parse(project_files.text("lambdas/approval.py")), "mark").args.args
    assert [*given] == [each.arg for each in taken]
    assert given == {
        "package": "#{Train.ModelPackageArn}",
        "execution": "#{codepipeline.PipelineExecutionId}",
    }
    assert overrides()["prod"] == {"ModelPackageArn": "#{Train.ModelPackageArn}"}
    assert overrides()["dev"] == {"ModelDataUrl": "#{Train.ModelDataUrl}"}
