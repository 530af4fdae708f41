"""The test of dev's endpoint, in CodeBuild: right answers, and a refusal of a bad request.

It asks as the Lambda functions do: `lambdas` is on the path of this one command.
"""

from botocore.exceptions import ClientError

from categoriser.errors import UserError

MALFORMED = '{"text": '
BAD_REQUEST = 400
PROBE = "probe-test"


def ask_dev_endpoint(endpoint: str, golden: str) -> None:
    """Ask dev's endpoint the golden cases, and see that it refuses a malformed request.

    `golden` is the URI of the cases. Raises what `golden_cases.require_golden_answers` raises, and
    `UserError`.
    """
    import golden_cases

    known = golden_cases.read_golden_cases(golden)
    probes = [f"{PROBE}-{number}" for number in range(len(known.cases))]
    golden_cases.require_golden_answers(known, endpoint, probes)
    try:
        golden_cases.ask_target(endpoint, MALFORMED, PROBE)
    except ClientError as error:
        if error.response.get("OriginalStatusCode") == BAD_REQUEST:
            return
    raise UserError(f"{endpoint} answers a malformed request otherwise than with 400")
