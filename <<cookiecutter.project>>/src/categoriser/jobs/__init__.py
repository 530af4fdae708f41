"""The pipeline's steps, as SageMaker's jobs run them."""
