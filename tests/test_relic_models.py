"""Relic densities of the models: reference numbers through cards, limits, channels, and points without a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bkgen
from bkgen.annihilation.dark_photon import psipsi_to_phiphi_coefficient
from bkgen.annihilation.two_to_two import expansion, s_of_velocity, sigma_v
from bkgen.card import Card
from bkgen.cosmology.averages import thermal_average
from bkgen.dark_matter import OMEGA_H2, AnnihilationChannel, FreezeIn, FreezeOut, SemiAnnihilation
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"
ZP = {"m_Zp": 0.0115, "g_X": 5e-4, "Q_Phi": 0.4}
X = {"m_X": 5.0, "lambda_PhiX": 1e-3, "Q_X": 1.0}
BENCHMARK = {"name": "dark_higgs", "m_H1": 2.0, "sin_theta": 1e-9}  # of arXiv:2401.10112 without mixing
CHI = {"name": "dark_higgs", "m_H1": 1.0, "sin_theta": 1e-3}


def card(model: dict[str, Any], **blocks: Any) -> Card:
    return bkgen.load_card({"schema": 1, "model": model, "channel": "B+ -> K+", **blocks})


def density(subject: Card) -> float:
    value = next(q.value for q in bkgen.relic(subject).quantities if q.name == OMEGA_H2)
    assert isinstance(value, float)
    return value


def candidate(subject: Card) -> FreezeOut | SemiAnnihilation:
    found = subject.model.dark_matter(subject.physics_inputs)
    assert isinstance(found, FreezeOut | SemiAnnihilation)
    return found


def channels(subject: Card) -> dict[str, AnnihilationChannel]:
    found = candidate(subject)
    semi = found.semi_channels if isinstance(found, SemiAnnihilation) else ()
    return {channel.name: channel for channel in (*found.channels, *semi)}


# --- dark Higgs, U(1)_Lmu-Ltau and Z3


def test_waves_of_the_benchmark() -> None:
    """a_H1H1, a_ZpZp, b_ZpH1 of the specification, and a p wave of neutrinos."""
    found = channels(card({**BENCHMARK, "X": X, "Zp": ZP}))
    a = {name: expansion(channel.sigma, 5.0) for name, channel in found.items()}
    assert a["H1 H1"][0] == pytest.approx(1.7556143709150679e-10, rel=1e-5)
    assert a["Zp Zp"][0] == pytest.approx(2.1586609531414355e-10, rel=1e-5)
    assert a["Zp H1"][1] == pytest.approx(9.135391330393606e-15, rel=2e-3)
    for name in ("Zp H1", "nu nu~", "mu+ mu-", "tau+ tau-"):
        assert abs(a[name][0]) < 1e-9 * a[name][1]
    assert set(found) == {"SM", "H1 H1", "Zp Zp", "Zp H1", "nu nu~", "e+ e-", "mu+ mu-", "tau+ tau-"}


def test_negative_charge_of_Phi() -> None:
    """Only the relative sign of the charges matters, for the interference of X and Z' exchange."""
    s = s_of_velocity(0.5, 5.0)

    def sigma(Q_X: float, Q_Phi: float) -> float:
        heavy = {"m_Zp": 4.0, "g_X": 0.5, "Q_Phi": Q_Phi}
        model = {**BENCHMARK, "X": {"m_X": 5.0, "lambda_PhiX": 0.1, "Q_X": Q_X}, "Zp": heavy}
        return float(channels(card(model))["Zp H1"].sigma(s))

    assert sigma(-1.0, -0.4) == sigma(1.0, 0.4) == sigma(-1.0, 0.4)


@pytest.mark.parametrize(
    ("m_X", "m_H1", "open_channels", "at_rest"),
    [
        (1.0, 0.02, 2, 0.00023917493763640026),  # lam3_1GeV_both
        (10.0, 0.02, 2, 0.0017768362667505567),  # lam3_10GeV_both
        (1.0, 4.0, 1, 0.0003382444398783939),  # lam3_1GeV_ZpOnly: H1 is too heavy
    ],
)
def test_semi_annihilation_of_Z3(m_X: float, m_H1: float, open_channels: int, at_rest: float) -> None:
    """lambda_3 for Omega h2 = 0.12 with light Z' and H1 and next to no annihilation.

    The numbers of the specification are for <sigma v> = 27 lambda_3^2/(64 pi m_X^2) of each channel at all
    temperatures; at freeze-out the thermal average is 6% lower, and lambda_3 3% higher.
    """
    subject = card(
        {
            "name": "dark_higgs",
            "m_H1": m_H1,
            "sin_theta": 1e-6,
            "X": {"m_X": m_X, "lambda_PhiX": 1e-9},
            "Zp": {"m_Zp": 1e-3, "g_X": 1e-5, "Q_Phi": 3},
            "lambda_3": 1e-3,
        }
    )
    found, cold = candidate(subject), s_of_velocity(1e-3, m_X)
    assert isinstance(found, SemiAnnihilation)
    total = sum(float(sigma_v(channel.sigma(cold), cold, m_X)) for channel in found.semi_channels)
    assert total == pytest.approx(open_channels * 27.0 * 1e-6 / (64.0 * np.pi * m_X**2), rel=1e-3)
    solution = bkgen.solve(subject, "lambda_3", 0.12, OMEGA_H2)
    assert solution.parameter.value == pytest.approx(1.0315 * at_rest, rel=4e-3)


