"""Refuses bad answers: every problem in one message, each with its mend, before a file is made.

`needs_cookiecutter_2_6.py` calls `problems` before there is a folder. It is not called for a
replay: then cookiecutter fills `ANSWERS` in and runs this file in the new, still empty folder. It
removes the folder when this file ends with a status other than 0.
"""

import json
import re
import sys

ANSWERS = r"""<< cookiecutter | tojson >>"""

# A field's pattern, and what to write instead of what does not match it.
PATTERNS = {
    "project": (
        r"(?=.{1,20}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "begin with a lower-case letter, then lower-case letters, digits and single hyphens, "
        "at most 20 characters, such as 'card-categoriser'",
    ),
    "email": (
        r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "write one address, such as 'team@example.com'",
    ),
    "repository": (
        r"(?=.{3,140}\Z)[A-Za-z0-9][A-Za-z0-9._-]*/(?!\.{1,2}\Z)(?!.*\.git\Z)[A-Za-z0-9._-]+",
        "write owner/name, such as 'example/categoriser', without https:// or .git",
    ),
    "aws_region": (
        r"[a-z]{2,3}(-[a-z]+){1,3}-[1-9]",
        "write a region's code, such as 'ap-southeast-2'",
    ),
    # Menus: cookiecutter itself refuses another answer, but not one of a replay.
    "git_host": (
        r"GitHub|GitLab|Bitbucket|CodeCommit",
        "take GitHub, GitLab, Bitbucket or CodeCommit",
    ),
    "workflow": (
        r"cloudformation|step-functions|sagemaker-pipelines|airflow|kubernetes|metaflow",
        "take cloudformation, step-functions, sagemaker-pipelines, airflow, kubernetes or metaflow",
    ),
    "python_version": (r"3\.1[123]", "take 3.11, 3.12 or 3.13"),
}
# The project's own check takes the same regions, from botocore.
REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
)
NO_REGION = "AWS has no such region: write the code of one that it has, such as 'ap-southeast-2'"
CHINA = (
    "the release cannot exist in China, whose CodePipeline has no CloudFormation action: "
    "take another region"
)


def problems(answers):
    """Give a line for each answer that cannot be used: the field, the answer, the mend."""
    found = []
    for field, (pattern, mend) in PATTERNS.items():
        if not re.fullmatch(pattern, answers[field]):
            found.append(f"{field} {answers[field]!r} cannot be used: {mend}")
    region = answers["aws_region"]
    if region.startswith("cn-"):
        found.append(f"aws_region {region!r} cannot be used: {CHINA}")
    elif re.fullmatch(PATTERNS["aws_region"][0], region) and region not in REGIONS:
        found.append(f"aws_region {region!r} cannot be used: {NO_REGION}")
    return found


def main():
    found = problems(json.loads(ANSWERS))
    if found:
        sys.exit("These answers cannot be used; nothing was made.\n  " + "\n  ".join(found))


if __name__ == "__main__":
    main()
