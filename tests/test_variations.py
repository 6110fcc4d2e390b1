"""Form-factor variations: weights of events against spectra with shifted form factors, and the decays of the K*."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from four_vectors import ACCEPT, Array, Columns, chi2_p, columns_of, four, mass_squared

from bkgen.api import generate, run
from bkgen.api import open as open_file
from bkgen.card import Card, card_from_dict
from bkgen.channels import CHANNELS
from bkgen.errors import InputError
from bkgen.formfactors import Inputs
from bkgen.generator import Sample
from bkgen.jobs import sample_of
from bkgen.quantities import branching_fractions
from bkgen.spectrum import Spectrum

EVENTS = 60_000
ALP: dict[str, Any] = {"name": "alp", "m_a": 2.0, "f_a": 1e8}
MASSIVE: dict[str, Any] = {"name": "sterile_neutrino", "m_N": 0.6, "gV": 1e-8, "gT": 5e-9, "VRL": 1e-8}
CASES: dict[str, dict[str, Any]] = {
    "K": {"model": {"name": "sm"}, "channel": "B+ -> K+"},
    "K*": {"model": {"name": "sm"}, "channel": "B0 -> K*0"},
    "K*, massive": {"model": MASSIVE, "channel": "B+ -> K*+"},
    "phi": {"model": {"name": "sm"}, "channel": "Bs -> phi", "beam": "rest"},
}
every_case = pytest.mark.parametrize("case", CASES)


def card_of(**data: Any) -> Card:
    return card_from_dict({"schema": 1, "generate": {"events": EVENTS}, **data})


def messages(**data: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        card_of(**data)
    return [str(problem).removeprefix("<card>: ") for problem in caught.value.problems]


@cache
def sample(case: str) -> Sample:
    return sample_of(card_of(variations="eigen", **CASES[case]))


@cache
def columns(case: str) -> Columns:
    made = sample(case)
    scalars = [name for name in made.branches if name.startswith("weight") or name in ("q2", "cos_theta")]
    return columns_of(made, [*scalars, *(n for n in ("cos_theta_K", "azimuth") if n in made.branches)])


def directions(case: str) -> list[str]:
    return list(sample(case).job.variations)


@cache
def varied(case: str, name: str) -> Spectrum:
    job = sample(case).job
    return job.model.spectrum(job.channel, job.variations[name])


def weighted_mean(values: Array) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))


@every_case
def test_branches_follow_the_covariance(case: str) -> None:
    made = sample(case)
    count = len(made.job.inputs.form_factor(made.job.channel.transition).parameters)
    expected = [f"weight_ff_{i}_{d}" for i in range(1, count + 1) for d in ("up", "down")]
    assert [name for name in made.branches if name.startswith("weight_ff_")] == expected
    assert "weight_ff_1_up" not in sample_of(card_of(**CASES[case])).branches


@every_case
def test_sums_of_weights_are_the_shifted_rates(case: str) -> None:
    """sum(weight_ff) = sum(weight) BR(shifted)/BR: the mean ratio of densities under the nominal one."""
    data = columns(case)
    assert np.unique(data["weight"]).size == 1
    for name in directions(case):
        mean, error = weighted_mean(data[f"weight_{name}"] / data["weight"])
        expected = varied(case, name).rate() / sample(case).spectrum.rate()
        assert abs(mean - expected) < 5.0 * error + 1e-6, name
        assert data[f"weight_{name}"].min() >= 0.0


@pytest.mark.parametrize("channel", ["B+ -> K+", "B0 -> K0"])
def test_weights_of_a_line_are_the_ratio_of_rates(channel: str) -> None:
    """A two-body decay has one q2: every event has the same weight, exactly."""
    made = sample_of(card_of(model=ALP, channel=channel, variations="eigen"))
    assert not made.spectrum.continuum
    data = columns_of(made)
    for name, inputs in made.job.variations.items():
        ratio = made.job.model.spectrum(made.job.channel, inputs).rate() / made.spectrum.rate()
        np.testing.assert_allclose(data[f"weight_{name}"], ratio * data["weight"], rtol=1e-12)


@every_case
def test_q2_shape_of_the_shifted_spectrum(case: str) -> None:
    """Weighted counts in q2 against bin integrals of the shifted spectrum, with the variance of the weights."""
    data = columns(case)
    edges = np.linspace(*sample(case).spectrum.q2_range, 41)
    for name in directions(case):
        w = data[f"weight_{name}"] / data["weight"]
        found, variance = (np.histogram(data["q2"], edges, weights=w**k)[0] for k in (1, 2))
        expected = varied(case, name).bin_integrals(edges) / sample(case).spectrum.rate() * EVENTS
        enough = np.histogram(data["q2"], edges)[0] > 30
        pulls = (found - expected)[enough] / np.sqrt(variance[enough])
        assert np.sum(pulls**2) < enough.sum() + 6.0 * math.sqrt(2.0 * enough.sum()), name


@pytest.mark.parametrize("case", [case for case in CASES if case != "K"])
def test_angles_of_the_shifted_spectrum(case: str) -> None:
    """Weighted <c>, <c_K^2>, <c^2 c_K^2> and <cos 2 phi> of a K* are those of the shifted J_i.

    Moments of the twelve functions over the sphere, integrated here with Gauss and trapezoidal sums.
    """
    data = columns(case)
    c, c_K, phi = data["cos_theta"], data["cos_theta_K"], data["azimuth"]
    observed = {"c": c, "cK2": c_K**2, "c2cK2": c**2 * c_K**2, "cos2phi": np.cos(2.0 * phi)}
    for name in directions(case)[:6]:
        J = whole(varied(case, name))
        rate = sample(case).spectrum.rate()
        for moment, values in observed.items():
            mean, error = weighted_mean(values * data[f"weight_{name}"] / data["weight"])
            assert abs(mean - moments(J)[moment] / rate) < 5.0 * error + 1e-6, (name, moment)


def whole(spectrum: Spectrum) -> Array:
    """Coefficients integrated over q2 with the trapezoidal rule on the nodes (relative accuracy 1e-5)."""
    assert spectrum.continuum is not None
    return np.asarray(np.trapezoid(spectrum.continuum.coefficients, spectrum.continuum.nodes, axis=0))


def moments(J: Array) -> dict[str, float]:
    """Integrals over all angles of 9/(32 pi) sum J_i f_i times a function, for the basis of arXiv:0811.1214."""
    x, w = np.polynomial.legendre.leggauss(8)
    angles = np.arange(16) * 2.0 * math.pi / 16
    c, c_K, phi = (a.ravel() for a in np.meshgrid(x, x, angles, indexing="ij"))
    weight = np.einsum("i,j,k->ijk", w, w, np.full(16, 2.0 * math.pi / 16)).ravel()
    s2, sK2 = 1.0 - c**2, 1.0 - c_K**2
    s2theta, s2K = 2.0 * c * np.sqrt(s2), 2.0 * c_K * np.sqrt(sK2)
    f = [
        *(sK2, c_K**2, sK2 * (c**2 - s2), c_K**2 * (c**2 - s2)),
        *(sK2 * s2 * np.cos(2.0 * phi), s2K * s2theta * np.cos(phi), s2K * np.sqrt(s2) * np.cos(phi)),
        *(sK2 * c, c_K**2 * c),
        *(s2K * np.sqrt(s2) * np.sin(phi), s2K * s2theta * np.sin(phi), sK2 * s2 * np.sin(2.0 * phi)),
    ]
    density = 9.0 / (32.0 * math.pi) * weight * (J @ np.array(f))
    functions = {"c": c, "cK2": c_K**2, "c2cK2": c**2 * c_K**2, "cos2phi": np.cos(2.0 * phi)}
    return {name: float(np.sum(density * value)) for name, value in functions.items()}


def test_a_wrong_weight_is_noticed() -> None:
    """The weights of one direction do not pass as those of the next one."""
    data = columns("K*")
    first, second = directions("K*")[0], directions("K*")[1]
    mean, error = weighted_mean(data[f"weight_{first}"] / data["weight"])
    assert abs(mean - varied("K*", second).rate() / sample("K*").spectrum.rate()) > 20.0 * error


@pytest.mark.parametrize(
    ("channel", "shift"), [("B+ -> K+", [1.0]), ("B0 -> K*0", [0.0, -0.7]), ("B+ -> K+", [0.5, 2])]
)
def test_variation_shifts_along_the_eigen_directions(channel: str, shift: list[float]) -> None:
    """`variation: [1.0]` is one sigma along the largest principal axis; further axes stay."""
    plain, moved = (card_of(model={"name": "sm"}, channel=channel, **more) for more in ({}, {"variation": shift}))
    inputs, transition = plain.physics_inputs, plain.decay.transition
    shifts = inputs.form_factor(transition).eigen_shifts()
    expected: Inputs = inputs.with_shift(transition, np.asarray(shift) @ shifts[: len(shift)])
    name = f"BR({channel} nu nubar)"
    found = branching_fractions(moved, moved.physics_inputs)[name]
    assert found == pytest.approx(branching_fractions(plain, expected)[name], rel=1e-12, abs=0.0)
    assert abs(found / branching_fractions(plain, inputs)[name] - 1.0) > 1e-4
    assert card_from_dict(moved.resolved()) == moved


def test_variation_of_the_rate_is_the_weight_of_a_direction() -> None:
    moved = card_of(model={"name": "sm"}, channel="B0 -> K*0", variation=[1.0])
    expected = varied("K*", "ff_1_up").rate()
    assert sample_of(moved).spectrum.rate() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", [{"variation": [1.0]}, {"variations": "eigen"}], ids=["variation", "variations"])
def test_refusals(key: dict[str, Any]) -> None:
    name = next(iter(key))
    (found,) = messages(model={"name": "sm"}, channel="B+ -> K+", form_factors="LCSR_KMPW2010", **key)
    assert found.startswith(name)
    assert found.endswith("the form factors LCSR_KMPW2010 have no covariance")
    (found,) = messages(model={"name": "kst_toy"}, channel="B0 -> K*0", **key)
    assert found.startswith(name)
    assert found.endswith("the rate of this model does not depend on form factors")
    (found,) = messages(model={"name": "continuum"}, channel="B+ -> K+", **key)
    assert found.startswith(name)
    assert found.endswith("the rate of this model does not depend on form factors")


@pytest.mark.parametrize("channel", ["B+ -> K+", "B+ -> K*+"])
def test_the_long_distance_part_has_no_variations(channel: str) -> None:
    """Decay constants in place of form factors."""
    (found,) = messages(model={"name": "sm", "component": "long_distance"}, channel=channel, variation=[1.0])
    assert found.endswith("the rate of this model does not depend on form factors")


def test_too_many_directions_are_refused() -> None:
    count = len(card_of(model={"name": "sm"}, channel="B+ -> K+").physics_inputs.form_factor("K").parameters)
    assert card_of(model={"name": "sm"}, channel="B+ -> K+", variation=[0.1] * count).variation == (0.1,) * count
    (found,) = messages(model={"name": "sm"}, channel="B+ -> K+", variation=[0.1] * (count + 1))
    assert found.endswith(f"HPQCD2022 has {count} eigen-directions, found {count + 1} numbers")


@pytest.mark.parametrize(
    "key", [{"variation": ["a"]}, {"variation": 1.0}, {"variation": [math.nan]}, {"variations": "all"}]
)
def test_values_of_the_wrong_kind_are_refused(key: dict[str, Any]) -> None:
    (found,) = messages(model={"name": "sm"}, channel="B+ -> K+", **key)
    assert found.startswith(next(iter(key)))


# --- decays of the K*

DECAYS = {
    ("B0 -> K*0", "K+ pi-"): ((321, 0.493677), (-211, 0.13957039), 2.0 / 3.0),
    ("B0 -> K*0", "K0 pi0"): ((311, 0.497611), (111, 0.1349768), 1.0 / 3.0),
    ("B+ -> K*+", "K0 pi+"): ((311, 0.497611), (211, 0.13957039), 2.0 / 3.0),
    ("B+ -> K*+", "K+ pi0"): ((321, 0.493677), (111, 0.1349768), 1.0 / 3.0),
}


@pytest.mark.parametrize(("channel", "decay"), DECAYS)
def test_decays_of_the_kstar(channel: str, decay: str, tmp_path: Any) -> None:
    """Charges and strangeness of the K*, PDG masses on shell, isospin fractions in the metadata."""
    card = card_of(
        model={"name": "sm"}, channel=channel, Kst_decay=decay, output={"path": str(tmp_path / "events.root")}
    ).override(events=2000)
    run(card, workers=1)
    batch = open_file(tmp_path / "events.root")
    K, pi, fraction = DECAYS[channel, decay]
    particles = batch.metadata["particles"]
    assert [(particles[p]["pdg"], particles[p]["mass"]) for p in ("Kst_K", "Kst_pi")] == [K, pi]
    assert batch.metadata["hadron_decay"] == {"name": decay, "fraction": pytest.approx(fraction, rel=1e-15)}
    assert batch.metadata["card"]["Kst_decay"] == decay
    columns = batch.numpy()
    for prefix, (_, mass) in (("Kst_K", K), ("Kst_pi", pi)):
        np.testing.assert_allclose(mass_squared(four(columns, prefix)), mass**2, atol=1e-12)
    together = four(columns, "Kst_K") + four(columns, "Kst_pi")
    np.testing.assert_allclose(together, four(columns, "Kst"), atol=1e-12)


def test_the_first_decay_is_the_default() -> None:
    for channel in ("B0 -> K*0", "B+ -> K*+"):
        names = [decay for known, decay in DECAYS if known == channel]
        assert [decay.name for decay in CHANNELS[channel].decays] == names
        default, named = (card_of(model={"name": "sm"}, channel=channel, **k) for k in ({}, {"Kst_decay": names[0]}))
        assert default.decay == named.decay


def test_the_rate_does_not_depend_on_the_decay() -> None:
    cards = [card_of(model={"name": "sm"}, channel="B0 -> K*0", Kst_decay=name) for name in ("K+ pi-", "K0 pi0")]
    assert len({sample_of(card).weight for card in cards}) == 1
    cosines = [generate(card).numpy()["cos_theta_K"] for card in cards]
    counts = [np.histogram(c, np.linspace(-1.0, 1.0, 21))[0] for c in cosines]
    assert chi2_p(counts[0], counts[1]) >= ACCEPT


@pytest.mark.parametrize(
    ("channel", "decay", "expected"),
    [
        ("B0 -> K*0", "K0 pi+", "Kst_decay = K0 pi+: must be K+ pi- | K0 pi0"),
        ("B+ -> K*+", "K+pi0", "Kst_decay = K+pi0: must be K0 pi+ | K+ pi0"),
        ("B+ -> K+", "K+ pi-", "Kst_decay = K+ pi-: there is no K* in B+ -> K+, leave it out"),
        ("B0 -> K0", "K+ pi-", "Kst_decay = K+ pi-: there is no K* in B0 -> K0, leave it out"),
    ],
)
def test_wrong_decays_are_refused(channel: str, decay: str, expected: str) -> None:
    (found,) = messages(model={"name": "sm"}, channel=channel, Kst_decay=decay)
    assert found.startswith(expected)


def test_the_phi_has_one_decay() -> None:
    (found,) = messages(model={"name": "sm"}, channel="Bs -> phi", beam="rest", Kst_decay="K+ K-")
    assert found.startswith("Kst_decay = K+ K-: there is no K* in Bs -> phi, leave it out")
