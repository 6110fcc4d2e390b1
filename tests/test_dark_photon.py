"""The massive dark photon of arXiv:2502.04900: couplings, widths, lineshapes, angles, refusals and samples.

Numbers of the paper use the form factors GRvDV2023 and the set calibbi2025.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import explicit_amplitudes as explicit
import numpy as np
import pytest
from four_vectors import Array, columns_of, cos_theta, momentum_columns, sample_of
from moments import SIGMAS, TO_K, TO_KST, TO_V, Point, Squared, agree, generated
from scipy.integrate import quad
from scipy.optimize import brentq

from bkgen import dark_photon_couplings as couplings
from bkgen import widths
from bkgen.api import load_card
from bkgen.card import card_from_dict
from bkgen.channels import CHANNELS, Channel
from bkgen.constants import Constants
from bkgen.currents import hadron
from bkgen.errors import InputError
from bkgen.formfactors import Inputs, form_factor_set
from bkgen.generator import Beam
from bkgen.loops import C_0, D_0, Z_0
from bkgen.models.dark_photon import DarkPhoton
from bkgen.models.light_z_prime import LightZPrime
from bkgen.pair import FermionCouplings, fermion_pair
from bkgen.quantities import rates
from bkgen.spectrum import angular_functions, integrated
from bkgen.units import ctau_from_width, width_from_lifetime

TRANSITIONS = ("K", "Kst", "phi")
PAPER = Inputs(
    Constants.named("calibbi2025"),
    {t: form_factor_set("GRvDV2023", t) for t in TRANSITIONS},
)
INPUTS = Inputs.default()
C, C_PAPER = INPUTS.constants, PAPER.constants
EPS = 10**-4.3
B_PLUS, B_ZERO, B_STAR = CHANNELS["B+ -> K+"], CHANNELS["B0 -> K0"], CHANNELS["B0 -> K*0"]
every_channel = pytest.mark.parametrize("decay", CHANNELS.values(), ids=CHANNELS.keys())
ODD = [6, 7, 9]
"""J5, J6s and J7, which change sign when the particles of the pair are exchanged."""


def model(**changes: Any) -> DarkPhoton:
    """m_X = 2 GeV, m_psi = 0.1 GeV, alpha_X = 0.01, and g_bs = 1e-8 unless another coupling is given."""
    given = {"eps", "delta", "eps_Z", "g_bs"} & changes.keys()
    coupling = {} if given else {"g_bs": 1e-8}
    return DarkPhoton(**{"name": "dark_photon", "m_X": 2.0, "alpha_X": 0.01, "m_psi": 0.1, **coupling, **changes})


def messages(decay: Channel = B_PLUS, **changes: Any) -> dict[str, str]:
    return {".".join(problem.path): problem.message for problem in model(**changes).check(decay, INPUTS)}


def warnings_of(decay: Channel = B_PLUS, **changes: Any) -> list[str]:
    return list(model(**changes).warnings(decay, INPUTS))


def two_body(decay: Channel, inputs: Inputs = PAPER, **changes: Any) -> float:
    point = model(**changes)
    return point.two_body_width(point.m_X, decay, inputs)


# --- couplings


def test_mixing_with_the_Z() -> None:
    """Kinetic and mass mixing add up; v1 is eps t_W; eps_Z replaces both."""
    t_W = math.sqrt(0.23121 / 0.76879)
    kinetic = EPS * t_W * 4.0 / (91.188**2 - 4.0)
    assert model(eps=EPS).mixing(PAPER) == pytest.approx(kinetic, rel=1e-12)
    assert model(eps=EPS, delta=1e-3).mixing(PAPER) == pytest.approx(kinetic + 1e-3 * 2.0 / 91.188, rel=1e-12)
    assert model(eps=EPS, epsZ_mode="v1").mixing(PAPER) == pytest.approx(EPS * t_W, rel=1e-12)
    assert model(eps=EPS, eps_Z=3e-5).mixing(PAPER) == 3e-5


def test_kinetic_mixing_is_the_exact_diagonalisation() -> None:
    """Photon, Z and X with kinetic mixing eps/c_W of X and B: couplings of the light massive state."""
    eps, m_X, m_Z, s2w = 1e-4, 2.0, 91.188, 0.23121
    s_W, c_W = math.sqrt(s2w), math.sqrt(1.0 - s2w)
    # -(1/4)(A^2 + Z^2 + X^2) + (eps/2 c_W) X.(c_W A - s_W Z): fields (A, Z, X)
    K = np.array([[1.0, 0.0, -eps], [0.0, 1.0, eps * s_W / c_W], [-eps, eps * s_W / c_W, 1.0]])
    root = np.linalg.cholesky(K).T  # canonical fields are root times fields
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(inverse.T @ np.diag([0.0, m_Z**2, m_X**2]) @ inverse)
    light = int(np.argmin(np.abs(values - m_X**2)))
    A, Z, X = inverse @ vectors[:, light]
    assert abs(Z / X) == pytest.approx(couplings.eps_Z_kinetic(eps, m_X, C_PAPER), rel=1e-5)
    assert abs(A / X) == pytest.approx(eps, rel=1e-5)


def test_inami_lim_functions() -> None:
    """Z_0 = 0.65 where C_0 = 0.76 (hep-ph/9512380 at m_t = 162 GeV); D_0 from the series of its parts at x -> 0."""
    x = brentq(lambda x: C_0(x) - 0.76, 2.0, 6.0)
    assert Z_0(x) == pytest.approx(0.65, abs=0.006)
    assert D_0(1e-8) == pytest.approx(-4.0 / 9.0 * math.log(1e-8), rel=1e-9)
    for function in (C_0, D_0, Z_0):
        with pytest.raises(ValueError, match="x_t must be positive and not 1"):
            function(1.0)


def test_coupling_to_b_and_s() -> None:
    """gbs_eq41_printed_over_eps: with x_t/(1 - x_t) as printed; the paper's 2.44e-4; LO-Z0 against C_0."""
    t_W, x_t = couplings.tan_theta_W(C_PAPER), (172.57 / 80.3692) ** 2
    over_eps_Z = couplings.g_bs_over_eps_Z(C_PAPER)
    assert over_eps_Z * abs(1.0 - x_t) * t_W == pytest.approx(0.0002759385283735403, rel=1e-5)
    assert over_eps_Z * t_W == pytest.approx(0.76e-4, rel=6e-3)
    assert model(eps=EPS, epsZ_mode="v1", kappa_bs="paper").production(PAPER) == pytest.approx(2.44e-4 * EPS, rel=1e-12)
    assert 2.44e-4 / (over_eps_Z * t_W) == pytest.approx(3.2, abs=0.01)
    assert model(eps_Z=1e-4, kappa_bs=2e-4).production(PAPER) == pytest.approx(2e-8, rel=1e-12)
    assert model(eps_Z=1e-4).production(PAPER) == model(eps_Z=1e-4, kappa_bs="C0").production(PAPER)
    # The same normalisation: g^3/(8 pi^2 c_W) t_W/m_Z^2 = e G_F/(sqrt(2) pi^2) at tree level.
    c = Constants.named("calibbi2025", m_W=91.188 * math.sqrt(1.0 - 0.23121), m_t=200.0)
    tree_G_F = math.pi * c.alpha_MZ / (math.sqrt(2.0) * c.m_W**2 * c.s2w)
    c = Constants.named("calibbi2025", m_W=c.m_W, m_t=200.0, G_F=tree_G_F)
    leading = couplings.g_bs_kinetic(EPS, 1e-3, c) / Z_0((c.m_t / c.m_W) ** 2)
    penguin = couplings.g_bs_over_eps_Z(c) * couplings.eps_Z_kinetic(EPS, 1e-3, c) / C_0((c.m_t / c.m_W) ** 2)
    assert leading == pytest.approx(penguin, rel=1e-9)


