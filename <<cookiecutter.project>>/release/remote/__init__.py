"""Verbs that run on SageMaker from this machine: a training, a search, batch answers."""
