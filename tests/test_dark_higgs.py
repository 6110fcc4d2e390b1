"""The dark Higgs on and off its mass shell: rates, widths, line shapes, decay modes, refusals and derived numbers."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from four_vectors import ACCEPT, columns_of, four, kolmogorov_p, quadratic_p, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st

from bkgen import higgs_sector, widths
from bkgen.boson_pair import ScalarCouplings, scalar_pair
from bkgen.channels import CHANNELS, Channel, channel
from bkgen.constants import Constants
from bkgen.currents import hadron
from bkgen.dark_matter import FLAT, DecayMode
from bkgen.formfactors import Inputs, form_factor_set
from bkgen.kinematics import two_body_momentum
from bkgen.loops import delta_a_mu
from bkgen.models.dark_higgs import (
    NARROW_BELOW,
    DarkHiggs,
    DiracFermion,
    MajoranaFermion,
    RealScalar,
    ScalarDM,
    Zprime,
)
from bkgen.pair import FermionCouplings, fermion_pair
from bkgen.self_energies import ZpZp
from bkgen.spectrum import integrated
from bkgen.units import width_from_lifetime

INPUTS = Inputs.default()
C = INPUTS.constants
B_PLUS, B_ZERO = channel("B+ -> K+"), channel("B0 -> K0")
SPIN_0 = pytest.mark.parametrize("decay", [B_PLUS, B_ZERO], ids=["B+", "B0"])
BENCHMARK_X = ScalarDM(m_X=0.05, lambda_PhiX=1e-4)
BENCHMARK_ZP = Zprime(m_Zp=0.0115, g_X=1e-4, Q_Phi=3.0)
KAPPA, VEV, SINE = 6.7e-6, 57.5, 6e-3
"""Benchmark of the talks and of arXiv:2401.10112."""


def dark_higgs(**changes: Any) -> DarkHiggs:
    return DarkHiggs(**{"name": "dark_higgs", "m_H1": 2.0, "sin_theta": 4e-3, "Zp": BENCHMARK_ZP, **changes})


def to_XX(m_H1: float, coupling: float, m_X: float = 0.05, **changes: Any) -> DarkHiggs:
    """H1 to X Xbar only, at the benchmark."""
    X = ScalarDM(m_X=m_X, lambda_PhiX=coupling)
    return dark_higgs(
        **{"m_H1": m_H1, "sin_theta": SINE, "kappa_sb": KAPPA, "Zp": None, "X": X, "v_Phi": VEV} | changes
    )


def branching(model: DarkHiggs, decay: Channel = B_PLUS, inputs: Inputs = INPUTS) -> float:
    return model.spectrum(decay, inputs).rate() / width_from_lifetime(decay.tau_B(inputs.constants))


def messages(model: DarkHiggs, decay: Channel = B_PLUS) -> dict[str, str]:
    """Problems of a point by the key they point to."""
    return {".".join(problem.path): problem.message for problem in model.check(decay, INPUTS)}


def warnings_of(model: DarkHiggs, decay: Channel = B_PLUS) -> list[str]:
    return list(model.warnings(decay, INPUTS))


def mode(model: DarkHiggs, name: str) -> DecayMode:
    (found,) = [m for m in model.modes(INPUTS) if m.name == name]
    return found


# --- H1 on its mass shell


@SPIN_0
def test_dark_higgs_is_an_isotropic_line(decay: Channel) -> None:
    model = dark_higgs()
    (line,) = model.spectrum(decay, INPUTS).lines
    m_B, m_K = decay.m_B(C), decay.m_H(C)
    f_0 = form_factor_set("HPQCD2022", "K").f_0(4.0)
    current = (m_B**2 - m_K**2) / (C.m_b - C.m_s) * f_0
    kappa = 3.0 * math.sqrt(2.0) * C.G_F * C.m_t**2 * C.VtbVts * C.m_b / (16.0 * math.pi**2 * C.v_EW)
    width = (kappa * model.sin_theta * current) ** 2 * two_body_momentum(m_B, m_K, 2.0) / (32.0 * math.pi * m_B**2)
    assert line.mass == 2.0
    assert line.coefficients == pytest.approx([0.5 * width, 0.0, 0.0], rel=1e-12, abs=0.0)


def test_kappa_of_the_card() -> None:
    given_kappa = dark_higgs(kappa_sb=2.0 * widths.kappa_sb(C)).spectrum(B_PLUS, INPUTS).rate()
    assert given_kappa == pytest.approx(4.0 * dark_higgs().spectrum(B_PLUS, INPUTS).rate(), rel=1e-12, abs=0.0)


def test_mixing_factors() -> None:
    """Dark channels carry cos^2(theta), Standard Model channels and the production sin^2(theta)."""
    small, large = dark_higgs(sin_theta=1e-3, X=BENCHMARK_X), dark_higgs(sin_theta=0.6, X=BENCHMARK_X, width="narrow")
    a, b = small.widths(INPUTS).partial, large.widths(INPUTS).partial
    dark = {"X Xbar", "Zp Zp -> invisible", "Zp Zp -> visible"}
    assert a.keys() == b.keys() == {*dark, "e+ e-", "mu+ mu-", "g g", "s sbar"}
    for name in a:
        ratio = 0.64 / (1.0 - 1e-6) if name in dark else (0.6 / 1e-3) ** 2
        assert b[name] / a[name] == pytest.approx(ratio, rel=1e-12), name
    rates = [model.spectrum(B_PLUS, INPUTS).rate() for model in (small, large)]
    assert rates[1] / rates[0] == pytest.approx((0.6 / 1e-3) ** 2, rel=1e-12)


@settings(deadline=None, derandomize=True)
@given(
    st.floats(-15.0, -2.0).map(lambda power: 10.0**power),
    st.floats(1e-4, 0.9),
    st.floats(1e-7, 1e-3),
    st.floats(1e-9, 1e-3),
)
def test_modes_of_any_dark_higgs(sin_theta: float, m_Zp: float, g_X: float, coupling: float) -> None:
    """No point can leave a negative branching fraction, however small the mixing."""
    model = dark_higgs(
        sin_theta=sin_theta,
        Zp=Zprime(m_Zp=m_Zp, g_X=g_X, Q_Phi=3.0),
        X=ScalarDM(m_X=0.02, lambda_PhiX=coupling),
    )
    on_line = [float(m.fraction(np.array([model.m_H1**2]))[0]) for m in model.modes(INPUTS)]
    assert min(on_line) >= 0.0
    assert math.fsum(on_line) == pytest.approx(1.0, rel=1e-12)


def test_helicities_of_ZpZp() -> None:
    """LL : TT = (1/(2x) - 1)^2 : 2 with x = m_Zp^2/m_H1^2, (++) and (--) equal."""
    model = dark_higgs(Zp=Zprime(m_Zp=0.4, g_X=1e-3, Q_Phi=1.0))
    share = {
        label: math.fsum(m.branching_fraction for m in model.modes(INPUTS) if f"({label})" in m.name)
        for label in ("LL", "T++", "T--")
    }
    x = (0.4 / 2.0) ** 2
    assert share["LL"] / (share["T++"] + share["T--"]) == pytest.approx((0.5 / x - 1.0) ** 2 / 2.0, rel=1e-12)
    assert share["T++"] == pytest.approx(share["T--"], rel=1e-14)


def test_angles_of_neutrinos_from_ZpZp() -> None:
    """V-A: sin^2 from a longitudinal Z', (1 - lambda c)^2 for the neutrino of a Z' of helicity lambda = +-1."""
    assert mode(dark_higgs(), "Zp Zp (LL) -> nu_mu nu_mu~ nu_tau nu_tau~").polar == ((0.75, 0.0, -0.75),) * 2
    assert mode(dark_higgs(), "Zp Zp (T++) -> nu_mu nu_mu~ nu_tau nu_tau~").polar == ((0.375, -0.75, 0.375),) * 2
    assert mode(dark_higgs(), "Zp Zp (T--) -> nu_mu nu_mu~ nu_tau nu_tau~").polar == ((0.375, 0.75, 0.375),) * 2


def test_angles_of_scalars_from_ZpZp() -> None:
    """A scalar pair has cos^2 from a longitudinal and sin^2 from a transverse Z'."""
    model = dark_higgs(Zp=Zprime(m_Zp=0.3, g_X=1e-3, Q_Phi=1.0), X=BENCHMARK_X)
    assert mode(model, "Zp Zp (LL) -> X Xbar X Xbar").polar == ((0.0, 0.0, 1.5),) * 2
    assert mode(model, "Zp Zp (T++) -> X Xbar X Xbar").polar == ((0.75, 0.0, -0.75),) * 2
    assert mode(model, "X Xbar").polar == (FLAT, FLAT)


