"""The axion-like particle: K* and phi channels, thresholds, the two normalisations of dark matter, decay modes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from four_vectors import INPUTS, MILLION, columns_of, sample_of
from scipy.stats import kstest

import bkgen
from bkgen import loops, widths
from bkgen.channels import CHANNELS, channel
from bkgen.formfactors import form_factor_set
from bkgen.generator import Beam
from bkgen.kinematics import two_body_momentum
from bkgen.models.alp import ALP
from bkgen.quantities import mean_survival

C = INPUTS.constants
VECTORS = [name for name, decay in CHANNELS.items() if decay.spin == 1]


def alp(**changes: Any) -> ALP:
    return ALP(**{"name": "alp", "m_a": 2.0, "f_a": 1e8, **changes})


def messages(model: ALP, name: str) -> dict[str, str]:
    return {".".join(problem.path): problem.message for problem in model.check(channel(name), INPUTS)}


# --- B -> K* a, Bs -> phi a


@pytest.mark.parametrize("name", VECTORS)
def test_vector_rate(name: str) -> None:
    """arXiv:2502.04900 eq. (9) with the mass of the vector: |k|^3 A_0^2 |C_A|^2/(8 pi f_a^2)."""
    decay = channel(name)
    k = two_body_momentum(decay.m_B(C), decay.m_H(C), 2.0)
    A_0 = form_factor_set("BSZ2015", decay.transition).A_0(4.0)
    expected = k**3 * A_0**2 * 0.7**2 / (8.0 * math.pi * 1e16)
    (line,) = alp(C_q=3.0, C_V_sb=5.0, C_A_sb=-0.7).spectrum(decay, INPUTS).lines
    assert line.mass == 2.0
    assert line.rate() == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert np.flatnonzero(line.coefficients).tolist() == [1]


def test_each_current_drives_its_channel() -> None:
    """C_V_sb acts in B -> K alone, C_A_sb in B -> K* alone; both are C_q unless given."""
    for name, own, other in (("B+ -> K+", "C_V_sb", "C_A_sb"), ("B0 -> K*0", "C_A_sb", "C_V_sb")):
        base = alp(C_q=2.0).spectrum(channel(name), INPUTS).rate()
        assert alp(C_q=2.0, **{other: 0.0}).spectrum(channel(name), INPUTS).rate() == base
        assert alp(C_q=7.0, **{own: 2.0}).spectrum(channel(name), INPUTS).rate() == base
        assert messages(alp(**{own: 0.0}), name)[own].endswith(f"give {own} or C_q")
        assert not messages(alp(**{other: 0.0}), name)


def test_light_z_prime_becomes_an_alp() -> None:
    """A light Z' of dimension 4 is longitudinal and has the rate of an ALP with f_a = m/g_A, at q2 -> 0."""
    from bkgen.models.light_z_prime import LightZPrime

    m, decay = 1e-3, channel("B0 -> K*0")
    vector = LightZPrime(name="light_z_prime", m_Zp=m, g_A=1e-9).spectrum(decay, INPUTS).rate()
    assert vector == pytest.approx(alp(m_a=m, f_a=m / 1e-9).spectrum(decay, INPUTS).rate(), rel=1e-4, abs=0.0)


