"""Neutrino tridents with a light Z': the shipped table against the amplitude, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
import trident_amplitude

from bkgen import trident
from bkgen.constants import Constants

C = Constants.named()


@pytest.fixture(scope="module")
def events() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return trident_amplitude.events(2**14, seed=5)


def ratio(events: tuple[np.ndarray, np.ndarray, np.ndarray], m_Zp: float, g_X: float) -> float:
    """Weighted mean with the Z' in the vector coupling."""
    t, vector, axial = events
    C_V, C_A = 0.5 + 2.0 * C.s2w, 0.5
    shifted = C_V + (C.v_EW * g_X) ** 2 / (m_Zp**2 + t)
    return float(np.sum(shifted**2 * vector + C_A**2 * axial) / np.sum(C_V**2 * vector + C_A**2 * axial))


@pytest.mark.parametrize("m_Zp", [1e-3, 0.0115, 0.13, 0.9, 7.0, 80.0])
def test_the_table_is_that_of_the_amplitude(m_Zp: float, events: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    g_X = trident.g_X_max(m_Zp, 1.38)
    assert trident.ratio(m_Zp, g_X) == pytest.approx(1.38, rel=1e-12)
    assert ratio(events, m_Zp, g_X) - 1.0 == pytest.approx(0.38, rel=0.01)


def test_the_axial_current_is_that_of_massless_muons_at_high_energy(
    events: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Both couplings are equal up to the mass of the muon."""
    _, vector, axial = events
    assert np.all(vector > 0.0)
    assert np.all(axial > 0.0)
    assert 0.85 < vector.sum() / axial.sum() < 0.95


@pytest.mark.parametrize(
    ("m_Zp", "g_X"),
    [(0.001, 7.8305e-4), (0.01, 8.87e-4), (0.1, 1.1694e-3), (0.5, 1.9331e-3), (1, 2.7942e-3), (5, 9.832e-3)],
)
def test_coupling_at_the_CCFR_bound(m_Zp: float, g_X: float) -> None:
    """An independent Monte Carlo of the same process, R = 1.38."""
    assert trident.g_X_max(m_Zp, 1.38) == pytest.approx(g_X, rel=0.01)


def test_contact_interaction_above_10_GeV_and_not_below() -> None:
    for m_Zp in (20.0, 100.0):
        g_X = trident.g_X_max(m_Zp, 1.38)
        assert trident.contact_ratio(m_Zp, g_X, C) == pytest.approx(1.38, rel=0.01)
    g_X = trident.g_X_max(0.0115, 1.38)
    assert trident.contact_ratio(0.0115, g_X, C) > 100.0


def test_heavy_boson_bound_is_that_of_the_literature() -> None:
    """m_Zp/g_X > 538 GeV for R < 1.38, arXiv:1406.2332 with s_W^2 and v of the inputs."""
    assert trident.contact_ratio(538.0, 1.0, C) == pytest.approx(1.38, abs=1e-3)


def test_without_coupling_nothing_changes() -> None:
    assert trident.ratio(0.1, 0.0) == 1.0
    assert trident.contact_ratio(0.1, 0.0, C) == 1.0


@pytest.mark.parametrize("m_Zp", [1e-5, 200.0])
def test_outside_of_the_table(m_Zp: float) -> None:
    with pytest.raises(ValueError, match="must be between"):
        trident.ratio(m_Zp, 1e-3)


def test_a_ratio_below_one_and_a_mass_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="above 1"):
        trident.g_X_max(0.1, 1.0)
    with pytest.raises(ValueError, match="positive"):
        trident.contact_ratio(0.0, 1e-3, C)
