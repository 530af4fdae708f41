"""The project's settings, as its files say them."""

from __future__ import annotations

import yaml

from categoriser.monitor.monitor_settings import MonitorSettings as Monitoring
from prove import project_files
from release.settings import ReleaseSettings


def settings() -> ReleaseSettings:
    return ReleaseSettings.model_validate(
        yaml.safe_load(project_files.text("cloudformation/settings.yaml"))
    )


def monitoring() -> Monitoring:
    return Monitoring.model_validate(
        yaml.safe_load(project_files.text("monitoring/monitoring.yaml"))
    )
