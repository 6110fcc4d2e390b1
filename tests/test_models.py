"""Models: rates and shapes against formulas written again here, decay modes, thresholds, refusals and plug-ins."""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from bkgen import models
from bkgen.card import card_from_dict
from bkgen.channels import CHANNELS, Channel, channel
from bkgen.constants import Constants
from bkgen.dark_matter import DecayMode
from bkgen.errors import InputError
from bkgen.formfactors import Inputs, form_factor_set
from bkgen.generator import Job, Sample
from bkgen.kinematics import two_body_momentum
from bkgen.models.alp import ALP
from bkgen.models.base import Model
from bkgen.models.continuum import Continuum
from bkgen.models.dark_higgs import DarkHiggs, ScalarDM, Zprime
from bkgen.models.kst_toy import KstToy
from bkgen.models.light_z_prime import LightZPrime
from bkgen.models.sm import StandardModel, long_distance_width
from bkgen.spectrum import Array, integrated
from bkgen.units import HBAR, width_from_lifetime

INPUTS = Inputs.default()
C = INPUTS.constants
B_PLUS, B_ZERO = channel("B+ -> K+"), channel("B0 -> K0")
SPIN_0 = pytest.mark.parametrize("decay", [B_PLUS, B_ZERO], ids=["B+", "B0"])
TOPOLOGIES: tuple[Literal["none", "pair", "cascade"], ...] = ("none", "pair", "cascade")

BENCHMARK_X = ScalarDM(m_X=0.05, lambda_PhiX=1e-4)
BENCHMARK_ZP = Zprime(m_Zp=0.0115, g_X=1e-4, Q_Phi=3.0)


def dark_higgs(**changes: Any) -> DarkHiggs:
    return DarkHiggs(**{"name": "dark_higgs", "m_H1": 2.0, "sin_theta": 4e-3, "Zp": BENCHMARK_ZP, **changes})


def alp(**changes: Any) -> ALP:
    return ALP(**{"name": "alp", "m_a": 2.0, "f_a": 1e8, **changes})


def continuum(**changes: Any) -> Continuum:
    return Continuum(name="continuum", **changes)


POINTS: dict[str, Model] = {
    "sm": StandardModel(name="sm"),
    "sm long distance": StandardModel(name="sm", component="long_distance"),
    "dark Higgs, Z'": dark_higgs(),
    "dark Higgs, X": dark_higgs(Zp=None, X=BENCHMARK_X, v_Phi=50.0),
    "dark Higgs, both": dark_higgs(X=BENCHMARK_X),
    "dark Higgs, Z' -> X": dark_higgs(Zp=Zprime(m_Zp=0.3, g_X=1e-3, Q_Phi=1.0), X=BENCHMARK_X),
    "dark Higgs, visible only": dark_higgs(Zp=Zprime(m_Zp=1.2, g_X=1e-3, Q_Phi=1.0)),
    "ALP": alp(C_chi=5.0, m_chi=0.5),
    "ALP, Majorana": alp(C_chi=5.0, m_chi=0.5, majorana=True, C_l=1.0),
    "ALP, visible": alp(),
    "ALP, invisible": alp(C_q=0.0, C_V_sb=1.0, C_chi=1.0, m_chi=0.5),
    "ALP, stable": alp(C_q=0.0, C_V_sb=1.0),
    "light Z', d = 4": LightZPrime(name="light_z_prime", m_Zp=2.0, g_V=1e-8),
    "light Z', d = 5": LightZPrime(name="light_z_prime", m_Zp=2.0, d=5, g_V=1e-5, g_A=(0.0, 1e-5), Lambda=1e3),
    **{f"continuum, {t}": continuum(topology=t, m_d=0.1) for t in TOPOLOGIES},
    "continuum, line": continuum(m_line=2.0, line_fraction=0.3),
    **{f"kst_toy, {t}": KstToy(name="kst_toy", topology=t, m_d=0.1) for t in TOPOLOGIES},
}
every_point = pytest.mark.parametrize("model", POINTS.values(), ids=POINTS.keys())


