"""Every limit with a point on either side, curves and their gaps, what decides, and the command."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import bkgen
from bkgen import bs_to_invisible, dark_observables, direct_detection, self_interaction
from bkgen.annihilation.two_to_two import s_of_velocity
from bkgen.card import Card, card_from_dict
from bkgen.channels import channel
from bkgen.cli import app
from bkgen.constants import Constants
from bkgen.cosmology import DegreesOfFreedom, Universe
from bkgen.cosmology.freeze_out import freeze_out
from bkgen.dark_matter import AnnihilationChannel, DarkMatter, FreezeIn, FreezeOut, SemiAnnihilation
from bkgen.errors import InputError
from bkgen.exclusions import Check, Constraints, constraints
from bkgen.formfactors import Inputs
from bkgen.kinematics import FloatArray
from bkgen.limits import Limit, all_limits
from bkgen.models.light_z_prime import LightZPrime
from bkgen.observables import Observable
from bkgen.quantities import rates
from bkgen.recombination import annihilation_parameter, visible_sigma_v
from bkgen.units import GEV_M2_TO_CM2, GEV_M2_TO_CM3_PER_S, GEV_M3_TO_CM2_PER_G

C = Constants.named()
LIMITS = {limit.id: limit for limit in all_limits()}
Fragment = dict[str, Any]


def card(model: Fragment, channel: str = "B+ -> K+") -> Card:
    return card_from_dict({"schema": 1, "model": model, "channel": channel, "detector": "ideal"})


def of(found: Constraints, limit_id: str) -> Check:
    """The check with the largest ratio to that limit."""
    return next(check for check in found.checks if check.limit is not None and check.limit.id == limit_id)


def z_prime(g: float) -> Fragment:
    return {"name": "light_z_prime", "m_Zp": 2.0, "g_V": g, "g_A": g}


def dark_higgs(m_H1: float, sin_theta: float, **blocks: Fragment) -> Fragment:
    blocks = blocks or {"chi": {"m_chi": 0.01, "y_chi": 0.1}}
    return {"name": "dark_higgs", "m_H1": m_H1, "sin_theta": sin_theta, **blocks}


def L_mu_tau(m_Zp: float, g_X: float, sin_theta: float = 1e-4) -> Fragment:
    return dark_higgs(2.0, sin_theta, Zp={"m_Zp": m_Zp, "g_X": g_X, "Q_Phi": 0.4})


def visible_higgs(sin_theta: float) -> Fragment:
    return dark_higgs(1.5, sin_theta, chi={"m_chi": 2.0, "y_chi": 0.1})


def dark_photon(alpha_X: float, **more: float) -> Fragment:
    return {"name": "dark_photon", "m_X": 2.0, "m_psi": 0.5, "eps": 5e-5, "g_bs": 1e-8, "alpha_X": alpha_X, **more}


def heavy_psi(sin_theta: float) -> Fragment:
    return dark_photon(3e-4, m_X=3.0, m_psi=1.2, m_phi=0.004, sin_theta=sin_theta)


def massive_psi(m_phi: float) -> Fragment:
    """At a relic density of about 0.12."""
    return dark_photon(1.4e-4, m_psi=0.9, m_phi=m_phi)


# --- third-party models with dark matter


def s_wave(sigma_v: float, mass: float) -> AnnihilationChannel:
    """sigma v [cm^3/s] at every velocity, as in s-wave annihilation."""

    def sigma(s: FloatArray) -> FloatArray:
        return np.asarray(sigma_v / GEV_M2_TO_CM3_PER_S / (2.0 * np.sqrt(np.maximum(1.0 - 4.0 * mass**2 / s, 1e-30))))

    return AnnihilationChannel("s wave", sigma)


class WithCandidate(LightZPrime):
    """A model of another package: dark matter that was not part of bkgen."""

    candidate: Any = None

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        return self.candidate  # type: ignore[no-any-return]


def with_candidate(candidate: DarkMatter) -> Card:
    model = WithCandidate(name="light_z_prime", m_Zp=2.0, g_V=1e-10, candidate=candidate)
    return card(z_prime(1e-10)).model_copy(update={"model": model})


def annihilating(sigma_v: float) -> Card:
    """At a relic density above 0.12."""
    return with_candidate(FreezeOut("X", 10.0, 1.0, True, (s_wave(sigma_v, 10.0),)))


def frozen_in(mass: float) -> Card:
    return with_candidate(FreezeIn("chi", mass, 2.0, False, 2.0, 1e-18, 1e-24))


# --- each limit, from both sides


SIDES: dict[str, tuple[Any, Any, float]] = {
    **{
        name: (z_prime(1e-10), z_prime(6e-8), value)
        for name, value in (
            ("belle2_2021", 4.1e-5),
            ("babar_kp", 1.6e-5),
            ("babar_kp_had", 3.7e-5),
            ("babar_kp_sl", 1.3e-5),
            ("belle_kp_sl", 1.9e-5),
            ("belle_kp_had", 5.5e-5),
            ("babar_k0", 4.9e-5),
            ("babar_k0_had", 8.1e-5),
            ("babar_k0_sl", 5.6e-5),
            ("belle_k0_sl", 2.6e-5),
            ("babar_k", 3.2e-5),
            ("belle_kstp_had", 4.0e-5),
            ("belle_kstp_sl", 6.1e-5),
            ("babar_kstp", 6.4e-5),
            ("babar_kstp_had", 1.16e-4),
            ("belle_kst0_sl", 1.8e-5),
            ("belle_kst0_had", 5.5e-5),
            ("babar_kst0_had", 9.3e-5),
            ("babar_kst0", 1.2e-4),
            ("babar_kst", 7.9e-5),
            ("belle_kst", 2.7e-5),
        )
    },
    "bs_inv": (
        ({"name": "scalar_dm", "m_phi": 0.5, "gP": 1e-8}, "B0 -> K*0"),
        ({"name": "scalar_dm", "m_phi": 0.5, "gP": 3e-7}, "B0 -> K*0"),
        5.6e-4,
    ),
    "na62_x": (dark_higgs(0.05, 8e-5), dark_higgs(0.05, 1.2e-4), 1.62e-11),
    "na62_x_pi0": (dark_higgs(0.13, 7e-4), dark_higgs(0.13, 9e-4), 9.3e-10),
    "e949_x": (dark_higgs(0.05, 2e-4), dark_higgs(0.05, 3e-4), 9.1e-11),
    "koto_x_2018": (dark_higgs(0.05, 5e-4), dark_higgs(0.05, 7e-4), 2.23e-9),
    "koto_x": (dark_higgs(0.135, 4e-4), dark_higgs(0.135, 6e-4), 1.6e-9),
    "lhcb_kmumu": (visible_higgs(1e-4), visible_higgs(1e-3), 3.8e-10),
    "lhcb_kstmumu": (visible_higgs(1e-4), visible_higgs(1e-3), 1.0e-9),
    "lhcb_kmumu_prompt": (dark_photon(1e-3), dark_photon(1e-9), 3.6e-9),
    "hinv_atlas": (L_mu_tau(0.0115, 5e-4, 6e-3), L_mu_tau(0.0115, 5e-4, 7e-3), 0.107),
    "hinv_cms": (L_mu_tau(0.0115, 5e-4, 7e-3), L_mu_tau(0.0115, 5e-4, 8e-3), 0.15),
    "hinv_talk": (L_mu_tau(0.0115, 5e-4, 7e-3), L_mu_tau(0.0115, 5e-4, 7.3e-3), 0.13),
    "amu": (L_mu_tau(0.0115, 3.7e-4), L_mu_tau(0.0115, 4.0e-4), 1.4328e-9),
    "ccfr": (L_mu_tau(0.0115, 8.7e-4), L_mu_tau(0.0115, 9.3e-4), 1.38),
    "neff_planck": (L_mu_tau(0.02, 1e-4), L_mu_tau(0.0115, 1e-4), 0.2256),
    "neff_h0": (L_mu_tau(0.0115, 1e-4), L_mu_tau(0.008, 1e-4), 0.5),
    "cmb_2018": (annihilating(7.9e-27), annihilating(8.1e-27), 3.2e-28),
    "cmb_2015": (annihilating(1.0e-26), annihilating(1.05e-26), 4.1e-28),
    "bbn_tau": ({"name": "alp", "m_a": 2.0, "f_a": 5e10}, {"name": "alp", "m_a": 2.0, "f_a": 6e10}, 0.1),
    "lyman_alpha": (frozen_in(1.6e-5), frozen_in(1.4e-5), 15e-6),
    "pandax_migdal": (heavy_psi(1e-6), heavy_psi(1e-4), 1e-39),
    "bullet": (massive_psi(0.002), massive_psi(0.001), 1.25),
}
"""A point inside and one beyond each limit, and the limit there."""


def points(entry: Any) -> Card:
    if isinstance(entry, Card):
        return entry
    return card(*entry) if isinstance(entry, tuple) else card(entry)


def test_every_limit_has_a_point_on_either_side() -> None:
    assert SIDES.keys() == LIMITS.keys()


@pytest.mark.parametrize("limit_id", SIDES)
def test_both_sides(limit_id: str) -> None:
    inside, beyond, expected = SIDES[limit_id]
    limit = LIMITS[limit_id]
    allowed, exceeded = (of(constraints(points(entry)), limit_id) for entry in (inside, beyond))
    assert exceeded.value == pytest.approx(expected, rel=0.02)
    assert allowed.verdict == "allowed"
    assert exceeded.verdict == ("excluded" if limit.decides else "indicative")
    for check in (allowed, exceeded):
        assert check.value is not None
        upper = check.observable.value / check.value
        assert check.ratio == pytest.approx(upper if limit.bound == "upper" else 1.0 / upper, rel=1e-12)
    assert allowed.ratio is not None
    assert exceeded.ratio is not None
    assert allowed.ratio < 1.0 < exceeded.ratio


def test_unverified_limits_never_decide() -> None:
    """A point beyond limits of that kind alone stays allowed, and says so."""
    found = constraints(card({"name": "alp", "m_a": 2.0, "f_a": 1e13}))
    assert of(found, "bbn_tau").verdict == "indicative"
    assert not found.excluded
    assert found.verdict.startswith("allowed by all")
    assert found.verdict.endswith("indications against it: bbn_tau")
    assert {limit.id for limit in all_limits() if limit.status == "unverified"} >= {"bbn_tau", "ccfr", "cmb_2015"}
    assert not any(limit.decides for limit in all_limits() if limit.status == "unverified" or limit.superseded_by)


def test_superseding_limits_exist() -> None:
    newer = {limit.superseded_by for limit in all_limits() if limit.superseded_by}
    assert newer - {"belle2_likelihood"} <= LIMITS.keys()  # the likelihood is `bkgen fit`


def test_within_the_accuracy_of_a_prediction_nothing_is_excluded() -> None:
    """Delta N_eff = 0.25 +- 0.05 against 0.226."""
    check = of(constraints(card(L_mu_tau(0.0135, 1e-4))), "neff_planck")
    assert check.value is not None
    assert 0.0 < check.observable.value - check.value < 0.05
    assert check.verdict == "indicative"


# --- predictions


def test_the_standard_model_is_added_once() -> None:
    """B -> K(*) inv is SM + new; the models sm and wet contain the SM."""
    names = [f"BR({decay} inv)" for decay in ("B+ -> K+", "B0 -> K0", "B+ -> K*+", "B0 -> K*0")]
    predictions = []
    for model in ({"name": "sm"}, {"name": "wet"}, z_prime(1e-16)):
        found = constraints(card(model))
        values = {check.observable.name: check.observable.value for check in found.checks}
        predictions.append([values[name] for name in names])
    assert predictions[0] == pytest.approx(predictions[1], rel=1e-6)
    assert predictions[0] == pytest.approx(predictions[2], rel=1e-6)


def test_dark_photon_and_the_limit_on_Kst0() -> None:
    """With ratio 1.49 of K*0 to K0 and 0.95e-5 of the SM, BR(B+ -> K+ X) up to about 0.6e-5 is allowed."""
    model = dark_photon(1e-3, m_X=2.0)
    data = {"schema": 1, "channel": "B+ -> K+", "form_factors": "GRvDV2023", "detector": "ideal"}
    at = {}
    for BR in (5.0e-6, 6.9e-6):
        g_bs = math.sqrt(BR / 4.82e10)
        there = card_from_dict({**data, "model": {**model, "g_bs": g_bs}})
        assert {q.name: q.value for q in rates(there)}["BR(B+ -> K+ X)"] == pytest.approx(BR, rel=0.01)
        at[BR] = of(constraints(there), "belle_kst0_sl").verdict
    assert at == {5.0e-6: "allowed", 6.9e-6: "excluded"}


def test_the_channel_of_the_card_does_not_matter() -> None:
    first, second = (constraints(card(z_prime(1e-8), decay)) for decay in ("B+ -> K+", "B0 -> K*0"))
    assert {c.observable.name: c.observable.value for c in first.checks} == pytest.approx(
        {c.observable.name: c.observable.value for c in second.checks}, rel=1e-12
    )


def test_bs_at_rest() -> None:
    """A card of Bs -> phi, whose other channels are at rest too."""
    data = {"schema": 1, "model": z_prime(1e-8), "channel": "Bs -> phi", "beam": "rest"}
    assert of(constraints(card_from_dict(data)), "belle_kst0_sl").observable.value > 1e-5


def test_complex_dark_matter_counts_half_and_invisible_energy_not() -> None:
    channel_ = s_wave(1e-26, 10.0)
    own = FreezeOut("S", 10.0, 1.0, True, (channel_,))
    both = FreezeOut("X", 10.0, 1.0, False, (channel_,))
    dark = FreezeOut("X", 10.0, 1.0, False, (AnnihilationChannel("nu nu~", channel_.sigma, visible=0.0),))
    semi = SemiAnnihilation("X", 10.0, 1.0, (), (AnnihilationChannel("Xbar Zp", channel_.sigma, visible=0.25),))
    values = [visible_sigma_v(candidate) for candidate in (own, both, dark, semi)]
    assert values == pytest.approx([1e-26, 0.5e-26, 0.0, 0.125e-26], rel=1e-6, abs=0.0)


def test_a_part_of_the_dark_matter_counts_as_such() -> None:
    """Omega h^2 of an s wave goes like 1/sigma v, so that p_ann falls with it where the candidate is a part only."""
    values = {}
    for sigma_v in (2e-26, 4e-25, 8e-25):
        (values[sigma_v],) = [c for c in constraints(annihilating(sigma_v)).checks if c.observable.key == "p_ann"][:1]
    assert "of the dark matter" not in values[2e-26].observable.caveat
    assert values[2e-26].observable.value == pytest.approx(0.4 * 2e-26 / 10.0, rel=1e-6)
    assert "for 0.0" in values[4e-25].observable.caveat
    assert values[4e-25].observable.value / values[8e-25].observable.value == pytest.approx(2.0, rel=0.1)


def test_p_waves_do_not_matter_at_recombination() -> None:
    def sigma(s: FloatArray) -> FloatArray:
        return np.asarray(1e-8 * np.sqrt(np.maximum(1.0 - 4.0 * 100.0 / s, 0.0)))

    candidate = FreezeOut("S", 10.0, 1.0, True, (AnnihilationChannel("p wave", sigma),))
    assert s_of_velocity(0.0, 10.0) == 400.0
    assert annihilation_parameter(candidate) < 1e-8 * 1e-8 * GEV_M2_TO_CM3_PER_S


def test_lightest_thermal_dark_matter() -> None:
    """cmb_mmin_feff0.4: complex dark matter with Omega h^2 = 0.12 by an s wave is excluded below 21.5 GeV."""
    mass = 21.547711153935364
    universe = Universe(C, DegreesOfFreedom.named("SS"))

    def omega(log_sigma_v: float) -> float:
        candidate = FreezeOut("X", mass, 1.0, False, (s_wave(math.exp(log_sigma_v), mass),))
        return freeze_out(candidate, universe).omega_h2 - 0.12

    from scipy.optimize import brentq

    thermal = math.exp(brentq(omega, math.log(3e-26), math.log(7e-26), xtol=1e-5))
    candidate = FreezeOut("X", mass, 1.0, False, (s_wave(thermal, mass),))
    assert annihilation_parameter(candidate, f_eff=0.4) == pytest.approx(4.1e-28, rel=0.007)


def test_scattering_in_its_limits() -> None:
    """Heavy nucleus, light electron, and 1.8e-45 cm^2 off xenon."""
    arguments = (0.01, 1e-5, 2.0)
    v = direct_detection.HALO_VELOCITY
    heavy = direct_detection.axial_exchange(*arguments, m_dm=0.1, m_target=1e5, v=v)
    assert heavy == pytest.approx(direct_detection.nucleus_limit(*arguments, m_dm=0.1, v=v), rel=1e-5)
    e_eps = math.sqrt(4.0 * math.pi * C.alpha_0) * 1e-5
    light = direct_detection.axial_exchange(0.01, e_eps, 2.0, m_dm=1e4, m_target=C.m_e, v=v)
    assert light == pytest.approx(direct_detection.electron_limit(0.01, 1e-5, 2.0, v, C), rel=1e-5)


def test_proton_and_neutron_couplings() -> None:
    """Pure kinetic mixing couples to the charge; eps_Z to -1 for the neutron and 1 - 4 s_W^2 for the proton."""
    e = math.sqrt(4.0 * math.pi * C.alpha_0)
    assert direct_detection.quark_vector_charges(1e-4, 0.0, C) == pytest.approx((1e-4 * e, 0.0), abs=1e-18)
    b_p, b_n = direct_detection.quark_vector_charges(0.0, 1e-4, C)
    assert b_p / b_n == pytest.approx(-(1.0 - 4.0 * C.s2w), rel=1e-12)


@pytest.mark.parametrize(("m_psi", "alpha_X", "sigma"), [(0.1, 3e-4, None), (0.8, 3e-4, 3e-36)])
def test_higgs_exchange(m_psi: float, alpha_X: float, sigma: float | None) -> None:
    """lambda^2 (f_N m_N sin/v)^2 mu^2/(pi m_phi^4) for m_phi far below m_h."""
    sin_theta, m_phi, m_X = 1.3e-4, 0.004, 2.0
    coupling = 2.0 * math.sqrt(4.0 * math.pi * alpha_X) * m_psi / m_X
    mu = m_psi * C.m_N / (m_psi + C.m_N)
    found = direct_detection.higgs_exchange_fermion(coupling, m_psi, m_phi, sin_theta, C)
    plain = (coupling * C.f_N * C.m_N * sin_theta * mu / C.v_EW) ** 2 / (math.pi * m_phi**4)
    assert found == pytest.approx(plain, rel=1e-6)
    if sigma is not None:
        assert found * GEV_M2_TO_CM2 == pytest.approx(sigma, rel=0.5)


def test_higgs_exchange_of_scalars() -> None:
    """A complex scalar from the relativistic amplitude at rest; the singlet is a scalar without mixing."""
    a, m, m_1, s = 0.3, 5.0, 2.0, 0.01
    amplitude = a * s * math.sqrt(1.0 - s * s) * (m_1**-2 - C.m_h**-2) * C.f_N * C.m_N / C.v_EW * 2.0 * C.m_N
    at_rest = amplitude**2 / (16.0 * math.pi * (m + C.m_N) ** 2)
    assert direct_detection.higgs_exchange_scalar(a, m, m_1, s, C) == pytest.approx(at_rest, rel=1e-12)
    amplitude = 2.0 * 0.1 * C.v_EW / C.m_h**2 * C.f_N * C.m_N / C.v_EW * 2.0 * C.m_N
    at_rest = amplitude**2 / (16.0 * math.pi * (m + C.m_N) ** 2)
    assert direct_detection.higgs_exchange_singlet(0.1, m, C) == pytest.approx(at_rest, rel=1e-12)


def test_self_interaction_falls_with_velocity() -> None:
    """By angular integration of the symmetric and antisymmetric amplitudes."""
    alpha_X, m, m_X, m_phi, v = 0.002, 0.5, 2.0, 0.004, 0.02
    cos, weight = np.polynomial.legendre.leggauss(200)
    p = 0.5 * m * v
    direct, exchanged = (1.0 / (m_phi**2 + 2.0 * p * p * (1.0 - sign * cos)) for sign in (1.0, -1.0))
    squared = 0.25 * (direct + exchanged) ** 2 + 0.75 * (direct - exchanged) ** 2
    at_rest = 0.25 * (2.0 / m_phi**2) ** 2
    expected = float(np.sum(weight * squared)) / (2.0 * at_rest)
    ratio = self_interaction.by_dark_higgs(alpha_X, m, m_X, m_phi, v) / self_interaction.by_dark_higgs(
        alpha_X, m, m_X, m_phi
    )
    assert ratio == pytest.approx(expected, rel=1e-9)
    slow = self_interaction.by_dark_higgs(alpha_X, m, m_X, m_phi, self_interaction.CLUSTER_VELOCITY)
    assert slow * GEV_M3_TO_CM2_PER_G == pytest.approx(0.57, rel=0.01)


def test_a_strong_self_coupling_is_said_not_to_be_born() -> None:
    found = constraints(card(dark_photon(0.05, m_phi=0.004)))
    assert "Born approximation outside its range" in of(found, "bullet").observable.caveat


def test_bs_to_fermions_and_scalars() -> None:
    """The axial coupling as in Bs -> mu mu: G_F-free form f^2 m_B m^2 beta |g|^2/(2 pi); S and P as for scalars."""
    m, g, beta = 0.5, 1e-8, math.sqrt(1.0 - 4.0 * 0.25 / C.m_Bs**2)
    axial = bs_to_invisible.to_fermions(m, 0.0, 0.0, g, False, C)
    assert axial == pytest.approx(g**2 * C.f_Bs**2 * C.m_Bs * m**2 * beta / (2.0 * math.pi), rel=1e-12)
    assert bs_to_invisible.to_fermions(0.0, 0.0, 0.0, g, False, C) == 0.0
    scalar, pseudo = (bs_to_invisible.to_fermions(m, *gs, 0.0, False, C) for gs in ((g, 0.0), (0.0, g)))
    assert scalar / pseudo == pytest.approx(beta**2, rel=1e-12)
    assert bs_to_invisible.to_fermions(m, g, 0.0, 0.0, True, C) == 2.0 * scalar
    one = bs_to_invisible.to_scalars(m, g, False, C)
    assert bs_to_invisible.to_scalars(m, g, True, C) == 0.5 * one
    assert scalar / one == pytest.approx(2.0 * C.m_Bs**2 * beta**2, rel=1e-12)


def test_the_mass_of_phi_and_its_lifetime() -> None:
    m_phi = dark_observables.smallest_dark_higgs_mass(0.1, 1.3e-4, C)
    assert dark_observables.dark_higgs_lifetime(m_phi, 1.3e-4, C) == pytest.approx(0.1, rel=1e-9)
    assert dark_observables.dark_higgs_lifetime(0.004, 1.3e-4, C) == pytest.approx(0.063, rel=0.01)
    with pytest.raises(ValueError, match="no mass"):
        dark_observables.smallest_dark_higgs_mass(1e-30, 0.5, C)


def test_the_lifetime_of_phi_is_bounded() -> None:
    verdicts = [
        [c.verdict for c in constraints(card(heavy_psi(s))).checks if c.observable.name == "tau(phi)"]
        for s in (1.3e-4, 1e-5)
    ]
    assert verdicts == [["allowed"], ["indicative"]]


def test_sin_theta_of_the_dark_photon_needs_phi() -> None:
    with pytest.raises(InputError, match="give m_phi too"):
        card(dark_photon(1e-3, sin_theta=1e-4))


# --- curves


def kaon(mass: float, lifetime: float = math.inf, invisible: float = 1.0) -> Observable:
    return Observable("BR(K+ -> pi+ X)", 1.0, mass=mass, lifetime=lifetime, invisible=invisible)


def test_curves_at_their_nodes_and_between() -> None:
    """Rows of the tables; a lifetime in the middle of two rows, in the logarithm, gives the mean of the logarithms."""
    na62 = LIMITS["na62_x"]
    assert na62.at(kaon(0.0)) == pytest.approx(2.9114e-11)
    assert na62.at(kaon(0.0, 2e-10, 0.0)) == pytest.approx(3.3213e-11)
    rows = [na62.at(kaon(0.2, tau, 0.0)) for tau in (5e-10, math.sqrt(5e-10 * 1e-9), 1e-9)]
    assert rows[0] is not None
    assert rows[2] is not None
    assert rows[1] == pytest.approx(math.sqrt(rows[0] * rows[2]), rel=1e-9)


@pytest.mark.parametrize("mass", [0.11, 0.13, 0.154, 0.26, 0.3])
def test_no_limit_in_the_gap_and_beyond_the_end(mass: float) -> None:
    assert LIMITS["na62_x"].at(kaon(mass)) is None


@pytest.mark.parametrize(
    ("limit_id", "mass", "lifetime"),
    [
        ("lhcb_kmumu", 0.45, 1e-11),
        ("lhcb_kmumu", 3.1, 1e-11),
        ("lhcb_kmumu", 2.0, 1e-14),
        ("lhcb_kmumu", 2.0, 1e-8),
        ("lhcb_kmumu", 4.8, 1e-11),
        ("lhcb_kstmumu", 3.7, 1e-11),
        ("lhcb_kmumu_prompt", 2.5, 1e-15),
        ("lhcb_kmumu_prompt", 2.0, 1e-12),
    ],
)
def test_nothing_is_extrapolated(limit_id: str, mass: float, lifetime: float) -> None:
    limit = LIMITS[limit_id]
    assert limit.at(Observable(limit.observable, 1.0, mass=mass, lifetime=lifetime)) is None


def test_short_lived_particles_do_not_escape() -> None:
    """Visible decays count for lifetimes in the table; longer than it, as the last row; the mixture in between."""
    na62 = LIMITS["na62_x"]
    stable, short = na62.at(kaon(0.2)), na62.at(kaon(0.2, 2e-10, 0.0))
    assert stable is not None
    assert short is not None
    assert short > 30.0 * stable
    assert na62.at(kaon(0.2, 1e-13, 0.0)) is None
    assert na62.at(kaon(0.2, 1e-13, 0.25)) == pytest.approx(4.0 * stable, rel=1e-9)
    assert na62.at(kaon(0.2, 2e-10, 0.5)) == pytest.approx(2.0 / (1.0 / stable + 1.0 / short), rel=1e-9)
    assert na62.at(kaon(0.2, 1e-6, 0.0)) == pytest.approx(na62.at(kaon(0.2, 5e-9, 0.0)), rel=1e-9)
    koto = LIMITS["koto_x"]
    half = Observable("BR(K_L -> pi0 X)", 1.0, mass=0.135, lifetime=1e-9, invisible=0.5)
    assert koto.at(half) == pytest.approx(3.2e-9)


@pytest.mark.parametrize("limit", [x for x in all_limits() if x.curve is not None], ids=lambda x: x.id)
def test_curves_are_sound(limit: Limit) -> None:
    curve = limit.curve
    assert curve is not None
    for masses, values in zip(curve.masses, curve.values, strict=True):
        assert np.all(np.diff(masses) > 0.0)
        assert np.all((values > 0.0) & (values < 1.0))
        for low, high in curve.gaps:
            assert not np.any((masses > low) & (masses < high))


# --- third-party models


class Foreign(LightZPrime):
    """A model of another package with predictions of its own."""

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        yield Observable("Delta a_mu", 5e-9)
        yield Observable("sigma(X e)", 1e-40, "cm^2", informative=True)
        yield Observable("of no interest", 1.0)


def test_a_foreign_model_is_compared_without_touching_bkgen() -> None:
    foreign = card(z_prime(1e-9)).model_copy(update={"model": Foreign(name="light_z_prime", m_Zp=2.0, g_V=1e-9)})
    found = constraints(foreign)
    assert of(found, "amu").verdict == "excluded"
    assert [check.observable.name for check in found.checks if check.verdict == "no limit"] == ["sigma(X e)"]


def test_dark_matter_that_cannot_be_predicted_is_a_warning() -> None:
    class Refusing(LightZPrime):
        def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
            raise InputError("too many particles")

    model = Refusing(name="light_z_prime", m_Zp=2.0, g_V=1e-9)
    found = constraints(card(z_prime(1e-9)).model_copy(update={"model": model}))
    assert found.warnings == ("no limits from the annihilation or production of dark matter: too many particles",)


# --- the command


def test_command_and_python(tmp_path: Any) -> None:
    path = "cards/dark_higgs.yaml"
    found = bkgen.constraints(bkgen.load_card(path))
    table = CliRunner().invoke(app, ["constraints", path])
    assert table.exit_code == 0
    assert table.stdout.splitlines()[-1] == found.verdict
    assert "superseded" not in table.stdout
    assert "babar_kp_sl" not in found.verdict
    everything = CliRunner().invoke(app, ["constraints", path, "--all"])
    assert everything.stdout.count("superseded by") >= 5
    answer = json.loads(CliRunner().invoke(app, ["constraints", path, "--json"]).stdout)
    assert answer["command"] == "constraints"
    assert answer["verdict"] == found.verdict
    assert len(answer["constraints"]) == len(found.checks)
    assert answer["quantities"]["excluded"]["value"] is found.excluded
    strongest = found.strongest
    assert strongest is not None
    assert answer["quantities"]["strongest ratio"]["value"] == strongest.ratio
    assert answer["quantities"]["strongest ratio"]["source"] == "neff_planck"


def test_one_limit_on_two_particles_is_one_ratio() -> None:
    """tau(X) and tau(phi) are both bounded by nucleosynthesis: the largest ratio is the answer."""
    found = constraints(card(heavy_psi(1e-5)))
    ratios = [quantity for quantity in found.quantities() if quantity.name == "ratio(bbn_tau)"]
    assert len(ratios) == 1
    assert ratios[0].value == of(found, "bbn_tau").ratio


def test_channels_are_known() -> None:
    """Names of limits on B decays are those of channels, so that no limit is lost by a misspelling."""
    for limit in all_limits():
        if limit.observable.startswith(("BR(B+", "BR(B0")):
            name = limit.observable.removeprefix("BR(").rpartition(")")[0].split(")")[0].rpartition(" ")[0]
            assert channel(name).production is not None