# --- widths


def test_widths_of_leptons_and_neutrinos() -> None:
    """Gamma_X_ll_v1 and Gamma_X_nunu_1flavour: eq. (38) with c_W^4, 30% above the printed c_W^2."""
    s2, c2 = 0.23121, 0.76879
    eps_Z = couplings.eps_Z_of_preprint(EPS, C_PAPER)
    lepton = couplings.X_couplings(-1.0, -0.5, EPS, eps_Z, C_PAPER.alpha_0, C_PAPER)
    closed = EPS**2 * C_PAPER.alpha_0 * 2.0 * (13.0 - 40.0 * s2 + 32.0 * s2**2) / (24.0 * c2**2)
    found = widths.X_to_ff(2.0, 0.0, *lepton)
    assert found == pytest.approx(1.411694900806197e-11, rel=1e-6)
    assert found == pytest.approx(closed, rel=1e-12)
    assert found / 1.0852969227907962e-11 == pytest.approx(1.0 / c2, rel=1e-6)
    neutrino = couplings.X_couplings(0.0, 0.5, EPS, eps_Z, C_PAPER.alpha_0, C_PAPER)
    assert neutrino[0] == -neutrino[1]
    assert widths.X_to_ff(2.0, 0.0, *neutrino) == pytest.approx(2.5844529635432776e-12, rel=1e-6)


def test_massless_and_pure_couplings() -> None:
    """Vector and axial widths agree without a mass, and with one are (1 + 2 r) beta and beta^3; psi psi is beta^3."""
    assert widths.X_to_ff(2.0, 0.0, 0.3, 0.0) == pytest.approx(widths.X_to_ff(2.0, 0.0, 0.0, 0.3), rel=1e-15)
    assert widths.X_to_ff(2.0, 0.0, 0.3, 0.0, N_c=3) == pytest.approx(0.3**2 * 2.0 / (4.0 * math.pi), rel=1e-14)
    r = 0.3**2
    assert widths.X_to_ff(2.0, 0.6, 0.3, 0.0) == pytest.approx(
        0.09 / (6.0 * math.pi) * (1 + 2 * r) * math.sqrt(1 - 4 * r)
    )
    assert widths.X_to_ff(2.0, 0.6, 0.0, 0.3) == pytest.approx(0.09 / (6.0 * math.pi) * (1 - 4 * r) ** 1.5)
    # Majorana with (1/2) g_X: half of a Dirac fermion with axial coupling g_X.
    g_X = math.sqrt(4.0 * math.pi * 0.02)
    assert widths.X_to_psipsi(2.0, 0.6, 0.02) == pytest.approx(0.5 * widths.X_to_ff(2.0, 0.6, 0.0, g_X), rel=1e-14)
    assert widths.X_to_psipsi(2.0, 1.0, 0.02) == 0.0


def test_branching_fraction_of_dark_matter() -> None:
    """BR_X_psipsi, with the paper's 0.996."""
    point = model(alpha_X=1e-7, m_psi=0.5, eps=EPS, epsZ_mode="v1", r_ratio=2.2, g_bs=1e-8)
    w = point.widths(PAPER)
    assert w.partial["psi psi"] / w.total == pytest.approx(0.9969161628786549, rel=1e-4)
    assert set(w.partial) == {"psi psi", "nu_e nu_e~", "nu_mu nu_mu~", "nu_tau nu_tau~", "e+ e-", "mu+ mu-", "hadrons"}
    neutrinos = 3.0 * w.partial["nu_e nu_e~"]
    assert w.invisible_fraction == pytest.approx((w.partial["psi psi"] + neutrinos) / w.total, rel=1e-12)
    assert (w.name, w.pdg, w.mass, w.ctau) == ("X", 55, 2.0, ctau_from_width(w.total))