def test_flavours_of_ZpZp() -> None:
    """Muon and tau neutrinos are equally frequent and independent."""
    fractions = [m.branching_fraction for m in dark_higgs().modes(INPUTS) if "(LL)" in m.name]
    assert len(fractions) == 4
    assert fractions == pytest.approx([fractions[0]] * 4, rel=1e-14)


def test_Zp_width_opens_with_the_mass() -> None:
    """The Z' couples to mu, tau and their neutrinos; electrons enter through the loop only."""

    def open_channels(m_Zp: float) -> set[str]:
        return set(dark_higgs(Zp=Zprime(m_Zp=m_Zp, g_X=1e-3, Q_Phi=1.0)).Zp_widths(INPUTS).partial)

    neutrinos = {"nu_mu nu_mu~", "nu_tau nu_tau~"}
    assert open_channels(1.0e-3) == neutrinos
    assert open_channels(0.2) == {*neutrinos, "e+ e-"}
    assert open_channels(0.22) == {*neutrinos, "e+ e-", "mu+ mu-"}
    assert open_channels(3.6) == {*neutrinos, "e+ e-", "mu+ mu-", "tau+ tau-"}


def test_vev() -> None:
    assert dark_higgs(Zp=Zprime(m_Zp=0.0115, g_X=5e-4, Q_Phi=-0.4)).vev == pytest.approx(57.5, rel=1e-12)
    assert dark_higgs(Zp=None, X=BENCHMARK_X, v_Phi=50.0).vev == 50.0
    assert dark_higgs(Zp=None).vev is None
    with pytest.raises(ValueError, match="no Zp block"):
        dark_higgs(Zp=None).Zp_widths(INPUTS)


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"m_H1": 4.8, "Zp": Zprime(m_Zp=2.6, g_X=1e-3, Q_Phi=1.0)}, "m_H1", "no dark pair is lighter than that"),
        ({"m_H1": 200.0}, "m_H1", "outside the leading-order quark widths (2 to 100 GeV)"),
        ({"lambda_3": 1e-3}, "lambda_3", "is a coupling of X"),
        ({"lambda_3": 1e-3, "X": ScalarDM(m_X=0.1, lambda_PhiX=1e-4, Q_X=0.5)}, "lambda_3", "here 3 and 0.5"),
        ({"sm_widths": "no/such.csv"}, "sm_widths", "No such file"),
        ({"m_H1": 0.005}, "m_H1", "outside the dark Higgs table"),
        ({"Zp": None}, "", "at least one dark block is required"),
        ({"v_Phi": 50.0}, "v_Phi", "remove one of the two"),
        ({"Zp": None, "X": BENCHMARK_X}, "v_Phi", "required with X and without Zp"),
        ({"Zp": Zprime(m_Zp=0.1, g_X=1e-3, Q_Phi=0.0)}, "Zp.Q_Phi", "must not be zero"),
    ],
)
def test_refused_dark_higgs(changes: dict[str, Any], key: str, message: str) -> None:
    assert message in messages(dark_higgs(**changes))[key]


