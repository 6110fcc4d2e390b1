"""The page docs/feeding-others.md: its blocks run as they stand, in order, and print the numbers they should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bkgen_analysis import points
from pages import blocks

from bkgen.api import load_card

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "feeding-others.md"


def outputs(folder: Path) -> Iterator[tuple[str, str]]:
    """Each block of the page with what it prints, run in a folder that holds the cards."""
    (folder / "cards").symlink_to(ROOT / "cards")
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "Agg"}
    for language, code in blocks(PAGE):
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        yield code, done.stdout


def numbers(text: str) -> list[float]:
    """All numbers of a text."""
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)]


def test_every_block_runs(tmp_path: Path) -> None:
    """pyhf, cabinetry, uproot, hist and NumPy read the exports and find what bkgen finds."""
    printed = dict(outputs(tmp_path))
    result, here = points.fit_card(load_card(ROOT / "cards" / "dark_higgs.yaml"))
    sigma = 0.5 * (result.interval_68[1] - result.interval_68[0])

    def output(word: str) -> str:
        (text,) = (text for code, text in printed.items() if word in code)
        return text

    assert "All good" in output("patchset verify")
    patched, full = (
        json.loads((tmp_path / "outputs" / name).read_text()) for name in ("patched.json", "dark_higgs_workspace.json")
    )
    assert patched == full
    assert all(name in output("patchset inspect") for name in ("dark_higgs", "alp", "wet"))

    fitted = json.loads((tmp_path / "outputs" / "fit.json").read_text())
    assert fitted["mle_parameters"]["mu"][0] == pytest.approx(result.mu, abs=1e-3)
    assert fitted["twice_nll"] == pytest.approx(result.twice_nll, abs=1e-4)
    # mu = 1 is the minimum within a few hundredths of a standard deviation: it is not excluded.
    assert json.loads((tmp_path / "outputs" / "cls.json").read_text())["CLs_obs"] > 0.4

    # the minimiser may talk before the result
    mu, uncertainty, twice_nll = numbers(output("cabinetry").splitlines()[-1])
    assert mu == pytest.approx(result.mu, abs=1e-3)
    assert uncertainty == pytest.approx(sigma, rel=0.03)
    assert twice_nll == pytest.approx(result.twice_nll, abs=1e-4)

    total, stored_mu, simple_mu = numbers(output("import uproot"))
    assert total == pytest.approx(here.branching, rel=1e-9)
    assert stored_mu == pytest.approx(result.mu, rel=1e-12)
    # the number that zfit gives, see the end of the page
    assert simple_mu == pytest.approx(1.044, abs=1e-3)

    histogram = numbers(output("from hist import Hist"))
    assert histogram[:4] == [-1.0, 4.0, 8.0, 25.0]
    assert histogram[-1] == pytest.approx(sum(histogram[4:7]), rel=1e-6)
    difference, branching = numbers(output("np.load"))
    assert difference < 0.01
    assert branching == pytest.approx(here.branching, rel=1e-12)

    # flat decays with weights: the branching fraction of the Standard Model, to the statistical error of 0.3%
    (weighted,) = numbers(output("genfromtxt"))
    assert weighted == pytest.approx(points.point(load_card(ROOT / "cards" / "sm.yaml")).branching, rel=0.01)


def test_only_zfit_is_not_run() -> None:
    """Its block is the one that is marked otherwise; all others are Python or shell."""
    text = PAGE.read_text(encoding="utf-8")
    fences = re.findall(r"^```(\S+.*)$", text, re.MULTILINE)
    assert len(fences) == len(blocks(PAGE)) + 1
    assert fences[-1] == "{code-block} python"