def test_semi_annihilation_adds_to_annihilation() -> None:
    z3 = {**BENCHMARK, "X": {**X, "lambda_PhiX": 0.02}, "Zp": {"m_Zp": 0.0115, "g_X": 1.2e-4, "Q_Phi": 3}}
    without, small, large = (density(card({**z3, "lambda_3": value})) for value in (0.0, 1e-6, 2e-3))
    assert small == pytest.approx(without, rel=1e-4)
    assert large < 0.95 * without


def test_shares() -> None:
    """They sum to one; half of the semi-annihilation counts."""
    found = {q.name: q.value for q in bkgen.relic(bkgen.load_card(CARDS / "dark_higgs_z3.yaml")).quantities}
    shares = {name: float(value) for name, value in found.items() if name.startswith("share(")}
    assert sum(shares.values()) == pytest.approx(1.0, rel=1e-12)
    assert shares["share(Xbar Zp)"] + shares["share(Xbar H1)"] > 0.99
    assert found[OMEGA_H2] == pytest.approx(0.1257, rel=1e-3)  # as the card says


def test_resonance_of_H1() -> None:
    """Dark matter just below half the mass of H1 annihilates far better than away from it."""
    at, away = (
        density(card({**BENCHMARK, "sin_theta": 4e-3, "X": {"m_X": m, "lambda_PhiX": 1e-4}, "v_Phi": 50.0}))
        for m in (0.95, 0.7)
    )
    assert at < 0.2 * away


@pytest.mark.parametrize("width", ["narrow", "fixed", "running", "dispersive"])
def test_widths_of_H1_agree_off_the_pole(width: str) -> None:
    model = {**BENCHMARK, "X": {"m_X": 2.2, "lambda_PhiX": 1e-2}, "v_Phi": 50.0, "sin_theta": 4e-3}
    assert density(card({**model, "width": width})) == pytest.approx(density(card(model)), rel=1e-3)


@pytest.mark.parametrize("block", [{"chi": {"m_chi": 0.1, "y_chi": 1e-4}}, {"N": {"m_N": 0.1, "y_N": 1e-4}}])
def test_fermions_overclose(block: dict[str, Any]) -> None:
    """p-wave annihilation through H1 to visible particles leaves 1e5 to 1e6 times too much; the talks say 4e20."""
    found = bkgen.relic(card({**CHI, **block}))
    assert 1e5 < density(card({**CHI, **block})) < 1e6
    assert any("x = " in text for text in found.warnings)


def test_fermion_that_never_is_in_equilibrium() -> None:
    found = bkgen.relic(card({**CHI, "chi": {"m_chi": 0.1, "y_chi": 2e-5}, "sin_theta": 1e-8}))
    assert dict.fromkeys(q.name for q in found.quantities).keys() == {OMEGA_H2, "freezes out", "Y"}
    assert "no freeze-out" in found.warnings[0]


def test_real_scalar_needs_half_of_a_complex_one() -> None:
    """The amplitudes of S with 2 mu_S = lambda v_Phi into Standard Model particles are those of X."""
    lam, v = 1e-3, 50.0
    model = {**BENCHMARK, "sin_theta": 4e-3, "m_H1": 3.0, "v_Phi": v}
    real = channels(card({**model, "S": {"m_S": 0.9, "mu_S": 0.5 * lam * v}}))["SM"]
    complex_one = channels(card({**model, "X": {"m_X": 0.9, "lambda_PhiX": lam}}))["SM"]
    s = s_of_velocity(np.array([0.1, 0.5]), 0.9)
    np.testing.assert_allclose(real.sigma(s), complex_one.sigma(s), rtol=1e-9)  # the widths of H1 differ


def test_one_dark_particle_only() -> None:
    subject = card({**CHI, "chi": {"m_chi": 0.1, "y_chi": 1e-4}, "N": {"m_N": 0.1, "y_N": 1e-4}})
    with pytest.raises(InputError, match=r"no relic prediction for several dark particles \(chi, N\): leave one"):
        bkgen.relic(subject)


def test_gauge_boson_alone_is_no_dark_matter() -> None:
    with pytest.raises(InputError, match="no relic prediction"):
        bkgen.relic(card({**BENCHMARK, "Zp": ZP}))


# --- the other models


def alp(C_q: float, C_chi: float, m_chi: float) -> Card:
    model = {"name": "alp", "m_a": 2.0, "f_a": 1.0, "C_q": C_q, "C_chi": C_chi, "m_chi": m_chi}
    return card(model, inputs={"set": "calibbi2025"})


