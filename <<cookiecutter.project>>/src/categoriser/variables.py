"""The environment's variables: one that is empty counts as none, here and in every library.

CI gives a secret that it does not have as an empty variable, and a shell a name that was cleared.
MLflow, boto3 and pip each make something else of those.
"""

import os


def forget_empty() -> None:
    """Take the empty variables out of the environment of this process and of those it starts."""
    for name in [name for name, value in os.environ.items() if not value]:
        del os.environ[name]
