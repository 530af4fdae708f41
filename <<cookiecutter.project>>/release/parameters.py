"""The parameters of the stacks, and the settings that they come from.

Here a setting and its parameter are side by side, so that a search for one finds the other. What is
in neither table is read by the code itself, or is made by a release.
"""

from collections.abc import Mapping
from functools import reduce

from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.params import Section
from release.cloudformation import declared_parameters
from release.settings import ReleaseSettings
from release.workflow_settings import PARAMETER_OF_WORKFLOW_SETTING

# The parameter of each setting of cloudformation/settings.yaml.
PARAMETER_OF_SETTING = {
    "project": "Project",
    "email": "Email",
    "source.host": "SourceHost",
    "source.repository": "SourceRepository",
    "source.branch": "SourceBranch",
    "base_image": "BaseImage",
    "prod_account_id": "ProdAccountId",
    "permissions_boundary": "PermissionsBoundary",
    "network": "Network",
    "lambda_python": "LambdaPython",
    "dev.kind": "DevKind",
    "dev.instance": "DevInstance",
    "prod.instance": "ProdInstance",
    "prod.minimum": "ProdMinimum",
    "prod.maximum": "ProdMaximum",
    "prod.requests_per_instance": "ProdRequestsPerInstance",
    "prod.auth": "ProdAuth",
    "prod.rate": "ProdRate",
    "prod.burst": "ProdBurst",
    "prod.daily_quota": "ProdDailyQuota",
    "prod.canary_percent": "ProdCanaryPercent",
    "prod.canary_minutes": "ProdCanaryMinutes",
    "prod.bake_minutes": "ProdBakeMinutes",
    "prod.capture_percent": "ProdCapturePercent",
    "prod.latency_ms": "ProdLatencyMs",
    "approval_minutes": "ApprovalMinutes",
    "monitor.instance": "MonitorInstance",
    "retrain.cool_down_hours": "RetrainCoolDownHours",
    "retrain.monthly": "RetrainMonthly",
    "budget_usd": "BudgetUsd",
    "log_days": "LogDays",
    **PARAMETER_OF_WORKFLOW_SETTING,
}
# The parameter of each setting of monitoring/monitoring.yaml.
PARAMETER_OF_MONITOR_SETTING = {
    "schedule.every_hours": "ScheduleEveryHours",
    "captures.max_unread": "CapturesMaxUnread",
    "captures.max_missing": "CapturesMaxMissing",
    "quality.max_bad_labels": "QualityMaxBadLabels",
    "alarms.violations": "AlarmsViolations",
    "alarms.windows": "AlarmsWindows",
}


def stack_parameters(
    settings: ReleaseSettings, template: str, others: Mapping[str, str]
) -> dict[str, str]:
    """Return the values of the parameters that a template declares and that are known here.

    `others` are parameters that are not settings, such as ReleaseId. The others that a template
    declares have a default, or come from the pipeline.
    """
    known = {
        **parameters_of(settings, PARAMETER_OF_SETTING),
        **parameters_of(read_monitor_settings(), PARAMETER_OF_MONITOR_SETTING),
        **others,
    }
    return {name: known[name] for name in declared_parameters(template) if name in known}


def parameters_of(section: Section, table: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a table's settings, as CloudFormation writes them, by parameter."""
    return {
        parameter: as_parameter(reduce(getattr, key.split("."), section))
        for key, parameter in table.items()
    }


def as_parameter(value: object) -> str:
    """Write a value as CloudFormation does: `true`, `10`, `main`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
