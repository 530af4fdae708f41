"""The accounts that hold a release: sessions in them, their ids, their buckets.

A part says what an account holds: `tools` and `prod` where production has an account of its own,
else `all`.
"""

import boto3

from categoriser.errors import UserError
from release.settings import ReleaseSettings


def open_session(settings: ReleaseSettings, part: str) -> boto3.Session:
    """Return a session in the region: the environment's, or prod_profile's for `prod`.

    Raises `UserError` where that leads into another account than `prod_account_id`.
    """
    if part != "prod":
        return boto3.Session(region_name=settings.region)
    profile = settings.prod_profile or None
    session = boto3.Session(region_name=settings.region, profile_name=profile)
    found = account_id(session)
    if found != settings.prod_account_id:
        raise UserError(f"prod_account_id is {settings.prod_account_id}, prod_profile's is {found}")
    return session


def account_id(session: boto3.Session) -> str:
    """Return the id of the account that a session is in."""
    return str(session.client("sts").get_caller_identity()["Account"])


def train_role(settings: ReleaseSettings, session: boto3.Session) -> str:
    """Return the ARN of the role that training and evaluation have."""
    name = f"{settings.project}-train-{settings.region}"
    return f"arn:{partition(settings, session)}:iam::{account_id(session)}:role/{name}"


def data_key(settings: ReleaseSettings, session: boto3.Session) -> str:
    """Return the ARN of the key of the account's buckets."""
    place = f"{settings.region}:{account_id(session)}"
    return f"arn:{partition(settings, session)}:kms:{place}:alias/{settings.project}"


def partition(settings: ReleaseSettings, session: boto3.Session) -> str:
    """Return the partition of the region, such as `aws`."""
    return session.get_partition_for_region(settings.region)


def bucket_name(settings: ReleaseSettings, kind: str, session: boto3.Session) -> str:
    """Return the name of an account's bucket: `artifacts`, `data`, or production's `live`."""
    return f"{settings.project}-{kind}-{account_id(session)}-{settings.region}"