def messages(model: Model, decay: Channel = B_PLUS) -> dict[str, str]:
    """Problems of a point by the key they point to."""
    return {".".join(problem.path): problem.message for problem in model.check(decay, INPUTS)}


def warnings_of(model: Model, decay: Channel = B_PLUS) -> list[str]:
    return list(model.warnings(decay, INPUTS))


def mode(model: Model, name: str) -> DecayMode:
    (found,) = [m for m in model.modes(INPUTS) if m.name == name]
    return found


def fractions(model: Model) -> Array:
    """Branching fractions of all modes (n_modes, rows) over the table of the spectrum in the first channel."""
    q2 = model.spectrum(channel(model.channels[0]), INPUTS).table_q2
    return np.array([m.fraction(q2) for m in model.modes(INPUTS)])


# --- every model


@every_point
def test_branching_fractions_of_modes_sum_to_one(model: Model) -> None:
    modes = model.modes(INPUTS)
    np.testing.assert_allclose(fractions(model).sum(axis=0), 1.0, rtol=1e-12)
    assert len({m.name for m in modes}) == len(modes)


@every_point
def test_modes_and_widths_agree(model: Model) -> None:
    """The invisible modes make up the invisible fraction of the widths; the width is the sum of its parts."""
    total = model.widths(INPUTS)
    if total is None:
        assert all(m.invisible for m in model.modes(INPUTS))
        return
    assert total.total == pytest.approx(math.fsum(total.partial.values()), rel=1e-14, abs=0.0)
    assert all(width > 0.0 for width in total.partial.values())
    mass = np.array([total.mass**2])
    unseen = math.fsum(float(m.fraction(mass)[0]) for m in model.modes(INPUTS) if m.invisible)
    assert unseen == pytest.approx(total.invisible_fraction, rel=1e-12)


@every_point
def test_polar_densities_are_normalised(model: Model) -> None:
    """h0 + h1 c + h2 c^2 is a probability density on [-1, 1]."""
    for polar in [polar for m in model.modes(INPUTS) for polar in m.polar]:
        density = np.polynomial.Polynomial(polar)
        assert density.integ()(1.0) - density.integ()(-1.0) == pytest.approx(1.0, rel=1e-14)
        assert density(np.linspace(-1.0, 1.0, 201)).min() >= -1e-15


@every_point
def test_points_are_valid_and_allowed(model: Model) -> None:
    """Every decay is open over the whole spectrum, which stays inside the phase space."""
    decay = channel(model.channels[0])
    assert not messages(model, decay)
    spectrum = model.spectrum(decay, INPUTS)
    assert spectrum.n_angular == decay.n_angular
    assert spectrum.rate() > 0.0
    for mode, fraction in zip(model.modes(INPUTS), fractions(model), strict=True):
        assert np.all(fraction[spectrum.table_q2 * (1.0 + 1e-12) < mode.threshold**2] == 0.0)
    assert spectrum.q2_range[1] <= decay.q2_max(C) * (1.0 + 1e-12)


@every_point
def test_channels_are_checked(model: Model) -> None:
    """Every channel that a model does not list is refused, every other one is not."""
    for other in CHANNELS.values():
        message = messages(model, other).get("channel", "")
        refused = message.startswith(f"model {model.describe_name()} has no {other.name}, only ")
        assert refused == (other.name not in model.channels)


def test_registry() -> None:
    found = models.registry()
    assert set(found) >= {"sm", "dark_higgs", "alp", "continuum", "kst_toy"}
    assert all(cls.describe_name() == name for name, cls in found.items())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_parameters_are_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite number"):
        alp(f_a=value)


# --- Standard Model


def sm_width(q2: float, c: Constants, m_B: float, m_K: float) -> Any:
    """arXiv:2402.05901 eq. (3.10)."""
    f_plus = form_factor_set("HPQCD2022", "K").f_plus(q2)
    kallen = m_B**4 + m_K**4 + q2**2 - 2.0 * (m_B**2 * m_K**2 + m_B**2 * q2 + m_K**2 * q2)
    numerator = c.G_F**2 / c.alpha_MZ_inv**2 * c.VtbVts**2 * c.X_t**2
    return numerator / (256.0 * math.pi**5 * c.s2w**2 * m_B**3) * max(kallen, 0.0) ** 1.5 * f_plus**2