def test_smallest_alpha_X() -> None:
    """alphaX_min_LHCb: eps = 10^-4.3 with the paper's normalisation and m_psi = 0.1."""
    point = model(alpha_X=1e-7, eps=EPS, epsZ_mode="v1", kappa_bs="paper", r_ratio=2.2)
    w = point.widths(PAPER)
    BR = two_body(B_PLUS, eps=EPS, epsZ_mode="v1", kappa_bs="paper") / width_from_lifetime(C_PAPER.tau_Bp)
    visible = w.total - w.partial["psi psi"]
    found = couplings.smallest_alpha_X(3.6e-9, BR, w.partial["mu+ mu-"], visible, 2.0, 0.1)
    assert found == pytest.approx(8.580059591262766e-08, rel=1e-3)
    assert couplings.smallest_alpha_X(1.0, BR, w.partial["mu+ mu-"], visible, 2.0, 0.1) == 0.0
    with pytest.raises(ValueError, match="closed"):
        couplings.smallest_alpha_X(3.6e-9, BR, w.partial["mu+ mu-"], visible, 2.0, 1.0)


# --- R


def test_table_of_R() -> None:
    """R(2 GeV) = 2.18; the fit below 1.6 GeV and data above; from 0 at two pions."""
    R, m_pi = couplings.shipped_r_ratio(), C.m_pip
    assert R.at(np.array([2.0]), m_pi) == pytest.approx([2.18], abs=0.01)
    assert R.at(np.array([1.59328, 1.61654, 5.0]), m_pi) == pytest.approx([2.2893, 2.4487, 3.4355], rel=1e-12)
    halfway = 0.5 * (2.0 * m_pi + 0.3)
    assert R.at(np.array([0.2, 2.0 * m_pi, halfway]), m_pi) == pytest.approx([0.0, 0.0, 0.5 * 0.017925], rel=1e-12)
    with pytest.raises(ValueError, match=r"ends at 5 GeV"):
        R.at(np.array([5.1]), m_pi)


