"""AWS's refusals, and the lack of credentials, in words that say what mends them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from categoriser.errors import UserError
from release.settings import SETTINGS

NOT_DEPLOYED = "nothing is deployed yet, or not here: `make deploy`"
# What mends a refusal, by the pattern that its code or its words begin with. The first one counts.
MENDS = {
    r"\w*(Credential|Profile|Token|SSO|Key|Unrecogn)": "sign in: `aws sso login`, AWS_PROFILE=...",
    "ResourceLimit": "ask for more in the console (Service Quotas): see `make preflight`",
    r"\w*(NotFound|NoSuch)|Validation.*(not exist|not find|o export)": NOT_DEPLOYED,
    r"\w*(Connect|Endpoint|SSL|Parser)": f"see `region` in {SETTINGS}, and the network (a proxy?)",
    "": "see what `make preflight` finds",
}
# A proxy's answer may be a whole page.
LONGEST_REFUSAL = 500


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """Raise what boto3 and botocore raise as a `UserError` that says what mends it."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, ResponseParserError) as error:
        words = str(error)[:LONGEST_REFUSAL]
        raise UserError(f"AWS: {words}; {mend_of(error)}") from None


def mend_of(error: Exception) -> str:
    """Return what mends a refusal."""
    named = f"{type(error).__name__} {error}"
    code_first = named.removeprefix("ClientError An error occurred (")
    return next(mend for pattern, mend in MENDS.items() if re.match(pattern, code_first))
