"""What a release's endpoint and the API's function are called, and which release serves.

`cloudformation/prod.yaml` has the same names, and tests hold them equal. The Lambda functions hold
this module too: it imports nothing.
"""

# The alias of the API's function that has the traffic.
LIVE_ALIAS = "live"

# Characters of a release's id: `yyyymmdd-hhmmss-<commit>`, with seven digits of the commit.
RELEASE_ID_CHARACTERS = len("yyyymmdd-hhmmss-") + 7


def endpoint_name(project: str, release: str) -> str:
    """Return the name of a release's endpoint in production."""
    return f"{project}-{release}"


def api_function(project: str) -> str:
    """Return the name of the function that answers the API's requests."""
    return f"{project}-api"


def release_of(endpoint: str) -> str:
    """Return the id of the release that an endpoint is of: its name ends in it."""
    return endpoint[-RELEASE_ID_CHARACTERS:]
