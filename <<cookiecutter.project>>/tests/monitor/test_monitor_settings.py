"""monitoring.yaml: each wrong key is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from monitor_helpers.made_checks import ROOT

from categoriser.errors import UserError
from categoriser.monitor.monitor_settings import read_monitor_settings


def test_the_settings_name_each_wrong_key(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "monitoring/monitoring.yaml").read_text())
    document["thresholds"]["profile"] = "loud"
    document["overrides"] = {"price": {"treshold": 0.1}}
    del document["schedule"]["lag_minutes"]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(UserError) as error:
        read_monitor_settings(tmp_path / "m.yaml")
    for key in ("thresholds.profile", "overrides.price.treshold", "schedule.lag_minutes"):
        assert key in str(error.value)
