"""What the verbs that run on SageMaker from this machine take where nothing else is given."""

# The draws of a search, and how many of them at once: each takes an instance.
SEARCH_JOBS = 10
SEARCH_JOBS_AT_ONCE = 2
BATCH_INSTANCES = 1
