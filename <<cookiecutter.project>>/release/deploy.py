"""`make deploy`: the layers, each by a change set that is shown and asked for.

The release's own stacks (train, dev, prod, monitor) are the pipeline's to deploy.
"""

import boto3

from categoriser.errors import UserError
from categoriser.params import read_params
from release.accounts import account_id, bucket_name, open_session
from release.change_set import change_stack
from release.connection import CLICK
from release.console import console
from release.lambda_bundle import LambdaBundle, bundle_lambdas
from release.layers import layers_in_order
from release.seeds import seed
from release.settings import ReleaseSettings

NEXT = """The layers are made. Next:
- Confirm the e-mail that AWS has sent to {settings.email}.{pending}
- Push to {settings.source.branch}: that starts the pipeline. `make status` shows it."""
PENDING = f"""
- A new connection is PENDING until someone clicks it, {CLICK}.
  The run that the new pipeline begins by itself fails in Source until then: that is not a fault."""


def deploy_layers(
    settings: ReleaseSettings, session: boto3.Session, *, dry: bool = False, yes: bool = False
) -> None:
    """Create or change layer after layer; image and data exist before the pipeline does.

    If `dry`, what would change is shown, and nothing is changed. Raises `UserError` where there are
    no data yet, and as `change_stack` and `seed`.
    """
    data = read_params().data.path
    if not data.exists():
        raise UserError(f"{data} is missing: run `make run` first, or see data.path in params.yaml")
    layers = layers_in_order(settings)
    clients = {part: open_session(settings, part).client("cloudformation") for part, _ in layers}
    tools_account = account_id(session)
    for part, template in layers:
        others = {"Part": part, "ToolsAccountId": tools_account}
        if template == "pipeline":
            bundle = bundle_lambdas(settings.lambda_python)
            others["LambdaKey"] = bundle.key
            if not dry:
                seed(settings, session)
                upload_bundle(settings, session, bundle)
        change_stack(clients[part], settings, template, others, dry=dry, yes=yes)
    if dry:
        console.print("Nothing was changed: without DRY=1 each of these is asked for")
        return
    pending = PENDING if settings.has_connection else ""
    console.print(NEXT.format(settings=settings, pending=pending))


def upload_bundle(settings: ReleaseSettings, session: boto3.Session, bundle: LambdaBundle) -> None:
    bucket = bucket_name(settings, "artifacts", session)
    session.client("s3").put_object(Bucket=bucket, Key=bundle.key, Body=bundle.body)
