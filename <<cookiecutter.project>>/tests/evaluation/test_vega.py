"""`dvc plots` draws without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from verbs import run_verb

ROOT = Path(__file__).parents[2]


def test_the_script_brings_all_that_a_page_calls(tmp_path: Path) -> None:
    target = tmp_path / "vega.js"
    assert run_verb("vega", str(target)) == 0
    script = target.read_text(encoding="utf-8")
    assert "window.vegaEmbed=" in script
    assert "import(" not in script
    assert len(script) > 500_000


def test_the_page_of_plots_asks_nothing_of_a_network(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    for name in ("config", "plots.html"):
        shutil.copy(ROOT / ".dvc" / name, tmp_path / ".dvc" / name)
    (tmp_path / "scores.csv").write_text("step,score\n1,0.5\n2,0.75\n")
    (tmp_path / "dvc.yaml").write_text("plots:\n  - scores.csv: {x: step, y: score}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "dvc", "plots", "show"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["../.tools/vega.js"]
    assert "vegaEmbed('#" in page
    assert '"score": "0.75"' in page
