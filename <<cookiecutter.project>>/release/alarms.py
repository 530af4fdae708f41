"""The names of the alarms that the templates prod, monitor and pipeline make."""

# After the project's name. Their state is of whichever release is live.
STANDING = (
    "release",
    "unhealthy",
    "api-5xx",
    "drift",
    "quality",
    "unread",
    "missing",
    "labels",
    "schedules",
    "findings",
)
# Between the project's name and the release's id. They see that release alone, and roll it back.
OF_A_RELEASE = ("errors", "5xx", "latency", "failures")


def standing_alarms(project: str) -> list[str]:
    """Return the names of the alarms that every release has in turn."""
    return [f"{project}-{alarm}" for alarm in STANDING]


def release_alarms(project: str, release: str) -> list[str]:
    """Return the names of the alarms that roll one release back."""
    return [f"{project}-{alarm}-{release}" for alarm in OF_A_RELEASE]