def test_a_broad_dark_higgs_is_no_line() -> None:
    """Above 1 MeV a line in q2 is an approximation that the card must ask for; then it is a warning."""
    broad = ScalarDM(m_X=0.05, lambda_PhiX=0.05)
    model = dark_higgs(Zp=None, X=broad, v_Phi=57.5)
    assert model.widths(INPUTS).total > NARROW_BELOW
    assert not messages(model)
    assert not warnings_of(model)
    assert not model.spectrum(B_PLUS, INPUTS).lines
    forced = dark_higgs(Zp=None, X=broad, v_Phi=57.5, width="narrow")
    assert not messages(forced)
    assert forced.spectrum(B_PLUS, INPUTS).continuum is None
    assert warnings_of(forced) == ["Gamma(H1) = 0.0821 GeV: a narrow line is used outside its range (below 1 MeV)"]
    assert not warnings_of(dark_higgs())


def test_points_without_a_prediction_are_refused() -> None:
    """Gamma/m > 1, and a tachyon below it with the dispersive self-energy."""
    message = messages(to_XX(6.0, 1.0, 0.03, width="running"))[""]
    assert message == "Gamma(H1)/m_H1 = 1.83 is above 1: H1 is no particle, lower the dark couplings"
    coupling = math.sqrt(0.45 * 16.0 * math.pi) * 6.0 / VEV
    assert messages(to_XX(6.0, coupling, 0.03))[""].startswith("H1 becomes a tachyon, Gamma(H1)/m_H1 = 0.45")
    assert not messages(to_XX(6.0, coupling, 0.03, width="running"))
    assert warnings_of(to_XX(6.0, coupling, 0.03, width="running")) == [
        "Gamma(H1)/m_H1 = 0.45 is above 0.1: the dark couplings are hardly perturbative"
    ]
    unstable = messages(to_XX(6.0, math.sqrt(0.6 * 16.0 * math.pi) * 6.0 / VEV, 0.03, width="running"))
    assert unstable["X.lambda_PhiX"].startswith("the vacuum is unstable unless lambda_X > 15")
    bound = math.sqrt(0.33 * 16.0 * math.pi) * 6.0 / VEV
    assert warnings_of(to_XX(6.0, bound, 0.03))[0].startswith("the dark couplings bind a pair below its threshold")


