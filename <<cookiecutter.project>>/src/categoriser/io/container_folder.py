"""The folder in which a container of SageMaker finds its inputs and leaves its outputs."""

import os
from pathlib import Path

# SageMaker's own training toolkit takes another folder from this variable.
# https://github.com/aws/sagemaker-training-toolkit/blob/master/src/sagemaker_training/params.py
BASE_FOLDER = "SAGEMAKER_BASE_DIR"


def container_folder() -> Path:
    """Return the container's folder: /opt/ml, or what the variable names where it is not empty."""
    return Path(os.environ.get(BASE_FOLDER) or "/opt/ml")
