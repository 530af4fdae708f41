"""The server of SageMaker's inference contract."""