@SPIN_0
def test_short_distance_rate(decay: Channel) -> None:
    m_B, m_K = decay.m_B(C), decay.m_H(C)
    exact = quad(sm_width, 0.0, (m_B - m_K) ** 2, (C, m_B, m_K), epsabs=0.0, epsrel=1e-11)[0]
    spectrum = POINTS["sm"].spectrum(decay, INPUTS)
    assert spectrum.rate() == pytest.approx(exact, rel=1e-9, abs=0.0)
    edges = np.linspace(0.0, 20.0, 5)
    pieces = [quad(sm_width, lo, hi, (C, m_B, m_K), epsabs=0.0, epsrel=1e-11)[0] for lo, hi in pairwise(edges)]
    assert spectrum.bin_integrals(edges) == pytest.approx(pieces, rel=1e-8, abs=0.0)


def test_short_distance_angle() -> None:
    """Left-handed massless neutrinos: 1 - c^2 at every q2."""
    spectrum = POINTS["sm"].spectrum(B_PLUS, INPUTS)
    assert spectrum.continuum is not None
    G = spectrum.continuum.coefficients
    assert G[:, 1] == pytest.approx(0.0, abs=0.0)
    assert G[:, 2] == pytest.approx(-G[:, 0], rel=0.0, abs=0.0)
    assert integrated(G) == pytest.approx(4.0 / 3.0 * G[:, 0], rel=1e-14, abs=0.0)


def test_short_distance_scales_with_its_coupling() -> None:
    """The rate is proportional to (G_F alpha X_t |VtbVts|/s2w)^2."""
    rate = POINTS["sm"].spectrum(B_PLUS, INPUTS).rate()
    changed = Constants.named(G_F=2.0 * C.G_F, X_t=0.5 * C.X_t, s2w=2.0 * C.s2w, VtbVts=3.0 * C.VtbVts)
    scaled = POINTS["sm"].spectrum(B_PLUS, Inputs(changed, INPUTS.form_factors)).rate()
    assert scaled / rate == pytest.approx((2.0 * 0.5 / 2.0 * 3.0) ** 2, rel=1e-12)


def test_three_neutrino_flavours() -> None:
    modes = POINTS["sm"].modes(INPUTS)
    assert [m.pdg for m in modes] == [(12, -12), (14, -14), (16, -16)]
    assert {m.branching_fraction for m in modes} == {1.0 / 3.0}
    assert all(m.topology == "pair" and m.masses == (0.0, 0.0) for m in modes)


def test_long_distance_is_a_product_of_branching_fractions() -> None:
    """On-shell tau: BR(B -> tau nu) BR(tau -> K nu), with the textbook two-body widths."""
    m_B, m_K, m_tau = C.m_Bp, C.m_Kp, C.m_tau
    B_to_tau = C.G_F**2 * C.Vub**2 * C.f_B**2 / (8.0 * math.pi) * m_B * m_tau**2 * (1.0 - m_tau**2 / m_B**2) ** 2
    tau_to_K = C.G_F**2 * C.Vus_f_K**2 / (16.0 * math.pi) * m_tau**3 * (1.0 - m_K**2 / m_tau**2) ** 2
    expected = B_to_tau * tau_to_K * C.tau_tau / HBAR
    assert long_distance_width(B_PLUS, INPUTS) == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert POINTS["sm long distance"].spectrum(B_PLUS, INPUTS).rate() == pytest.approx(expected, rel=1e-12, abs=0.0)


def test_long_distance_is_a_triangle() -> None:
    """(2/Q)(1 - q2/Q): the helicity of the tau favours small q2."""
    Q = (C.m_Bp**2 - C.m_tau**2) * (C.m_tau**2 - C.m_Kp**2) / C.m_tau**2
    spectrum = POINTS["sm long distance"].spectrum(B_PLUS, INPUTS)
    x = np.linspace(0.0, 1.0, 21)
    assert spectrum.q2_range == pytest.approx((0.0, Q), rel=1e-14)
    assert spectrum.cdf(x * Q) == pytest.approx(1.0 - (1.0 - x) ** 2, abs=1e-10)
    (pole,) = POINTS["sm long distance"].modes(INPUTS)
    assert (pole.topology, pole.pole_mass, pole.pdg) == ("pole", C.m_tau, (16, -16))