def test_off_shell_widths_are_said() -> None:
    for width in ("narrow", "fixed"):
        text = f"width: {width}: H1 is off shell, where only running and dispersive have a meaning"
        assert warnings_of(to_XX(6.0, 0.05, width=width)) == [text]
    assert not warnings_of(to_XX(6.0, 0.05))


def test_closed_dark_channels_are_said() -> None:
    closed = dark_higgs(Zp=Zprime(m_Zp=1.2, g_X=1e-2, Q_Phi=1.0), X=ScalarDM(m_X=1.0, lambda_PhiX=1e-4))
    assert warnings_of(closed) == ["H1 -> X Xbar, Zp Zp is closed, so H1 decays to Standard Model particles alone"]
    assert not warnings_of(dark_higgs(X=ScalarDM(m_X=10.0, lambda_PhiX=1e-4)))
    on_line = {m.name: float(m.fraction(np.array([4.0]))[0]) for m in closed.modes(INPUTS)}
    assert {name for name, fraction in on_line.items() if fraction} == {"e+ e-", "mu+ mu-", "visible"}


def test_the_threshold_of_ZpZp_is_said() -> None:
    """The self-energy of Z'Z' cannot be subtracted three times at its own threshold."""
    at, below = (dark_higgs(Zp=Zprime(m_Zp=m, g_X=1e-2, Q_Phi=1.0)) for m in (1.0, 1.01))
    assert "is exactly 2 m_Zp" in messages(at)["m_H1"]
    assert not messages(below)
    assert any("just below 2 m_Zp" in text for text in warnings_of(below))
    assert not messages(dark_higgs(Zp=Zprime(m_Zp=1.0, g_X=1e-2, Q_Phi=1.0), width="running"))


# --- H1 off its mass shell


@pytest.mark.parametrize(
    ("m_H1", "coupling", "m_X", "width", "expected"),
    [
        (10.0, 0.1, 0.05, "narrow", 1.2003174369323143e-08),
        (6.0, 1.0, 0.03, "narrow", 1.8894503575955785e-05),
        (6.0, 1.0, 0.03, "running", 1.899881583335298e-06),
    ],
    ids=["BR_3body_XX_m1_10_nowidth", "BR_3body_XX_m1_6_lam1_nowidth", "BR_3body_XX_m1_6_lam1_running"],
)
def test_three_body_rates(m_H1: float, coupling: float, m_X: float, width: str, expected: float) -> None:
    """The three-body formula of arXiv:2401.10112, without a width as printed and with it."""
    assert branching(to_XX(m_H1, coupling, m_X, width=width)) == pytest.approx(expected, rel=0.002)


def test_three_body_rate_of_fermions() -> None:
    """BR_3body_chichi: Dirac chi, m_H1 = 10 GeV, y = 0.5."""
    chi = DiracFermion(m_chi=0.1, y_chi=0.5)
    model = to_XX(10.0, 1.0, X=None, chi=chi, v_Phi=None, width="narrow")
    assert branching(model) == pytest.approx(2.176937419893287e-09, rel=0.002)


