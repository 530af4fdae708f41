"""What a release's endpoint is called, and which release an endpoint is of.

`cloudformation/prod.yaml` builds the same name, and a test holds the two equal.
"""

# Characters of a release's id: `yyyymmdd-hhmmss-<commit>`, with seven digits of the commit.
RELEASE_ID_CHARACTERS = len("yyyymmdd-hhmmss-") + 7


def endpoint_name(project: str, release: str) -> str:
    """Return the name of a release's endpoint in production."""
    return f"{project}-{release}"


def release_of(endpoint: str) -> str:
    """Return the id of the release that an endpoint is of: its name ends in it."""
    return endpoint[-RELEASE_ID_CHARACTERS:]