def test_freeze_in() -> None:
    """omega_freezein_3MeV, mchi_relic_GeV_6e-9, Cchi_at_15keV of the specification."""
    assert density(alp(6e-9, 6e-9, 3e-3)) == pytest.approx(0.1134446370622546, rel=2e-3)
    assert density(alp(1e-9, 6e-9, 3e-3)) == pytest.approx(2.86, rel=3e-3)
    solution = bkgen.solve(alp(6e-9, 1e-5, 1.5e-5), "C_chi", 0.12, OMEGA_H2)
    assert solution.parameter.value == pytest.approx(1.75e-5, rel=5e-3)


def test_freeze_in_of_majorana_particles() -> None:
    """Twice the width to chi chi, each of them half as many states."""
    model = alp(6e-9, 6e-9, 3e-3)
    assert density(model.with_model(majorana=True)) == pytest.approx(2.0 * density(model), rel=1e-3)


def test_freeze_in_needs_open_decay() -> None:
    with pytest.raises(InputError, match=r"a -> chi chibar is closed, m_a = 2\.0 GeV is not above 2 m_chi"):
        bkgen.relic(alp(6e-9, 6e-9, 1.1))
    without = alp(6e-9, 0.0, 0.5).model
    assert without.dark_matter(alp(6e-9, 0.0, 0.5).physics_inputs) is None
    assert isinstance(alp(6e-9, 1.0, 0.5).model.dark_matter(alp(6e-9, 1.0, 0.5).physics_inputs), FreezeIn)


def dark_photon(**changes: Any) -> Card:
    return bkgen.load_card(CARDS / "dark_photon.yaml").with_model(changes)


def test_dark_photon_against_the_first_term_of_the_expansion() -> None:
    """<sigma v> -> c/x of arXiv:2502.04900 (47) at late times; at x = 20 it is a quarter lower."""
    (channel,) = candidate(dark_photon(alpha_X=0.002)).channels
    c = psipsi_to_phiphi_coefficient(0.5, 0.004, 2.0, 0.002)
    x = np.array([20.0, 1e3, 1e4])
    ratio = thermal_average(channel.sigma, (0.5, 0.5), 0.5 / x) * x / c
    assert ratio[0] == pytest.approx(0.762, rel=2e-3)
    assert 1.0 - ratio[2] == pytest.approx(0.1 * (1.0 - ratio[1]), rel=0.01)
    assert ratio[2] == pytest.approx(1.0, abs=1e-3)


def test_density_of_the_dark_photon() -> None:
    """0.0037 of the specification is for c/x; the full average gives 15% more.  The paper has 0.1."""
    assert density(dark_photon(alpha_X=0.002)) == pytest.approx(1.152 * 0.003707081503296827, rel=5e-3)


def test_trilinear_coupling_of_the_dark_photon() -> None:
    """-12% in c at m_phi^2/m_psi^2 = 0.16."""
    without, with_it = (channels(dark_photon(m_phi=0.2, trilinear=value))["phi phi"] for value in (False, True))
    s = s_of_velocity(0.02, 0.5)
    assert float(with_it.sigma(s) / without.sigma(s)) == pytest.approx(0.88, abs=0.01)


def test_dark_photon_without_dark_higgs() -> None:
    with pytest.raises(InputError, match=r"model\.m_phi: required for the relic density"):
        bkgen.relic(
            card({"name": "dark_photon", "m_X": 2.0, "alpha_X": 3e-4, "m_psi": 0.5, "eps": 5e-5, "delta": 4e-3})
        )


def test_singlet_scalar_at_rest() -> None:
    """sigma v = (8 v^2 lambda^2/m_h^4) Gamma_h~/m_h~ at m_h~ = 2 m_S (hep-ph/0401195), contact."""
    from bkgen.annihilation.higgs_exchange import SM_width

    m_S, lam = 0.7, 0.77
    subject = card({"name": "singlet_scalar", "m_S": m_S, "lambda_S": lam, "propagator": "contact"})
    c = subject.physics_inputs.constants
    (channel,) = candidate(subject).channels
    s = s_of_velocity(1e-4, m_S)
    expected = 8.0 * (c.v_EW * lam) ** 2 / c.m_h**4 * float(SM_width(2.0 * m_S, c)) / (2.0 * m_S)
    assert float(sigma_v(channel.sigma(s), s, m_S)) == pytest.approx(expected, rel=1e-6)


def test_scalar_contact_interactions_overclose() -> None:
    """phi is lighter than the b quark, and the scale that fits the excess is 12 PeV."""
    assert density(bkgen.load_card(CARDS / "scalar_dm.yaml")) > 1e4


@pytest.mark.parametrize("name", ["singlet_scalar", "scalar_dm"])
def test_massless_scalars_are_no_dark_matter(name: str) -> None:
    subject = bkgen.load_card(CARDS / f"{name}.yaml").with_model({"m_S" if name == "singlet_scalar" else "m_phi": 0.0})
    with pytest.raises(InputError, match="no relic prediction"):
        bkgen.relic(subject)
