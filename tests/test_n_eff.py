"""N_eff with a light Z': thermodynamics, limits and trends; numbers are in the reference table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from bkgen import n_eff
from bkgen.constants import Constants

C = Constants.named()


@pytest.mark.parametrize("fermion", [True, False], ids=["Fermi-Dirac", "Bose-Einstein"])
@pytest.mark.parametrize("x", [1e-3, 1.0, 12.0])
def test_thermodynamics_of_a_gas(x: float, fermion: bool) -> None:
    """rho, p and d rho/dT by adaptive quadrature; d rho/dT also from p: T dp/dT = rho + p."""
    T, g, sign = 2e-3, 3.0, 1.0 if fermion else -1.0

    def integral(weight: str) -> float:
        def f(y: float) -> float:
            e = math.hypot(x, y)
            n = 1.0 / (math.exp(e) + sign)
            return {
                "rho": y * y * e * n,
                "p": y**4 / (3.0 * e) * n,
                "slope": y * y * e * e * n * (1.0 - sign * n),
            }[weight]

        return g / (2.0 * math.pi**2) * quad(f, 0.0, 200.0, epsabs=0.0, epsrel=1e-10, limit=400)[0]

    gas = n_eff._gas(x * T, T, g, fermion)
    assert gas.rho == pytest.approx(integral("rho") * T**4, rel=1e-7)
    assert gas.p == pytest.approx(integral("p") * T**4, rel=1e-7)
    assert gas.slope == pytest.approx(integral("slope") * T**3, rel=1e-7)


def test_massless_gases() -> None:
    """pi^2/30 T^4 of each state, 7/8 of it for fermions, and p = rho/3."""
    boson, fermion = n_eff._gas(1e-12, 1.0, 1.0, False), n_eff._gas(1e-12, 1.0, 1.0, True)
    assert boson.rho == pytest.approx(math.pi**2 / 30.0, rel=1e-6)
    assert fermion.rho == pytest.approx(7.0 / 8.0 * math.pi**2 / 30.0, rel=1e-6)
    assert boson.p == pytest.approx(boson.rho / 3.0, rel=1e-9)


def test_a_heavy_boson_leaves_no_trace_and_a_light_one_its_entropy() -> None:
    """s_Zp/s_nu = 3/(7/8 6) = 4/7 for a massless Z' that decays long after neutrinos have decoupled."""
    assert abs(n_eff.delta_N_eff(n_eff.HEAVIEST, 0.0, C)) < 1e-4
    assert n_eff.delta_N_eff_instantaneous(0.1) < 1e-10
    light = n_eff.N_EFF_SM * ((11.0 / 7.0) ** (4.0 / 3.0) - 1.0)
    assert n_eff.delta_N_eff_instantaneous(1e-9) == pytest.approx(light, rel=1e-4)
    assert n_eff.delta_N_eff(2e-4, 0.0, C) == pytest.approx(light, rel=0.02)


def test_neutrinos_that_decouple_at_once_have_N_eff_of_three() -> None:
    assert n_eff.N_eff(Constants.named(G_F=1e-9)) == pytest.approx(3.0, abs=2e-3)


def test_integration_is_smooth_where_the_plasmas_are_tightly_coupled() -> None:
    """N_eff has no jumps as the width to electrons grows from slow decays to ones in equilibrium."""
    widths = np.geomspace(1e-23, 1e-17, 13)
    found = np.array([n_eff.delta_N_eff(0.0163, float(width), C) for width in widths])
    assert np.abs(np.diff(found, 2)).max() < 0.02


def test_out_of_range() -> None:
    with pytest.raises(ValueError, match="m_Zp must be between"):
        n_eff.N_eff(C, 1.0)
    with pytest.raises(ValueError, match="Gamma_ee"):
        n_eff.N_eff(C, 0.01, -1.0)
    with pytest.raises(ValueError, match="positive"):
        n_eff.delta_N_eff_instantaneous(0.0)
