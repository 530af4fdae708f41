"""`process monitor`: the monitor as a scheduled job, or Model Monitor's schedule, runs it."""

import os

from rich.console import Console

from categoriser.monitor.check import check_endpoints, check_window
from categoriser.monitor.checks.request_environment import request_from_environment
from categoriser.monitor.monitor_settings import read_monitor_settings


def run_monitor() -> str:
    """Run the job that the environment describes, and return the exit message."""
    settings = read_monitor_settings()
    given = dict(os.environ)
    if given.get("scheduled_time") and not given.get("sagemaker_endpoint_name"):
        return check_endpoints(given, settings, Console())
    return check_window(request_from_environment(given, settings), settings, Console())