@pytest.mark.parametrize("decay", CHANNELS.values(), ids=CHANNELS.keys())
def test_long_distance_needs_a_charged_B(decay: Channel) -> None:
    """B -> tau nu has no neutral counterpart."""
    refusal = {"component": "the tau long-distance part exists for the B+ only"}
    assert messages(POINTS["sm long distance"], decay) == ({} if decay.B_pdg == 521 else refusal)


def test_long_distance_to_a_kstar_is_a_rate_only() -> None:
    """Gamma(B -> tau nu) BR(tau -> K* nu), each written with its own decay constant; no events."""
    model, decay = POINTS["sm long distance"], channel("B+ -> K*+")
    m_B, m_V, m_tau = C.m_Bp, C.m_Kstp, C.m_tau
    B_to_tau = C.G_F**2 * C.Vub**2 * C.f_B**2 / (8.0 * math.pi) * m_B * m_tau**2 * (1.0 - m_tau**2 / m_B**2) ** 2
    r = m_V**2 / m_tau**2
    tau_to_Kst = C.G_F**2 * C.Vus**2 * C.f_Kst**2 / (16.0 * math.pi) * m_tau**3 * (1.0 - r) ** 2 * (1.0 + 2.0 * r)
    expected = B_to_tau * tau_to_Kst * C.tau_tau / HBAR
    assert model.spectrum(decay, INPUTS).rate() == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert model.events_refused(B_PLUS) is None
    with pytest.raises(InputError, match=re.escape("B+ -> K*+ is known as a rate only")):
        Sample(Job(model, decay, INPUTS, 10))


# --- ALP


@SPIN_0
def test_alp_is_an_isotropic_line(decay: Channel) -> None:
    """arXiv:2502.04900 eq. (8) with f_0 at q2 = m_a^2."""
    m_B, m_K, m_a = decay.m_B(C), decay.m_H(C), 2.0
    f_0 = form_factor_set("HPQCD2022", "K").f_0(m_a**2)
    phase_space = 2.0 * two_body_momentum(m_B, m_K, m_a) / m_B
    width = m_B**3 * 0.7**2 / (64.0 * math.pi * 1e16) * (1.0 - m_K**2 / m_B**2) ** 2 * f_0**2 * phase_space
    (line,) = alp(C_V_sb=-0.7).spectrum(decay, INPUTS).lines
    assert line.mass == m_a
    assert line.coefficients == pytest.approx([0.5 * width, 0.0, 0.0], rel=1e-12, abs=0.0)


def test_alp_channels_open_with_the_mass() -> None:
    light, heavy = (alp(m_a=m, C_l=1.0).widths(INPUTS).partial for m in (0.1, 4.0))
    assert {"e+ e-", "u ubar", "gamma gamma", "g g"} == light.keys() - {"d dbar"}
    assert {"mu+ mu-", "tau+ tau-", "c cbar", "s sbar"} <= heavy.keys()
    assert "b bbar" not in heavy


def test_alp_couplings_scale() -> None:
    """All widths go like 1/f_a^2; dark matter like C_chi^2, and twice as much for a Majorana fermion."""
    base = alp(C_chi=1.0, m_chi=0.5).widths(INPUTS)
    far = alp(C_chi=1.0, m_chi=0.5, f_a=2e8).widths(INPUTS)
    assert far.total == pytest.approx(base.total / 4.0, rel=1e-12, abs=0.0)
    assert far.ctau == pytest.approx(4.0 * base.ctau, rel=1e-12)
    dark = {
        key: alp(m_chi=0.5, **settings).widths(INPUTS).partial["chi chibar"]
        for key, settings in {"1": {"C_chi": 1.0}, "3": {"C_chi": 3.0}, "M": {"C_chi": 1.0, "majorana": True}}.items()
    }
    assert dark["3"] == pytest.approx(9.0 * dark["1"], rel=1e-12, abs=0.0)
    assert dark["M"] == pytest.approx(2.0 * dark["1"], rel=1e-12, abs=0.0)


