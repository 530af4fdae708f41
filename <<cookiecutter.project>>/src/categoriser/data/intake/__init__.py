"""A bank's own file, read into the project's form."""