def test_other_values_of_R(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number, or a file relative to the working directory."""
    (tmp_path / "R.csv").write_text("# m, R\n0.1, 1.0\n1.0, 2.0\n3.0, 4.0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for r_ratio, expected in ((2.5, 2.5), ("R.csv", 3.0)):
        partial = model(eps=EPS, eps_Z=0.0, g_bs=1e-8, r_ratio=r_ratio).widths(INPUTS).partial
        assert partial["hadrons"] / partial["mu+ mu-"] == pytest.approx(expected, rel=1e-12)
    light = model(eps=EPS, g_bs=1e-8, r_ratio="R.csv", m_X=0.27).widths(INPUTS)
    assert "hadrons" not in light.partial
    assert messages(r_ratio="R.csv", m_X=3.5) == {
        "r_ratio": "ends at 3 GeV, needed up to 3.5 GeV: give a number or a longer table"
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("m,R\n", "not a table of numbers"),
        ("1.0, 2.0\n", "needs at least two rows of m, R"),
        ("1.0, 2.0, 3.0\n2.0, 2.0, 3.0\n", "needs at least two rows of m, R"),
        ("1.0, 2.0\n2.0, nan\n", "all values must be finite and not negative"),
        ("1.0, -2.0\n2.0, 1.0\n", "all values must be finite and not negative"),
        ("2.0, 2.0\n1.0, 1.0\n", "m must increase from row to row"),
    ],
)
def test_bad_tables_of_R(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "R.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    (found,) = messages(r_ratio=str(path)).items()
    assert found[0] == "r_ratio"
    assert message in found[1]


# --- B decays on the mass shell


def A_12(m_B: float, m_V: float, q2: float, A_1: float, A_2: float) -> float:
    """Definition of A_12 with these masses."""
    lam = ((m_B + m_V) ** 2 - q2) * ((m_B - m_V) ** 2 - q2)
    numerator = (m_B + m_V) ** 2 * (m_B**2 - m_V**2 - q2) * A_1 - lam * A_2
    return numerator / (16.0 * m_B * m_V**2 * (m_B + m_V))


def helicities(name: str) -> tuple[float, float, float]:
    """(H_0, H_+, H_-) of B0 -> K*0 X at 2 GeV with A_1, A_2, V of a set, as eqs. (44), (45) take them.

    The masses in z and A_2 and the poles are those of the fit of GRvDV2023 for both sets.
    """
    F, m_B, m_V = form_factor_set(name, "Kst"), C_PAPER.m_B0, C_PAPER.m_Kst0
    F = replace(
        F, constants={**F.constants, "m_B": 5.279, "m_M": 0.896}, poles={**F.poles, "A_1": 5.829, "A_12": 5.829}
    )
    values = {f: float(F.value(f, 4.0)) for f in ("A_1", "A_2", "V")}
    of_masses = A_12(m_B, m_V, 4.0, values["A_1"], values["A_2"])
    return widths.B_to_V_X_helicities(m_B, m_V, 2.0, values["A_1"], of_masses, values["V"])


def test_helicity_amplitudes() -> None:
    """H_KstX_2GeV, and eqs. (44), (45) as they are written, with the corrected sign of H_+."""
    found = helicities("GRvDV2023")
    assert found == pytest.approx([-0.9344426505565246, 0.0481812692614495, 0.687633540575071], rel=1e-5)
    F, m_B, m_V, m_X = form_factor_set("GRvDV2023", "Kst"), C_PAPER.m_B0, C_PAPER.m_Kst0, 2.0
    A_1, A_2, V = (float(F.value(f, 4.0)) for f in ("A_1", "A_2", "V"))
    root_K, root_X = m_V / m_B, m_X / m_B
    x = (m_B**2 - m_V**2 - m_X**2) / (2.0 * m_V * m_X)
    mixed = 2.0 * root_K * root_X / (1.0 + root_K)
    zero = -(1.0 + root_K) * A_1 * x + mixed * A_2 * (x**2 - 1.0)
    signs = [(1.0 + root_K) * A_1 + sign * mixed * V * math.sqrt(x**2 - 1.0) for sign in (-1.0, 1.0)]
    assert found == pytest.approx([zero, *signs], rel=1e-12)
    f_L = zero**2 / sum(H * H for H in found)
    assert f_L == pytest.approx(0.648, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "expected"), [("GRvDV2023", 1.494476365590369), ("BSZ2015", 1.7076166270967799)], ids=["GRvDV23", "BSZ15"]
)
def test_ratio_of_Kst_and_K(name: str, expected: float) -> None:
    """ratio_KstX_KX: A_2 has the masses of the fit, the rest those of the card; with A_12 of the fit it is 0.1% less.

    arXiv:2502.04900 eq. (46) has 1.9; the printed signs of (45) give 2.02 with the first set.
    """
    to_K = two_body(B_ZERO)
    H = helicities(name)
    m_B, m_V = C_PAPER.m_B0, C_PAPER.m_Kst0
    assert widths.B_to_V_X(m_B, m_V, 2.0, 1e-8, H) / to_K == pytest.approx(expected, rel=1e-5)
    inputs = Inputs(C_PAPER, {"K": form_factor_set("GRvDV2023", "K"), "Kst": form_factor_set(name, "Kst")})
    assert two_body(B_STAR, inputs) / to_K == pytest.approx(expected, rel=2e-3)
    if name == "GRvDV2023":
        as_printed = widths.B_to_V_X(m_B, m_V, 2.0, 1e-8, [H[0], H[2], H[2]])
        assert as_printed / to_K == pytest.approx(2.02, abs=0.005)


@every_channel
@pytest.mark.parametrize("m_X", [0.3, 2.0, 4.2])
def test_production_is_that_of_a_left_handed_Zp(m_X: float, decay: Channel) -> None:
    """light_z_prime with d = 4 and g_L = g_bs: rate and polarisation of the hadron."""
    if m_X >= decay.m_B(C) - decay.m_H(C):
        m_X = 4.1
    g = 1.3e-8
    (line,) = model(m_X=m_X, g_bs=g).spectrum(decay, INPUTS).lines
    Zp = LightZPrime(name="light_z_prime", m_Zp=m_X, g_V=g, g_A=-g).spectrum(decay, INPUTS).lines[0]
    assert line.rate() == pytest.approx(Zp.rate(), rel=1e-12, abs=0.0)
    if decay.spin == 1:
        found, expected = ((3.0 * J[1] - J[3]) / (4.0 * integrated(J)) for J in (line.coefficients, Zp.coefficients))
        assert found == pytest.approx(expected, rel=1e-12)


# --- angles on the mass shell


@pytest.mark.parametrize("m_psi", [1e-3, 0.1, 0.95, 1.2])
def test_pairs_from_a_K_are_sine_squared(m_psi: float) -> None:
    """cos2_X_psipsi_longitudinal: (3/4) sin^2 for psi psi of any mass and for neutrinos, mean of cos^2 1/5."""
    G = model(m_psi=m_psi, delta=1e-3).spectrum(B_PLUS, INPUTS).lines[0].coefficients
    assert pytest.approx([0.0, -G[0]], rel=1e-14, abs=1e-30) == G[1:]
    assert (2.0 / 3.0 * G[0] + 2.0 / 5.0 * G[2]) / integrated(G) == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize("decay", [B_STAR, CHANNELS["Bs -> phi"]], ids=["Kst", "phi"])
def test_neutrinos_and_psi_differ_by_the_exchange_of_the_pair(decay: Channel) -> None:
    """All coefficients are equal but J5, J6s and J7, which vanish for identical particles."""
    psi, nu = (model(m_psi=m, delta=1e-3).spectrum(decay, INPUTS).lines[0].coefficients for m in (0.7, 1.2))
    even = [i for i in range(12) if i not in ODD]
    np.testing.assert_allclose(psi[even], nu[even], rtol=1e-12, atol=1e-15 * psi[1])
    assert not psi[ODD].any()
    assert np.abs(nu[7]) > 0.1 * nu[0]


def test_undecayed_and_visible_X() -> None:
    """Without any pair theta and phi are flat; without any decay X is stable."""
    decays = model(eps=1e-3, eps_Z=0.0, g_bs=1e-8, m_psi=1.2)
    stable = model(m_psi=1.2)
    assert [mode.name for mode in decays.modes(INPUTS)] == ["visible"]
    assert [(mode.name, mode.invisible) for mode in stable.modes(INPUTS)] == [("stable", True)]
    reference = model().spectrum(B_STAR, INPUTS).lines[0].coefficients
    for point in (decays, stable):
        J = point.spectrum(B_STAR, INPUTS).lines[0].coefficients
        assert not J[2:].any()
        assert integrated(J) == pytest.approx(float(integrated(reference)), rel=1e-12)
        assert 0.75 * J[1] == pytest.approx(0.25 * (3.0 * reference[1] - reference[3]), rel=1e-12)
        G = point.spectrum(B_PLUS, INPUTS).lines[0].coefficients
        assert not G[1:].any()


def exchange(m_X: float, g_X: float, g_bs: float = 1e-8, on_shell: bool = False) -> Squared:
    """|M|^2 of B -> hadron X*(-> psi psi) with the propagator of X in unitary gauge; on shell only its numerator."""

    def squared(decay: explicit.Decay, f: Mapping[str, float]) -> float:
        q, m_psi = decay.q, math.sqrt(explicit.dot(decay.p1, decay.p1).real)
        denominator = 1.0 if on_shell else explicit.dot(q, q).real - m_X**2
        pair = explicit.pair_current("A", decay, m_psi, m_psi) + explicit.exchanged_current("A", decay, m_psi, m_psi)
        propagator = np.outer(q, q) / m_X**2 - explicit.METRIC

        def amplitude(currents: Mapping[str, explicit.Complex]) -> explicit.Complex:
            left = 0.5 * g_bs * (currents["V"] - currents["A"])
            exchanged = explicit.lower(left) @ propagator @ explicit.METRIC / denominator
            return np.asarray(0.5 * g_X * pair @ exchanged)

        if decay.K is None or decay.pi is None:
            return float(np.sum(np.abs(amplitude(explicit.hadronic_P(decay, f, C.m_b, C.m_s))) ** 2))
        total = np.zeros(4, dtype=complex)
        for eps in explicit.polarisations(decay.H):
            weight = explicit.dot(eps, decay.K - decay.pi)
            total += weight * amplitude(explicit.hadronic_V(decay, eps, f, C.m_b, C.m_s))
        return float(np.sum(np.abs(total) ** 2))

    return squared


@pytest.mark.parametrize("channel", [TO_K, TO_KST])
def test_off_shell_rate_and_moments(channel: str) -> None:
    """Explicit spinors and propagator for a heavy X; the timelike part is of order 10%."""
    point = model(m_X=6.0, m_psi=0.9, r_ratio=2.2, lineshape="BW")
    point = point.model_copy(update={"alpha_X": 1e-12})  # so that the width in the denominator is negligible
    g_X = math.sqrt(4.0 * math.pi * 1e-12)
    agree(Point(point, exchange(6.0, g_X), (0.9, 0.9), identical=True, events=200_000), channel)


@pytest.mark.parametrize(("m_psi", "names"), [(0.7, ("hVA", "hAA")), (0.0, ("hVV", "hVA", "hAV", "hAA"))])
def test_line_against_explicit_amplitudes(m_psi: float, names: tuple[str, ...]) -> None:
    """12 coefficients of a narrow X: |M|^2 at q2 = m_X^2 over the density is the same for all directions."""
    point = model(delta=1e-3, m_psi=m_psi or 1.2)
    J = point.spectrum(B_STAR, INPUTS).lines[0].coefficients
    F, masses = INPUTS.form_factor("Kst"), B_STAR.daughter_masses(C)
    f = {name: float(F.value(name, 4.0)) for name in ("V", "A_0", "A_1", "A_2", "T_1", "T_2", "T_3")}
    signs = {"hVV": 1.0, "hVA": -1.0, "hAV": -1.0, "hAA": 1.0}
    left = {name: signs[name] for name in names}
    ratios = []
    for angles, _ in explicit.all_angles(True):
        decay = explicit.decay_at(C.m_B0, C.m_Kst0, (m_psi, m_psi), 4.0, angles, (masses[0], masses[1]))
        if m_psi > 0.0:
            squared = exchange(2.0, 1.0, on_shell=True)(decay, f)
        else:
            squared = explicit.squared_amplitude(decay, 0.0, 0.0, f, C.m_b, C.m_s, left)
        c, c_K, phi = (np.array([a]) for a in explicit.angles(decay))
        ratios.append(squared / float((angular_functions(c, c_K, phi) @ J)[0]))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-9)


@pytest.mark.parametrize("m_psi", [0.7, 1.2])
def test_moments_of_events_on_the_line(m_psi: float) -> None:
    """All angular moments of written four-momenta in B0 -> K*0 X against the coefficients of the line."""
    point = model(delta=1e-3, m_psi=m_psi)
    sample = sample_of(point, TO_KST, events=200_000)
    J = sample.spectrum.lines[0].coefficients
    total, sums = 0.0, dict.fromkeys(TO_V, 0.0)
    for (c, c_K, phi), w in explicit.all_angles(True):
        density = w * float((angular_functions(*(np.array([a]) for a in (c, c_K, phi))) @ J)[0])
        total += density
        for name, moment in TO_V.items():
            sums[name] += density * float(moment(*(np.array(a) for a in (c, c_K, phi))))
    if m_psi < 1.0:  # psi psi in nearly all events
        found = generated(Point(point, exchange(2.0, 1.0), (m_psi, m_psi), events=200_000), TO_KST)[1]
        assert all(abs(mean - sums[name] / total) < SIGMAS * error for name, (mean, error) in found.items())
        return
    columns = columns_of(sample, ["mode", *momentum_columns("X", "Kst", "d1")])
    pairs = np.flatnonzero(columns["mode"] < 3)
    assert len(pairs) / 200_000 == pytest.approx(point.widths(INPUTS).invisible_fraction, abs=0.005)
    q2 = np.full(len(pairs), 4.0)
    c = cos_theta({"q2": q2, **{name: values[pairs] for name, values in columns.items() if name != "mode"}}, "Kst")
    assert abs(c.mean() - sums["c"] / total) < SIGMAS * c.std() / math.sqrt(len(c))
    assert abs(sums["c"] / total) > 0.05


def test_events_in_K() -> None:
    """Mean of cos^2 is 1/5 from written four-momenta of psi psi; PDG codes and masses."""
    point = model(m_psi=0.3)
    sample = sample_of(point, TO_K, events=100_000)
    c = cos_theta(columns_of(sample, ["q2", *momentum_columns("X", "K", "d1")]), "K")
    assert abs((c**2).mean() - 0.2) < SIGMAS * (c**2).std() / math.sqrt(len(c))
    (mode,) = sample.modes
    assert (mode.name, mode.pdg, mode.masses, mode.invisible) == ("psi psi", (52, 52), (0.3, 0.3), True)
    assert {m.name: m.pdg for m in model(delta=1e-3).modes(INPUTS)} == {
        "psi psi": (52, 52),
        "nu_e nu_e~": (12, -12),
        "nu_mu nu_mu~": (14, -14),
        "nu_tau nu_tau~": (16, -16),
        "visible": (),
    }


@every_channel
@pytest.mark.parametrize("lineshape", ["narrow", "BW", "BWrun"])
def test_samples(lineshape: str, decay: Channel) -> None:
    """Every channel and lineshape makes events; p_invisible is the invisible share of the modes."""
    point = model(delta=1e-3, lineshape=lineshape, alpha_X=1e-5, m_psi=0.5)
    sample = sample_of(point, decay.name, events=4_000, beam=Beam(at_rest=decay.production is None))
    columns = columns_of(sample, ["q2", "p_invisible"])
    share = sum(mode.branching_fraction for mode in point.modes(INPUTS) if mode.invisible)
    assert set(columns["p_invisible"]) == {min(share, 1.0)}
    assert (columns["q2"] >= 1.0).all()
    assert (columns["q2"] == 4.0).all() == (lineshape == "narrow")


# --- lineshapes


def resonance(q2: Array, decay: Channel, alpha_X: float, m_psi: float, running: bool = False) -> Array:
    """Eq. (40): Gamma(B -> H X)(q2) sqrt(q2) Gamma_psipsi(q2)/(pi |D|^2), X decaying to psi psi only."""
    point = model(alpha_X=alpha_X, m_psi=m_psi)
    Gamma = widths.X_to_psipsi(2.0, m_psi, alpha_X)
    values = []
    for s in np.atleast_1d(q2):
        m = math.sqrt(s)
        dark = widths.X_to_psipsi(m, m_psi, alpha_X)
        imaginary = m * dark if running else 2.0 * Gamma
        values.append(point.two_body_width(m, decay, PAPER) * m * dark / (math.pi * ((s - 4.0) ** 2 + imaginary**2)))
    return np.array(values)


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("decay", [B_PLUS, B_STAR], ids=["K", "Kst"])
def test_density_is_eq_40_and_a_timelike_part(decay: Channel, running: bool) -> None:
    """The timelike part is the square of a spin-0 amplitude, ~ m_psi^2 (1/q2 - 1/m_X^2)^2, and 0 on the mass shell."""
    m_psi = 0.4
    q2 = np.array([0.7, 1.5, 3.0, 4.0, 5.0, 9.0, 15.0])
    point = model(m_psi=m_psi, lineshape="BWrun" if running else "BW")
    J = point.density(q2, decay, PAPER)
    timelike = J[:, 0] + J[:, 2] if decay.spin == 0 else J[:, 1] + J[:, 3]
    vector = J.copy()
    vector[:, 0 if decay.spin == 0 else 1] -= timelike
    np.testing.assert_allclose(integrated(vector), resonance(q2, decay, 0.01, m_psi, running), rtol=1e-10)
    F, name = PAPER.form_factor(decay.transition), "f_0" if decay.spin == 0 else "A_0"
    m_B, m_H = decay.m_B(C_PAPER), decay.m_H(C_PAPER)
    lam = ((m_B + m_H) ** 2 - q2) * ((m_B - m_H) ** 2 - q2)
    source = (m_B**2 - m_H**2) ** 2 if decay.spin == 0 else lam
    shape = (
        m_psi**2 * (1.0 / q2 - 0.25) ** 2 * F.value(name, q2) ** 2 * source * np.sqrt(lam * (1.0 - 4 * m_psi**2 / q2))
    )
    Gamma = point.widths(PAPER).total
    shape /= (q2 - 4.0) ** 2 + (q2 * widths.X_to_psipsi(np.sqrt(q2), m_psi, 0.01) ** 2 if running else 4.0 * Gamma**2)
    np.testing.assert_allclose(timelike / timelike[0], q2 / q2[0] * shape / shape[0], rtol=1e-9, atol=1e-15)
    assert abs(timelike[3]) < 1e-25 * J[3, 0]


@pytest.mark.parametrize(("alpha_X", "expected", "tolerance"), [(0.01, 0.999223699783551, 1e-4), (0.1, 0.992, 5e-4)])
def test_finite_width(alpha_X: float, expected: float, tolerance: float) -> None:
    """finite_width_ratio, by quadrature of eq. (40), and with the timelike part, which adds up to 0.07%."""
    m_psi, upper = 0.1, B_PLUS.q2_max(C_PAPER)
    Gamma = widths.X_to_psipsi(2.0, m_psi, alpha_X)
    lower_t, upper_t = (math.atan((s - 4.0) / (2.0 * Gamma)) for s in (4.0 * m_psi**2, upper))

    def integrand(t: float) -> float:
        q2 = 4.0 + 2.0 * Gamma * math.tan(t)
        return float(resonance(np.array([q2]), B_PLUS, alpha_X, m_psi)[0]) * 2.0 * Gamma / math.cos(t) ** 2

    narrow = two_body(B_PLUS)
    ratio = quad(integrand, lower_t, upper_t, epsabs=0.0, epsrel=1e-9, limit=400)[0] / narrow
    assert ratio == pytest.approx(expected, rel=tolerance)
    found = model(alpha_X=alpha_X, lineshape="BW").spectrum(B_PLUS, PAPER).rate() / narrow
    assert 0.0 < found / ratio - 1.0 < 8e-4 * alpha_X / 0.1


@pytest.mark.parametrize("lineshape", ["BW", "BWrun"])
@pytest.mark.parametrize("decay", [B_PLUS, B_STAR], ids=["K", "Kst"])
@pytest.mark.parametrize("alpha_X", [1e-3, 1e-5, 2e-8])
def test_narrow_limit(alpha_X: float, decay: Channel, lineshape: str) -> None:
    """Rate and all angular coefficients of the continuum tend to those of the line."""
    point = model(alpha_X=alpha_X, lineshape=lineshape)
    found = point.spectrum(decay, PAPER).rate()
    assert found == pytest.approx(two_body(decay), rel=max(1e-7, 0.1 * alpha_X))
    at_peak = point.density(np.array([4.0]), decay, PAPER)[0]
    line = model(alpha_X=alpha_X).spectrum(decay, PAPER).lines[0].coefficients
    np.testing.assert_allclose(at_peak / integrated(at_peak), line / integrated(line), rtol=1e-10, atol=1e-14)


def test_lineshape_counts_dark_matter_only() -> None:
    """A resonance is psi psi alone: the branching fraction of psi psi times the line, and all of it invisible."""
    settings: dict[str, Any] = {"alpha_X": 1e-6, "delta": 2e-2}
    narrow = model(**settings)
    w = narrow.widths(INPUTS)
    share = w.partial["psi psi"] / w.total
    assert 0.9 < share < 0.999
    card = {"schema": 1, "model": {**model(**settings, lineshape="BW").model_dump()}, "channel": TO_K}
    found = {q.name: q.value for q in rates(card_from_dict(card))}
    assert found["BR(B+ -> K+ X)"] == pytest.approx(found["BR(B+ -> K+ inv)"], rel=1e-13)
    on_line = narrow.spectrum(B_PLUS, INPUTS).rate() / width_from_lifetime(C.tau_Bp)
    assert found["BR(B+ -> K+ X)"] == pytest.approx(share * on_line, rel=1e-6)
    (warning,) = warnings_of(**settings, lineshape="BW")
    assert warning.startswith("lineshape BW is psi psi alone: other decays, ")


def test_heavy_X_is_a_contact_operator() -> None:
    """Far below its mass X gives the axial contact operator g_bs g_X/(2 m_X^2) psi psi of identical particles."""
    point = model(m_X=9.99, m_psi=0.8, lineshape="BW", r_ratio=2.0)
    q2 = np.array([2.6])
    G = -1e-8 * 0.25 * math.sqrt(4.0 * math.pi * 0.01) / 9.99**2
    contact = fermion_pair(hadron(q2, B_PLUS, INPUTS), 0.8, 0.8, FermionCouplings(hVA=G, hAA=-G), identical=True)
    np.testing.assert_allclose(point.density(q2, B_PLUS, INPUTS), contact, rtol=0.06)


# --- refusals and warnings


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"delta": 1e-3}, {}),
        ({"eps_Z": 1e-5, "eps": 1e-5}, {}),
        ({"delta": 1e-3, "eps_Z": 1e-5}, {"eps_Z": "replaces delta: remove one of the two"}),
        ({"eps_Z": 1e-5, "epsZ_mode": "v1"}, {"epsZ_mode": "says how eps_Z follows from eps: remove it or eps_Z"}),
        ({"g_bs": 1e-8, "kappa_bs": 1e-4}, {"g_bs": "replaces kappa_bs: remove one of the two"}),
        ({"g_bs": 0.0}, {"g_bs": "must not be zero"}),
        ({"eps": 0.0}, {"": "at least one coupling is required: eps, delta, eps_Z, g_bs"}),
        ({"delta": 1e-3, "kappa_bs": 0.0}, {"kappa_bs": "must not be zero"}),
        ({"eps": 1e-4, "kappa_bs": 1e-4}, {}),
        ({"eps": 1e-4, "kappa_bs": "LO-Z0"}, {}),
        ({"eps": 1e-4, "epsZ_mode": "v1"}, {}),
        (
            {"eps": 1e-4, "delta": 1e-4, "kappa_bs": "LO-Z0"},
            {"kappa_bs": "is for pure kinetic mixing: remove delta, eps_Z and epsZ_mode, or use C0"},
        ),
        ({"m_X": 4.8}, {"m_X": "must be below m_B - m_hadron = 4.78573 GeV in B+ -> K+ with lineshape: narrow"}),
        ({"m_X": 4.8, "lineshape": "BW"}, {}),
        (
            {"m_psi": 2.4, "lineshape": "BW"},
            {"m_psi": "must be below (m_B - m_hadron)/2 = 2.39287 GeV in B+ -> K+"},
        ),
        ({"r_ratio": -1.0}, {"r_ratio": "must not be negative"}),
        (
            {"m_X": 6.0, "lineshape": "BW"},
            {"r_ratio": "ends at 5 GeV, needed up to 6 GeV: give a number or a longer table"},
        ),
        ({"alpha_X": 7.0}, {"alpha_X": "Gamma_X = 1.15 m_X: X is no particle"}),
        (
            {"alpha_X": 1e-9, "lineshape": "BW"},
            {"lineshape": "Gamma_X = 1.64e-10 m_X cannot be resolved in q2: use narrow"},
        ),
        ({"g_bs": 1e-170}, {"": "these couplings give no finite rate in B+ -> K+"}),
        ({"g_bs": 1e170, "lineshape": "BW"}, {"": "these couplings give no finite rate in B+ -> K+"}),
    ],
)
def test_refusals(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert messages(**changes) == expected


@pytest.mark.parametrize("kappa_bs", [None, "C0", "paper"])
def test_pure_kinetic_mixing_is_refused(kappa_bs: str | None) -> None:
    """eps_Z of kinetic mixing alone, and up to three times that."""
    (found,) = messages(eps=1e-4, kappa_bs=kappa_bs).items()
    assert found[0] == "kappa_bs"
    assert found[1].startswith("needs eps_Z much larger than eps t_W m_X^2/m_Z^2, at 1 times that the photon penguin")
    assert "LO-Z0 (pure kinetic mixing, indicative)" in found[1]
    kinetic = couplings.eps_Z_kinetic(1e-4, 2.0, C)
    assert list(messages(eps=1e-4, eps_Z=2.9 * kinetic, kappa_bs=kappa_bs)) == ["kappa_bs"]
    assert not messages(eps=1e-4, eps_Z=3.1 * kinetic, kappa_bs=kappa_bs)
    assert not messages(eps=1e-4, eps_Z=-3.1 * kinetic, kappa_bs=kappa_bs)


def test_all_problems_at_once() -> None:
    found = messages(eps=1e-4, m_X=4.8, r_ratio="missing.csv")
    assert list(found) == ["kappa_bs", "m_X", "r_ratio"]


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"m_psi": 1.0}, "X -> psi psi is closed: m_X = 2.0 GeV is not above 2 m_psi"),
        ({"alpha_X": 0.7}, "Gamma_X = 0.115 m_X: the shape of so broad a resonance is uncertain"),
        ({"eps": 1e-4, "epsZ_mode": "v1"}, "epsZ_mode: v1 (arXiv:2502.04900v1) is 2000 times too large"),
        ({"delta": 1e-3, "kappa_bs": "paper"}, "kappa_bs: paper is 3.2 times larger than C0"),
        ({"eps": 1e-4, "kappa_bs": "LO-Z0"}, "kappa_bs: LO-Z0 is indicative"),
        ({"eps": 1e-3, "eps_Z": 2.64e-6}, "eps_Z is 10 times that of kinetic mixing: the photon penguin"),
        ({"m_X": 3.1}, "m_X = 3.1 GeV: the J/psi is not in the table of R"),
    ],
)
def test_warnings(changes: dict[str, Any], start: str) -> None:
    (warning,) = warnings_of(**changes)
    assert warning.startswith(start)


def test_no_warning() -> None:
    assert not warnings_of()
    assert not warnings_of(delta=1e-3, eps=EPS)
    assert not warnings_of(m_X=3.1, r_ratio=2.2)


def test_warning_of_neutrino_angles() -> None:
    """Only where it matters: K* and phi, neutrinos beside psi psi."""
    settings: dict[str, Any] = {"delta": 2e-2, "alpha_X": 1e-6}
    (warning,) = warnings_of(B_STAR, **settings)
    assert warning.startswith("nu nu~ pairs (0.0")
    assert not warnings_of(B_PLUS, **settings)
    assert not warnings_of(B_STAR, delta=1e-3)


def test_problems_in_a_card() -> None:
    card = {
        "schema": 1,
        "model": {"name": "dark_photon", "m_X": 2.0, "alpha_X": 0.01, "m_psi": 0.1, "kappa_bs": "C1", "m_phi": 0.0},
        "channel": "B+ -> K+",
    }
    with pytest.raises(InputError) as caught:
        card_from_dict(card)
    text = str(caught.value)
    assert "model.kappa_bs = C1: must be a number or C0 | paper | LO-Z0" in text
    assert "model.m_phi = 0.0: must be a number > 0 [GeV]" in text


# --- results of a card


def test_derived_quantities() -> None:
    card = {"schema": 1, "model": model(delta=1e-3).model_dump(), "channel": "B0 -> K*0"}
    found = {q.name: q for q in rates(card_from_dict(card))}
    assert found["eps_Z"].value == pytest.approx(1e-3 * 2.0 / C.m_Z, rel=1e-12)
    assert found["g_bs/eps_Z"].value == pytest.approx(couplings.g_bs_over_eps_Z(C), rel=1e-12)
    assert found["g_bs"].uncertainty is None
    assert "g_bs/eps_Z" not in {q.name for q in model().derived(INPUTS)}


def test_numbers_of_the_card() -> None:
    """What the comments of cards/dark_photon.yaml say."""
    card = load_card(Path(__file__).parents[1] / "cards" / "dark_photon.yaml")
    found = {q.name: q.value for q in rates(card)}
    assert found["BR(B+ -> K+ X)"] == pytest.approx(6.0e-6, abs=5e-8)
    assert found["BR(X -> inv)"] == pytest.approx(0.999999, abs=1e-6)
    kst = card_from_dict({"schema": 1, "model": card.model.model_dump(), "channel": "B0 -> K*0"})
    assert {q.name: q.value for q in rates(kst)}["BR(B0 -> K*0 X)"] == pytest.approx(9.6e-6, abs=5e-8)
    exact, as_printed = model(eps=EPS, kappa_bs="LO-Z0"), model(eps=EPS, epsZ_mode="v1", kappa_bs="paper")
    assert exact.mixing(PAPER) == pytest.approx(1.3e-8, abs=5e-10)
    assert as_printed.mixing(PAPER) == pytest.approx(2.7e-5, abs=5e-7)
    assert as_printed.production(PAPER) / as_printed.mixing(PAPER) == pytest.approx(4.4e-4, abs=5e-6)
    assert two_body(B_PLUS, eps=EPS, kappa_bs="LO-Z0") / width_from_lifetime(C_PAPER.tau_Bp) == pytest.approx(
        1.2e-13, abs=5e-15
    )
    assert 3.6e-3 * math.sqrt((1.8e-5 - 9.5e-6) / 9.56e-6) == pytest.approx(3.4e-3, abs=5e-5)