def test_alp_dark_matter_codes() -> None:
    assert mode(POINTS["ALP"], "chi chibar").pdg == (52, -52)
    assert mode(POINTS["ALP, Majorana"], "chi chibar").pdg == (52, 52)
    assert [m.name for m in POINTS["ALP, stable"].modes(INPUTS)] == ["stable"]
    assert [m.name for m in POINTS["ALP, visible"].modes(INPUTS)] == ["gamma gamma", "hadrons"]


def test_stable_alp() -> None:
    found = alp(C_q=0.0, C_V_sb=1.0).widths(INPUTS)
    assert (found.total, found.ctau, found.invisible_fraction) == (0.0, math.inf, 1.0)


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"m_a": 4.79}, "m_a", "must be below m_B - m_K = 4.78573 GeV in B+ -> K+"),
        ({"C_chi": 1.0}, "m_chi", "required with C_chi"),
        ({"C_q": 0.0}, "C_V_sb", "vanishes for a zero vector coupling; give C_V_sb or C_q"),
        ({"C_V_sb": 0.0}, "C_V_sb", "vanishes for a zero vector coupling"),
    ],
)
def test_refused_alp(changes: dict[str, Any], key: str, message: str) -> None:
    assert message in messages(alp(**changes))[key]


def test_alp_warnings() -> None:
    assert warnings_of(alp(m_a=1.0)) == [
        "m_a = 1.0 GeV: perturbative quark and gluon widths are not reliable below 1.5 GeV"
    ]
    assert not warnings_of(alp(m_a=1.0, C_q=0.0, C_V_sb=1.0))
    assert warnings_of(alp(C_chi=1.0, m_chi=1.0)) == ["a -> chi chibar is closed: m_a = 2.0 GeV is not above 2 m_chi"]


def test_threshold_depends_on_the_channel() -> None:
    """m_B - m_K is 3.6 MeV smaller in B0 -> K0."""
    model = alp(m_a=4.784)
    assert not messages(model, B_PLUS)
    assert "4.78211 GeV in B0 -> K0" in messages(model, B_ZERO)["m_a"]


# --- validation models


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.5, 1.5), (2.0, 0.5)])
def test_continuum_is_a_beta_distribution(a: float, b: float) -> None:
    spectrum = continuum(a=a, b=b, m_d=0.5, branching_fraction=2e-5).spectrum(B_PLUS, INPUTS)
    low, high = 1.0, B_PLUS.q2_max(C)
    exact = beta(a + 1.0, b + 1.0, loc=low, scale=high - low)
    q2 = np.linspace(low, high, 30)
    assert spectrum.cdf(q2) == pytest.approx(exact.cdf(q2), abs=1e-10)
    assert spectrum.rate() * C.tau_Bp / HBAR == pytest.approx(2e-5, rel=1e-10, abs=0.0)


def test_continuum_angle_and_line() -> None:
    spectrum = continuum(h1=0.4, h2=-0.3, m_line=2.0, line_fraction=0.25).spectrum(B_PLUS, INPUTS)
    assert spectrum.continuum is not None
    G = spectrum.continuum.coefficients[500]
    assert G / G[0] == pytest.approx([1.0, 0.4, -0.3], rel=1e-12)
    assert spectrum.lines[0].rate() / spectrum.rate() == pytest.approx(0.25, rel=1e-10)
    assert continuum(m_line=2.0, line_fraction=1.0).spectrum(B_PLUS, INPUTS).continuum is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"h1": 1.1}, "h1"),
        ({"h2": -1.1}, "h1"),
        ({"line_fraction": 0.1}, "m_line"),
        ({"m_line": 4.8, "line_fraction": 0.1}, "m_line"),
        ({"m_line": 0.9, "m_d": 0.5, "line_fraction": 0.1}, "m_line"),
    ],
)
def test_refused_continuum(changes: dict[str, Any], key: str) -> None:
    assert set(messages(continuum(**changes))) == {key}


