"""The images as SageMaker runs them, and as it does not: `make test-image`.

Every container here has no network, little room, and a root file system that is read-only; it is
another user's than root's unless a test says so. Paths and files of the contract:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""