@pytest.mark.parametrize(
    ("width", "ceilings"),
    [("running", (5.9e-6, 3.0e-6, 0.8e-6)), ("dispersive", (7.4e-6, 4.5e-6, 1.6e-6))],
)
def test_ceilings_of_the_three_body_rate(width: str, ceilings: tuple[float, float, float]) -> None:
    """Largest BR(X Xbar) over all couplings at sin_theta = 6e-3: the excess is out of reach for m_H1 >= 5 GeV."""
    for m_H1, ceiling in zip((5.0, 6.0, 10.0), ceilings, strict=True):
        rates = [branching(to_XX(m_H1, x / VEV, 0.03, width=width)) for x in np.geomspace(2.0, 200.0, 61)]
        assert max(rates) == pytest.approx(ceiling, rel=0.03)


@pytest.mark.parametrize("width", ["fixed", "running", "dispersive"])
@pytest.mark.parametrize("decay", [B_PLUS, channel("B0 -> K*0")], ids=["K", "K*"])
def test_two_body_limit_of_the_three_body_rate(width: str, decay: Channel) -> None:
    """For Gamma -> 0 the continuum is the line: to 1e-4 at Gamma/m = 2e-5."""
    point = to_XX(2.0, 1e-3)
    line = branching(to_XX(2.0, 1e-3, width="narrow"), decay)
    assert point.widths(INPUTS).total == pytest.approx(3.3e-5, rel=0.01)
    assert branching(to_XX(2.0, 1e-3, width=width), decay) == pytest.approx(line, rel=1e-4)


def test_on_shell_limit_ratio() -> None:
    """onshell_limit_ratio: Gamma(H1) = Gamma(X Xbar) = 1e-4 GeV, over the two-body rate."""
    coupling = 0.1 * math.sqrt(1e-4 / widths.H1_to_XX(2.0, 0.05, 0.1, VEV, math.sqrt(1.0 - SINE**2)))
    ratio = branching(to_XX(2.0, coupling, width="fixed")) / branching(to_XX(2.0, coupling, width="narrow"))
    assert ratio == pytest.approx(0.9999811733454768, rel=2e-5)