def test_kst_toy() -> None:
    decay = channel("B0 -> K*0")
    model = KstToy(name="kst_toy", branching_fraction=3e-6)
    spectrum = model.spectrum(decay, INPUTS)
    assert spectrum.rate() / width_from_lifetime(C.tau_B0) == pytest.approx(3e-6, rel=1e-10, abs=0.0)
    assert spectrum.continuum is not None
    J = spectrum.continuum.coefficients[500]
    assert J / J[1] == pytest.approx(model.J / model.J[1], rel=1e-12)
    assert "negative somewhere" in messages(KstToy(name="kst_toy", J1s=0.1), decay)[""]


def test_unphysical_modes() -> None:
    with pytest.raises(ValueError, match="topology pair has 2 particles"):
        DecayMode("bad", 1.0, True, "pair")
    for fraction in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="outside"):
            DecayMode("bad", fraction, True, "none")


# --- plug-ins


PLUGIN = '''
from typing import ClassVar, Literal
from bkgen.models import Model, parameter
from bkgen.dark_matter import DecayMode
from bkgen.spectrum import Spectrum, isotropic

class Unparticle(Model):
    """A third-party model."""
    channels: ClassVar[tuple[str, ...]] = ("B+ -> K+",)
    name: Literal["{name}"]
    width: float = parameter("width", unit="GeV", gt=0)
    def spectrum(self, channel, inputs):
        return Spectrum.from_line(1.0, isotropic(self.width))
    def modes(self, inputs):
        return (DecayMode("stable", 1.0, True, "none"),)

something = 3
'''

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution with one module and one entry point of the group `bkgen.models`."""

    def add(module: str, code: str, target: str) -> None:
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (folder / "entry_points.txt").write_text(f"[bkgen.models]\nplugin = {target}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        sys.modules.pop(module, None)
        models.registry.cache_clear()

    yield add
    monkeypatch.undo()
    models.registry.cache_clear()


def test_plug_in_is_found(install: Install) -> None:
    """An installed model can be named in a card like a built-in one."""
    install("bkgen_plugin_good", PLUGIN.format(name="unparticle"), "bkgen_plugin_good:Unparticle")
    assert "unparticle" in models.registry()
    data = {"schema": 1, "model": {"name": "unparticle", "width": 1e-17}, "channel": "B+ -> K+"}
    card = card_from_dict(data)
    assert card.model.spectrum(card.decay, card.physics_inputs).rate() == pytest.approx(1e-17, rel=1e-14, abs=0.0)
    assert card_from_dict(card.resolved()) == card
    with pytest.raises(InputError, match="width"):
        card_from_dict({**data, "model": {"name": "unparticle", "width": -1.0}})


@pytest.mark.parametrize(
    ("code", "target", "reason"),
    [
        ("import no_such_module_of_anybody", "bkgen_plugin_bad:X", "No module named"),
        ("raise RuntimeError('boom')", "bkgen_plugin_bad:X", "boom"),
        ("class X: pass", "bkgen_plugin_bad:X", "not a bkgen Model"),
        (PLUGIN.format(name="x"), "bkgen_plugin_bad:something", "not a bkgen Model"),
        (PLUGIN.format(name="sm"), "bkgen_plugin_bad:Unparticle", "the name sm is taken"),
        ("def f(:", "bkgen_plugin_bad:X", "invalid syntax"),
    ],
    ids=["import", "raises", "class", "object", "name", "syntax"],
)
def test_broken_plug_in_is_skipped(code: str, target: str, reason: str, install: Install) -> None:
    """One warning, and every built-in model still there."""
    install("bkgen_plugin_bad", code, target)
    with pytest.warns(UserWarning, match=f"model plug-in plugin .* skipped: .*{reason}"):
        found = models.registry()
    assert found["sm"] is StandardModel
    assert set(found) >= {"sm", "dark_higgs", "alp"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert models.registry() is found