def test_kstar_events() -> None:
    """A longitudinal K*, cos^2(theta_K); the chi chibar pair and the azimuth are flat; displaced decays."""
    model = alp(f_a=1e7, C_chi=50.0, m_chi=0.01)
    sample = sample_of(model, events=MILLION // 5, channel="B0 -> K*0")
    columns = columns_of(sample)
    pairs = columns["mode"] == 0
    assert sample.modes[0].name == "chi chibar"
    assert kstest(columns["cos_theta_K"][:20_000], lambda c: 0.5 * (1.0 + c**3)).pvalue > 1e-4
    assert kstest(columns["cos_theta"][pairs][:20_000], lambda c: 0.5 * (1.0 + c)).pvalue > 1e-4
    assert kstest(columns["azimuth"][pairs][:20_000], lambda p: 0.5 * (1.0 + p / math.pi)).pvalue > 1e-4
    beam = Beam()
    survival = mean_survival(np.array([4.0]), channel("B0 -> K*0"), INPUTS, sample.ctau, 3.5, beam.sqrt_s, beam.boost)
    expected = sample.br_invisible + (1.0 - sample.br_invisible) * float(survival[0])
    error = float(np.std(columns["p_invisible"])) / math.sqrt(len(pairs))
    assert abs(float(np.mean(columns["p_invisible"])) - expected) < 4.0 * error
    assert 0.1 < expected < 0.9


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_has_rates(name: str) -> None:
    """BR(B -> hadron a) falls to 0 at its own threshold, where the model ends."""
    beam = {} if channel(name).production else {"beam": "rest"}
    card = bkgen.load_card(
        {"schema": 1, "model": {"name": "alp", "m_a": 1.6, "f_a": 1e8}, "channel": name, **beam, "detector": "ideal"}
    )
    end = channel(name).m_B(C) - channel(name).m_H(C)
    near = [bkgen.rates(card.with_model(m_a=end - below))[0].value for below in (1e-3, 1e-5, 1e-7)]
    power = 1.5 if channel(name).spin else 0.5
    assert near[0] / near[1] == pytest.approx(100.0**power, rel=0.01)
    assert near[1] / near[2] == pytest.approx(100.0**power, rel=0.01)
    hadron = {"K": "K", "Kst": "K*", "phi": "phi"}[channel(name).prefix]
    assert messages(alp(m_a=end), name)["m_a"].startswith(f"must be below m_B - m_{hadron} = {end:.5f}")


# --- decays of a


@pytest.mark.parametrize(
    ("pair", "m_f"), [("s sbar", C.m_s), ("c cbar", C.m_c), ("mu+ mu-", C.m_mu), ("tau+ tau-", C.m_tau)]
)
def test_widths_open_at_their_thresholds(pair: str, m_f: float) -> None:
    """Closed at and below 2 m_f, then like beta; the total and the loops pass through without a step."""
    below, at, above = (alp(m_a=2.0 * m_f * (1.0 + x), C_l=1.0).widths(INPUTS) for x in (-1e-12, 0.0, 1e-12))
    assert pair not in below.partial
    assert pair not in at.partial
    assert above.total == pytest.approx(below.total, rel=1e-3, abs=0.0)
    small, large = (alp(m_a=2.0 * m_f * (1.0 + x), C_l=1.0).widths(INPUTS).partial[pair] for x in (1e-8, 1e-6))
    assert large / small == pytest.approx(10.0, rel=1e-4)


@pytest.mark.parametrize("quark", ["u", "d", "s", "c", "b"])
def test_loops_are_continuous_at_thresholds(quark: str) -> None:
    """B has a square root at x = 1, no step."""
    m_a = 2.0 * getattr(C, f"m_{quark}")
    for loop in (lambda m: loops.C_G_eff(m, 1.0, C), lambda m: loops.C_gamma_eff(m, 1.0, 1.0, C)):
        middle = loop(m_a)
        for shift, size in ((1e-8, 1e-3), (1e-12, 1e-5)):
            assert abs(loop(m_a * (1.0 + shift)) - middle) < size
            assert abs(loop(m_a * (1.0 - shift)) - middle) < size


def test_two_normalisations_of_majorana_dark_matter() -> None:
    """The prefactor of the Dirac Lagrangian doubles the width; an extra 1/2 is C_chi/2 and halves it."""
    dirac = alp(C_chi=1.0, m_chi=0.3).widths(INPUTS).partial["chi chibar"]
    same = alp(C_chi=1.0, m_chi=0.3, majorana=True).widths(INPUTS).partial["chi chibar"]
    half = alp(C_chi=0.5, m_chi=0.3, majorana=True).widths(INPUTS).partial["chi chibar"]
    assert same == pytest.approx(2.0 * dirac, rel=1e-14, abs=0.0)
    assert half == pytest.approx(0.5 * dirac, rel=1e-14, abs=0.0)


def test_decay_modes() -> None:
    """Dark matter, photons and leptons have daughters; gluons and quarks are one mode; all but the first are seen."""
    model = alp(m_a=4.0, C_l=1.0, C_chi=1.0, m_chi=0.3)
    modes, total = {mode.name: mode for mode in model.modes(INPUTS)}, model.widths(INPUTS)
    assert list(modes) == ["chi chibar", "gamma gamma", "e+ e-", "mu+ mu-", "tau+ tau-", "hadrons"]
    assert [mode.invisible for mode in modes.values()] == [True, False, False, False, False, False]
    codes = {name: mode.pdg for name, mode in modes.items()}
    assert codes["gamma gamma"] == (22, 22)
    assert (codes["e+ e-"], codes["mu+ mu-"], codes["tau+ tau-"]) == ((11, -11), (13, -13), (15, -15))
    assert (modes["hadrons"].topology, codes["hadrons"]) == ("none", ())
    assert modes["mu+ mu-"].masses == (C.m_mu, C.m_mu)
    hadronic = sum(total.partial[name] for name in ("g g", "u ubar", "d dbar", "s sbar", "c cbar"))
    assert modes["hadrons"].branching_fraction == pytest.approx(hadronic / total.total, rel=1e-14)
    assert "tau+ tau-" not in {mode.name for mode in alp(m_a=3.5, C_l=1.0).modes(INPUTS)}


def test_displaced_muons() -> None:
    """Muon pairs have the mass of a, are back to back and flat in its frame, and their vertex is displaced."""
    sample = sample_of(alp(m_a=1.6, C_q=0.0, C_V_sb=1.0, C_l=100.0), events=20_000)
    columns = columns_of(sample)
    names = [mode.name for mode in sample.modes]
    muons = columns["mode"] == names.index("mu+ mu-")
    assert muons.mean() > 0.99
    d1, d2 = (np.stack([columns[f"{d}_{x}"][muons] for x in ("E", "px", "py", "pz")]) for d in ("d1", "d2"))
    total = d1 + d2
    mass2 = total[0] ** 2 - (total[1:] ** 2).sum(axis=0)
    assert mass2 == pytest.approx(1.6**2, rel=1e-9)
    assert kstest(columns["cos_theta"][muons], lambda c: 0.5 * (1.0 + c)).pvalue > 1e-4
    assert np.all(columns["X_decay_t"] > 0.0)
    assert not np.any(columns["accepted"] & (columns["p_invisible"] == 0.0))


def test_branching_fractions_in_rates() -> None:
    """BR(a -> channel) for every partial width; they sum to 1."""
    data = {"schema": 1, "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_l": 1.0}, "channel": "B+ -> K+"}
    found = {q.name: q.value for q in bkgen.rates(bkgen.load_card(data)) if isinstance(q.value, float)}
    for name, value in found.items():
        if name.startswith("Gamma(a -> "):
            assert found[name.replace("Gamma", "BR")] == pytest.approx(value / found["Gamma(a)"], rel=1e-14, abs=0.0)
    fractions = [value for name, value in found.items() if name.startswith("BR(a -> ") and name != "BR(a -> inv)"]
    assert math.fsum(fractions) == pytest.approx(1.0, rel=1e-14)