@pytest.mark.parametrize("decay", [B_PLUS, channel("B+ -> K*+")], ids=["K", "K*"])
def test_pairs_through_a_scalar_are_contact_operators(decay: Channel) -> None:
    """kappa s c (1/D_2 - 1/D_1) times the couplings to phi, as couplings of sbar P_R b at any q2, all coefficients."""
    q2 = np.linspace(3.0, 0.97 * decay.q2_max(C), 7)
    currents = hadron(q2, decay, INPUTS)
    exchange = (
        KAPPA * SINE * math.sqrt(1.0 - SINE**2) * (1.0 / (q2 - C.m_h**2 + 1j * C.m_h * C.Gamma_h) - 1.0 / (q2 - 49.0))
    )
    half = 0.5 * exchange  # sbar P_R b
    common = {"X": None, "v_Phi": None, "width": "narrow"}
    cases = (
        (to_XX(7.0, 0.3, 0.6, width="narrow"), scalar_pair(currents, 0.6, 0.3 * VEV * ScalarCouplings(half, half))),
        (
            to_XX(7.0, 1.0, S=RealScalar(m_S=0.6, mu_S=0.2), **common),
            scalar_pair(currents, 0.6, 0.4 * ScalarCouplings(half, half), identical=True),
        ),
        (
            to_XX(7.0, 1.0, chi=DiracFermion(m_chi=0.6, y_chi=0.2), **common),
            fermion_pair(currents, 0.6, 0.6, 0.2 * FermionCouplings(hSS=half, hPS=half)),
        ),
        (
            to_XX(7.0, 1.0, N=MajoranaFermion(m_N=0.6, y_N=0.2), **common),
            fermion_pair(currents, 0.6, 0.6, 0.1 * FermionCouplings(hSS=half, hPS=half), identical=True),
        ),
    )
    for model, expected in cases:
        continuum = model.spectrum(decay, INPUTS).continuum
        assert continuum is not None
        np.testing.assert_allclose(continuum.at(q2), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_a_heavy_dark_higgs_is_a_contact_operator() -> None:
    """m_H1 = m_H2/2 = 50 TeV: one coupling kappa s c lambda v_Phi (1/m_1^2 - 1/m_2^2), to 1e-6."""
    heavy = Inputs(Constants.named(m_h=1e5), INPUTS.form_factors)
    m_1 = 5e4
    model = to_XX(m_1, 0.3, 0.6, width="narrow")
    g = 0.5 * KAPPA * SINE * model.cos_theta * 0.3 * VEV * (1.0 / m_1**2 - 1.0 / 1e10)
    q2 = np.linspace(2.0, 22.0, 9)
    for decay in (B_PLUS, channel("B0 -> K*0")):
        contact = scalar_pair(hadron(q2[:7], decay, heavy), 0.6, ScalarCouplings(g, g))
        continuum = model.spectrum(decay, heavy).continuum
        assert continuum is not None
        np.testing.assert_allclose(continuum.width(q2[:7]), integrated(contact), rtol=1e-6)


@pytest.mark.parametrize("width", ["running", "dispersive"])
def test_the_rate_is_smooth_through_the_end_of_the_phase_space(width: str) -> None:
    """m_H1 moves through m_B - m_K at Gamma/m = 0.03: no step, and no kink in the slope."""
    limit = C.m_Bp - C.m_Kp
    coupling = math.sqrt(0.03 * 16.0 * math.pi) * limit / VEV
    m = limit + np.linspace(-0.2, 0.2, 41)
    rates = np.log([branching(to_XX(m_1, coupling, 0.3, width=width)) for m_1 in m])
    steps = np.diff(rates)
    assert np.all(steps < 0.0)
    assert np.abs(np.diff(steps)).max() < 0.01


def test_line_shape_is_sampled() -> None:
    """A broad H1 at Gamma/m = 0.16, from written four-momenta against the three-body spectrum; flat in theta."""
    model = dark_higgs(Zp=None, X=ScalarDM(m_X=0.05, lambda_PhiX=0.1), v_Phi=VEV)
    sample = sample_of(model, events=200_000)
    columns = columns_of(sample, ["q2", "cos_theta", *(f"X_{i}" for i in ("px", "py", "pz", "E"))])
    assert kolmogorov_p(columns["q2"], sample.spectrum.cdf, every=20) >= ACCEPT
    assert quadratic_p(columns["cos_theta"], FLAT) >= ACCEPT
    X = four(columns, "X")
    np.testing.assert_allclose(X[:, 3] ** 2 - (X[:, :3] ** 2).sum(axis=1), columns["q2"], rtol=1e-9)
    shifted = kolmogorov_p(columns["q2"] * 1.01, sample.spectrum.cdf, every=20)
    assert shifted < ACCEPT


def test_pairs_above_a_line() -> None:
    """H1 lighter than 2 m_X: a line of visible decays, and X Xbar through the virtual H1 above its threshold."""
    model = to_XX(2.0, 0.5, 1.2)
    spectrum = model.spectrum(B_PLUS, INPUTS)
    assert [line.mass for line in spectrum.lines] == [2.0]
    assert spectrum.continuum is not None
    assert spectrum.continuum.nodes[0] == pytest.approx(4.0 * 1.44, rel=1e-12)
    sample = sample_of(model, events=50_000)
    columns = columns_of(sample, ["q2", "mode", "p_invisible"])
    names = np.array([m.name for m in sample.modes])[columns["mode"]]
    assert set(names[columns["q2"] > 4.1]) == {"X Xbar"}
    assert "X Xbar" not in set(names[columns["q2"] < 4.1])
    assert np.all(columns["p_invisible"][columns["q2"] > 4.1] == 1.0)


def test_several_pairs_share_the_continuum() -> None:
    """Fractions are W of each pair over their sum at every q2; each opens at its threshold."""
    model = to_XX(6.0, 0.05, 0.3, S=RealScalar(m_S=1.1, mu_S=2.0), chi=DiracFermion(m_chi=0.2, y_chi=0.3))
    assert not messages(model)
    q2 = np.array([0.2, 0.5, 4.0, 6.0, 15.0])
    total = sum(pair.W(q2) for pair in model.pairs(INPUTS))
    for pair in model.pairs(INPUTS):
        np.testing.assert_allclose(mode(model, pair.name).fraction(q2), pair.W(q2) / total, rtol=1e-12)
    assert mode(model, "S S").fraction(q2).tolist()[:3] == [0.0, 0.0, 0.0]
    sample = sample_of(model, events=100_000)
    columns = columns_of(sample, ["q2", "mode"])
    heaviest = [m.name for m in sample.modes].index("S S")
    assert columns["q2"][columns["mode"] == heaviest].min() > 4.0 * 1.21


@pytest.mark.parametrize("name", CHANNELS)
def test_scalars_make_longitudinal_vectors(name: str) -> None:
    """cos^2 of the K and nothing else, on and off shell; flat in theta and phi."""
    decay = CHANNELS[name]
    for model in (dark_higgs(), to_XX(5.5, 0.05)):
        spectrum = model.spectrum(decay, INPUTS)
        J = spectrum.continuum.coefficients if spectrum.continuum else spectrum.lines[0].coefficients[None, :]
        allowed = [0] if decay.spin == 0 else [1]
        assert np.all(np.delete(J, allowed, axis=1) == 0.0)
        assert np.all(J[1:-1, allowed] > 0.0) if len(J) > 1 else np.all(J[:, allowed] > 0.0)


def test_off_shell_points_are_quick() -> None:
    """10 ms for a spectrum, dispersive; three times that for a busy machine, the best of several counts."""
    model = to_XX(6.0, 0.1, S=RealScalar(m_S=0.5, mu_S=1.0))
    times = []
    for _ in range(8):
        start = time.perf_counter()
        model.spectrum(B_PLUS, INPUTS)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03


# --- neutrinos


def test_neutrino_energies_from_longitudinal_Zp() -> None:
    """6 x (1 - x) in x = E_nu/E_Zp for Z'_L -> nu nubar of a relativistic Z', from written four-momenta."""
    sample = sample_of(dark_higgs(), events=100_000, frame="B")
    columns = columns_of(sample, [f"{p}_{i}" for p in ("d1", "d11") for i in ("px", "py", "pz", "E")])
    decayed = columns["d1_E"] > 0.0  # visible decays have no daughters
    x = columns["d11_E"][decayed] / columns["d1_E"][decayed]
    assert kolmogorov_p(x, lambda x: 3.0 * x**2 - 2.0 * x**3) >= ACCEPT
    assert kolmogorov_p(x, lambda x: x) < ACCEPT


def test_transverse_share_of_heavy_Zp() -> None:
    """TT share 8 x^2/(1 - 4 x + 12 x^2) at m_Zp = 0.9 GeV, from the modes of generated events."""
    model = dark_higgs(Zp=Zprime(m_Zp=0.9, g_X=1e-3, Q_Phi=1.0))
    sample = sample_of(model, events=100_000)
    transverse = np.array(["(T" in m.name for m in sample.modes])[columns_of(sample, ["mode"])["mode"]]
    invisible = np.array(["Zp Zp" in m.name for m in sample.modes])[columns_of(sample, ["mode"])["mode"]]
    x = (0.9 / 2.0) ** 2
    expected = 8.0 * x**2 / (1.0 - 4.0 * x + 12.0 * x**2)
    n = int(invisible.sum())
    assert abs(transverse.sum() / n - expected) < 5.0 * math.sqrt(expected * (1.0 - expected) / n)


# --- derived numbers


def derived(model: DarkHiggs) -> dict[str, float]:
    return {q.name: float(q.value) for q in model.derived(INPUTS) if isinstance(q.value, float)}


def test_rates_of_each_pair_sum_to_the_whole() -> None:
    model = to_XX(6.0, 0.05, 0.3, S=RealScalar(m_S=1.1, mu_S=2.0), chi=DiracFermion(m_chi=0.2, y_chi=0.3))
    found = model.further_rates(B_PLUS, INPUTS)
    parts = [found[f"BR(B+ -> K+ {name})"] for name in ("X Xbar", "S S", "chi chibar")]
    assert math.fsum(parts) == pytest.approx(branching(model), rel=1e-9)
    assert not dark_higgs().further_rates(B_PLUS, INPUTS)


def test_benchmark_of_the_talks() -> None:
    """BP A: eps(0) = -g/69.3, Delta a_mu = 2.40e-9, BR(h -> inv), lambda_Phi; Z3 with that Z' has a smaller v_Phi."""
    A = dark_higgs(sin_theta=SINE, Zp=Zprime(m_Zp=0.0115, g_X=5e-4, Q_Phi=0.4), X=ScalarDM(m_X=0.05, lambda_PhiX=0.1))
    found = derived(A)
    assert found["v_Phi"] == pytest.approx(57.5, rel=1e-12)
    assert found["eps(0)"] == pytest.approx(-5e-4 / 69.28512438180569, rel=1e-5)
    assert found["Delta a_mu"] == pytest.approx(2.4000963393163222e-09, rel=1e-6)
    assert found["BR(h -> inv)"] == pytest.approx(0.09508554366690089, rel=1e-4)
    assert found["lambda_Phi"] == pytest.approx((4.0 + (C.m_h * SINE) ** 2) / (2.0 * 57.5**2), rel=1e-4)
    Z3 = dark_higgs(Zp=Zprime(m_Zp=0.0115, g_X=5e-4, Q_Phi=3.0), X=ScalarDM(m_X=0.05, lambda_PhiX=0.1), lambda_3=1e-3)
    assert not messages(Z3)
    assert derived(Z3)["v_Phi"] == pytest.approx(7.666666666666666, rel=1e-9)


def test_kaon_decays() -> None:
    """BR(K+ -> pi+ H1) at 0.1 GeV with the inputs of the reference row; nothing above the threshold."""
    light = dark_higgs(m_H1=0.1, sin_theta=1e-3)
    found = derived(light)
    assert found["BR(K+ -> pi+ H1)"] / 1e-6 == pytest.approx(0.001620127640525992, rel=1e-3)
    p_plus, p_L = two_body_momentum(C.m_Kp, C.m_pip, 0.1), two_body_momentum(C.m_K0, C.m_pi0, 0.1)
    currents = ((C.m_K0**2 - C.m_pi0**2) / (C.m_Kp**2 - C.m_pip**2)) ** 2
    ratio = (C.Re_VtsVtd / C.VtsVtd) ** 2 * currents * p_L / p_plus * (C.m_Kp / C.m_K0) ** 2 * C.tau_KL / C.tau_Kp
    assert found["BR(K_L -> pi0 H1)"] / found["BR(K+ -> pi+ H1)"] == pytest.approx(ratio, rel=1e-10)
    assert not any(name.startswith("BR(K") for name in derived(dark_higgs(m_H1=0.4)))


def test_without_a_vev_the_potential_is_unknown() -> None:
    found = derived(dark_higgs(Zp=None, N=MajoranaFermion(m_N=0.4, y_N=1e-4)))
    assert set(found) == {"Gamma(h -> N N)"}
    assert found["Gamma(h -> N N)"] == pytest.approx(widths.H1_to_NN(C.m_h, 0.4, 1e-4, 4e-3), rel=1e-12)


def test_numbers_in_the_shipped_cards() -> None:
    """The tables in the comments of the cards."""
    for sine, expected in ((3.04e-3, 5.1e-6), (4.09e-3, 9.2e-6), (5.72e-3, 1.8e-5)):
        assert branching(dark_higgs(sin_theta=sine, kappa_sb=KAPPA)) == pytest.approx(expected, rel=0.003)
    for width, expected in (("narrow", 4.6e-6), ("running", 3.7e-6), ("dispersive", 4.0e-6)):
        assert branching(to_XX(5.0, 0.185, 0.3, width=width)) == pytest.approx(expected, rel=0.02)
    for g_X, v_Phi, largest in ((5e-4, 7.67, 9.6e-4), (1.17e-4, 32.8, 4.1e-3)):
        found = higgs_sector.sin_theta_max(0.13, 2.0, v_Phi, (ZpZp(0.0115, v_Phi),), C)
        assert widths.v_Phi(0.0115, g_X, 3.0) == pytest.approx(v_Phi, rel=2e-3)
        assert found == pytest.approx(largest, rel=0.005)
    assert delta_a_mu(0.0115, 1.17e-4, C) == pytest.approx(1.3e-10, rel=0.02)
