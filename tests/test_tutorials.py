"""The README and the tutorials: their commands and programs run, and print what the pages show."""

from __future__ import annotations

import math
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pages
import pytest

from bkgen import api, models

DOCS = pages.ROOT / "docs"
MY_MODEL = DOCS / "_examples" / "my_model"


@pytest.fixture
def my_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like that of the example, with the package installed: its module and its entry points are found."""
    about = tomllib.loads((MY_MODEL / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tmp_path / "my_model"
    shutil.copytree(MY_MODEL, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "outputs"))
    info = folder / f"my_model-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    (group,) = about["entry-points"]
    lines = [f"{name} = {target}\n" for name, target in about["entry-points"][group].items()]
    (info / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")
    monkeypatch.syspath_prepend(str(folder))
    models.registry.cache_clear()
    yield folder
    monkeypatch.undo()
    sys.modules.pop("my_model", None)
    models.registry.cache_clear()


def test_theorist(my_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the package to figures."""
    pages.run(DOCS / "tutorial-theorist.md", my_model, monkeypatch)
    written = {path.name for path in (my_model / "outputs").iterdir()}
    assert {"muon_portal_spectrum.png", "muon_portal_spectrum.pdf", "branching.png"} <= written
    assert len((MY_MODEL / "my_model.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("page", ["tutorial-analyst", "tutorial-fitter"])
def test_analyst_and_fitter(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cards of bkgen."""
    (tmp_path / "cards").symlink_to(pages.ROOT / "cards")
    pages.run(DOCS / f"{page}.md", tmp_path, monkeypatch)


def test_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tour with its output and the programs; the shell blocks are installation, tests and long scans."""
    (tmp_path / "cards").symlink_to(pages.ROOT / "cards")
    pages.run(pages.ROOT / "README.md", tmp_path, monkeypatch, leave_out="bash")
    assert (tmp_path / "outputs" / "dark_higgs.root").exists()


def test_shown_lines_are_compared() -> None:
    """Numbers to four digits, words exactly, gaps only where the page says so, times and digests not at all."""
    printed = "quantity  value\nBR(x)     1.00001e-6\nmu        [1, 2]\n"
    pages.compare("", ["quantity  value", "BR(x) 1.0000e-6", "mu  [1, 2]"], printed)
    pages.compare("", ["...", "mu [1, 2]"], printed)
    pages.compare("", [], printed)
    for shown in (["quantity value", "mu [1, 2]"], ["quantity value", "BR(x) 1.1e-6", "..."], ["quantity value"]):
        with pytest.raises(AssertionError):
            pages.compare("", shown, printed)
    assert pages.same("a: 5 events in 1.0 s (5 per second)", "a: 5 events in 2.0 s (3 per second)")
    assert not pages.same("a: 5 events in 1.0 s (5 per second)", "a: 6 events in 1.0 s (5 per second)")


def test_my_model_is_the_scalar_model(my_model: Path) -> None:
    """Its rate is that of scalar_dm, its cross section that of the page: (1/(2 s beta)) sum |M|^2 beta_mu/(8 pi)."""
    card = api.load_card(my_model / "cards" / "muon_portal.yaml")
    values = card.model.model_dump()
    built_in = api.load_card(
        {
            "schema": 1,
            "model": {"name": "scalar_dm", "real": True, "m_phi": values["m_S"], "gS": values["C_sb"]},
            "channel": "B+ -> K+",
        }
    )
    rate = [quantities[0].value for quantities in map(api.rates, (card, built_in))]
    assert rate[0] == pytest.approx(rate[1], rel=1e-12)
    m_mu, s = card.physics_inputs.constants.m_mu, np.array([1.01, 2.0, 50.0])
    beta, beta_mu = (np.sqrt(1.0 - 4.0 * m**2 / s) for m in (values["m_S"], m_mu))
    expected = 2.0 * values["C_mu"] ** 2 * (s - 4.0 * m_mu**2) * beta_mu / (8.0 * math.pi) / (2.0 * s * beta)
    (channel,) = card.model.dark_matter(card.physics_inputs).channels
    np.testing.assert_allclose(channel.sigma(s), expected, rtol=1e-12)
