"""The forms that the settings choose: each makes what it needs, and no more."""

from __future__ import annotations

from typing import Any

from account_resources import IN, made
from train_stage import TRAIN_STAGE

from prove import roles, templates

# Under which forms of the project each conditional resource is made.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "one account": ("all", {}),
    "tools of two": ("tools", {}),
    "prod of two": ("prod", {}),
    "CodeCommit": ("all", {"SourceHost": "CodeCommit"}),
    "API keys": ("all", {"ProdAuth": "api-key"}),
    "VPC": ("all", {"Network": "vpc"}),
}
ONE = {"one account", "CodeCommit", "API keys", "VPC"}
TOOLS = ONE | {"tools of two"}
PROD = ONE | {"prod of two"}


def test_a_form_makes_what_it_needs() -> None:
    made_in: dict[str, set[str]] = {}
    for form, (part, given) in FORMS.items():
        for name in IN[part]:
            for key in made(name, part, **given):
                if "Condition" in templates.resources(name)[key]:
                    made_in.setdefault(f"{name}.{key}", set()).add(form)
    expected = {
        "data.ArtifactBucket": TOOLS,
        "data.ArtifactBucketPolicy": TOOLS,
        "data.Budget": TOOLS | PROD,
        "data.DataBucket": TOOLS,
        "data.DataBucketPolicy": TOOLS,
        "data.LiveBucket": PROD,
        "data.LiveBucketPolicy": PROD,
        "data.ModelPackageGroup": TOOLS,
        "serving.Interfaces": {"VPC"},
        "monitor.AlarmRule": {"prod of two"},
        "monitor.ShiftRule": {"prod of two"},
        "pipeline.CommitRule": {"CodeCommit"},
        "pipeline.GitConnection": TOOLS - {"CodeCommit"},
        "pipeline.ProdEvents": {"tools of two"},
        "prod.ApiKey": {"API keys"},
        "prod.UsagePlan": {"API keys"},
        "prod.UsagePlanKey": {"API keys"},
    }
    made_roles = {k: v for k, v in made_in.items() if k.split(".")[0] in roles.ROLE_TEMPLATES}
    del made_roles["serving.Interfaces"]
    deployments = {k: v for k, v in made_in.items() if "Deployment" in k}
    rest = made_in.keys() - made_roles.keys() - deployments.keys()
    assert {key: made_in[key] for key in rest} == expected
    for key, forms in deployments.items():
        assert forms == ({"API keys"} if "Key" in key else PROD - {"API keys"}), key
    of_roles = {
        "tools": {"Approve", "Base", "Build", "Events", "Monthly", "Pipeline", "Retrain"}
        | {"Registered", "Stage", "Test", "Train", *TRAIN_STAGE.roles, *TRAIN_STAGE.handed_out},
        "prod": {"Api", "CodeDeploy", "Monitor", "Release", "Schedule", "Watch"},
        "apart": {"Forward", "PipelineActions"},
    }
    wanted = {"tools": TOOLS, "prod": PROD, "apart": {"prod of two"}}
    # What every form has would be in no list.
    assert {key.split(".")[1] for key in made_roles} == set().union(*of_roles.values())
    for key, forms in made_roles.items():
        (of,) = [kind for kind, names in of_roles.items() if key.split(".")[1] in names]
        assert forms == wanted[of], key
