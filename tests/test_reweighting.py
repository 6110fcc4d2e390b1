"""Tables to reweight decays flat in phase space: exact bins, and decays that become those of the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from bkgen_analysis import export, reweighting
from numpy.typing import NDArray
from scipy.integrate import quad

from bkgen import api
from bkgen.card import Card
from bkgen.errors import InputError
from bkgen.kinematics import kallen

SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
EVENTS = 100_000


def card(**changes: Any) -> Card:
    return api.load_card({**SM, "generate": {"events": EVENTS, "seed": 3}, **changes})


def masses(job: Card) -> tuple[float, float]:
    """Masses of B and hadron [GeV]."""
    constants = job.physics_inputs.constants
    return job.decay.m_B(constants), job.decay.m_H(constants)


def test_phase_space_against_a_numerical_integral() -> None:
    m_B, m_H = masses(card())
    q2 = np.array([0.0, 1.0, 7.5, 22.0, (m_B - m_H) ** 2])
    found = reweighting.phase_space_integral(m_B, m_H, q2)

    def width(x: float) -> float:
        return float(max(kallen(m_B**2, m_H**2, x), 0.0) ** 0.5)

    for value, lower in zip(found, q2, strict=True):
        expected = quad(width, lower, q2[-1], epsabs=0.0, epsrel=1e-10)[0]
        assert -value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channel": "B0 -> K*0"},
        {"model": {"name": "scalar_dm", "m_phi": 0.7, "gS": 1e-8}},
        {"model": {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_G_UV": 8.0}},
    ],
    ids=["K", "K*", "threshold", "line"],
)
def test_table(changes: dict[str, Any]) -> None:
    """Bins add up to the branching fraction of `rates`, phase space to 1, and the weights have mean 1."""
    job = card(**changes)
    table = reweighting.q2_table(job)
    total = {q.name: q.value for q in api.rates(job, uncertainties=False)}[f"BR({job.channel} inv)"]
    assert table.branching.sum() == pytest.approx(total, rel=1e-8)
    assert table.phase_space.sum() == pytest.approx(1.0, rel=1e-14)
    assert table.phase_space @ table.weight == pytest.approx(1.0, rel=1e-14)
    assert table.density @ np.diff(table.edges) == pytest.approx(1.0, rel=1e-14)
    assert table.edges[-1] == pytest.approx((masses(job)[0] - masses(job)[1]) ** 2, rel=1e-15)


def flat_dalitz(m_B: float, m_H: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """q2 of decays to hadron and two massless particles: points spread evenly over the Dalitz plane."""
    q2 = rng.uniform(0.0, (m_B - m_H) ** 2, 4 * EVENTS)
    other = rng.uniform(m_H**2, m_B**2, q2.size)  # mass squared of the hadron and one of the two
    # inside where cos(theta) in the frame of the pair is in [-1, 1]
    middle, half = 0.5 * (m_B**2 + m_H**2 - q2), 0.5 * np.sqrt(np.maximum(kallen(m_B**2, m_H**2, q2), 0.0))
    return np.asarray(q2[np.abs(other - middle) <= half])


def test_weights_turn_phase_space_into_the_card() -> None:
    """Decays flat in the Dalitz plane, weighted, have the q2 spectrum of generated events."""
    job = card()
    table = reweighting.q2_table(job)
    q2 = flat_dalitz(*masses(job), np.random.default_rng(7))
    weights = table.weight[np.searchsorted(table.edges, q2, side="right") - 1]
    assert weights.mean() == pytest.approx(1.0, abs=5.0 * weights.std() / np.sqrt(q2.size))
    events = api.generate(job, workers=1).numpy()["q2"]
    edges = table.edges[::10]
    sums, squares = (np.histogram(q2, edges, weights=w)[0] for w in (weights, weights**2))
    counts = np.histogram(events, edges)[0]
    a, b = sums / weights.sum(), counts / counts.sum()
    chi2 = np.sum((a - b) ** 2 / (squares / weights.sum() ** 2 + b / counts.sum()))
    assert chi2 < 50.0  # 19 degrees of freedom, p = 1e-4


@pytest.mark.parametrize(
    "model", [{"name": "sm"}, {"name": "massless_dark_photon", "Lambda": 1e8, "alpha_D": 0.3, "m_Q": 0.5}]
)
def test_longitudinal_fraction(model: dict[str, Any]) -> None:
    """<cos^2 theta_K> of generated events is (1 + 2 F_L)/5 in ranges of q2, lines included."""
    job = card(channel="B0 -> K*0", model=model)
    table = reweighting.q2_table(job)
    assert table.F_L is not None
    events = api.generate(job, workers=1).numpy()
    edges = table.edges[::40]
    where = np.searchsorted(edges, events["q2"], side="right") - 1
    longitudinal = (table.F_L * table.branching).reshape(-1, 40).sum(axis=1)
    expected = (1.0 + 2.0 * longitudinal / table.branching.reshape(-1, 40).sum(axis=1)) / 5.0
    for k, mean in enumerate(expected):
        c2 = events["cos_theta_K"][where == k] ** 2
        assert c2.mean() == pytest.approx(mean, abs=4.5 * c2.std() / np.sqrt(c2.size))


def test_files(tmp_path: Path) -> None:
    """Text and ROOT hold the same columns, 12 digits in the text."""
    job = card(channel="B0 -> K*0")
    table = reweighting.q2_table(job)
    done = [export.export({"sm": job}, "evtgen", tmp_path / name) for name in ("x.txt", "x.root")]
    assert [len(found.warnings) for found in done] == [0, 0]
    text = np.genfromtxt(tmp_path / "x.txt", names=True, skip_header=2)
    assert text.dtype.names == ("q2_low", "q2_high", "branching_fraction", "density", "phase_space", "weight", "F_L")
    with uproot.open(tmp_path / "x.root") as file:
        for name, values in table.columns().items():
            np.testing.assert_allclose(text[name], values, rtol=1e-11, atol=1e-30)
            if not name.startswith("q2"):
                assert file[name].classname == "TH1D"
                np.testing.assert_allclose(file[name].values(), values, rtol=1e-15)
                np.testing.assert_allclose(file[name].axis().edges(), table.edges, rtol=1e-15)


def test_what_cannot_be_reweighted() -> None:
    """A narrow line is said to be one; no table without a shape."""
    dark_higgs = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3}
    job = card(model={"name": "dark_higgs", "m_H1": 2.0, "sin_theta": 4e-3, "Zp": dark_higgs})
    (warning,) = reweighting.warnings_of(job)
    assert "narrow line at q2 = 4 GeV^2: generate the two-body decay to a particle of 2 GeV" in warning
    with pytest.raises(InputError, match="there is no spectrum to export"):
        reweighting.q2_table(card(channel="B+ -> K*+", model={"name": "sm", "component": "long_distance"}))