# --- limits of the model


@pytest.mark.parametrize("f_a", [1e-200, 1e-160, 1e200])
def test_no_finite_rate_is_refused(f_a: float) -> None:
    assert "no finite rate in B+ -> K+" in messages(alp(f_a=f_a), "B+ -> K+")["f_a"]


def test_broad_alp_is_a_warning() -> None:
    (text,) = alp(f_a=1.0).warnings(channel("B+ -> K+"), INPUTS)
    assert text.endswith("GeV: a narrow line is used outside its range (below 1 MeV)")
    assert not list(alp().warnings(channel("B+ -> K+"), INPUTS))


def test_numbers_of_the_card_comments() -> None:
    """Figures that cards/alp.yaml and the errata quote, beside those of arXiv:2502.04900."""
    data: dict[str, Any] = {"schema": 1, "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8}, "channel": "B+ -> K+"}
    card = bkgen.load_card(data)
    assert bkgen.rates(card)[0].value == pytest.approx(2.05e-5, rel=2e-3)
    assert bkgen.solve(card, "f_a", 9e-6).parameter.value == pytest.approx(1.51e8, rel=2e-3)
    assert bkgen.solve(card, "f_a", 5e-6).parameter.value == pytest.approx(2.02e8, rel=2e-3)
    assert bkgen.solve(card, "f_a", 1.1e-5).parameter.value == pytest.approx(1.36e8, rel=4e-3)
    assert bkgen.solve(card, "f_a", 4e-6).parameter.value == pytest.approx(2.26e8, rel=4e-3)
    for set_, charged, neutral in (("BSZ2015", 5.31e7, 5.11e7), ("GRvDV2023", 4.90e7, 4.71e7)):
        for name, bound in (("B+ -> K*+", charged), ("B0 -> K*0", neutral)):
            other = bkgen.load_card({**data, "channel": name, "form_factors": set_})
            assert bkgen.solve(other, "f_a", 7.9e-5).parameter.value == pytest.approx(bound, rel=2e-3)


def test_width_of_a_zero_coupling() -> None:
    """A lepton-phobic ALP has no leptonic channels, not channels of width 0."""
    assert not {name for name in alp().widths(INPUTS).partial if "+" in name}
    assert widths.a_to_ff(2.0, C.m_mu, 0.0, 1e8) == 0.0
