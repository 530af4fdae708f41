"""What proves the release: templates, roles and calls offline, and all of it in a sandbox."""
