"""The release on AWS: Build's part of the pipeline, and the verbs that deploy and operate."""
