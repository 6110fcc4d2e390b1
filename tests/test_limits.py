"""Limits on the strength: agreement with pyhf, with toys, and with known limiting cases."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bkgen_analysis import limits, points, toy_limits, toys
from bkgen_analysis.files import refuse_existing
from bkgen_analysis.likelihood import official
from bkgen_analysis.limits import BANDS, Asymptotics
from bkgen_analysis.profiles import Profile, rising_root
from bkgen_analysis.responses import N_BINS, Array
from scipy.stats import norm

from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError, RunError

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import pyhf_model

CARDS = Path(__file__).parent.parent / "cards"


def card(mass: float) -> Card:
    """The dark Higgs card at another mass [GeV]."""
    return load_card(CARDS / "dark_higgs.yaml").with_model(m_H1=mass)


def template(mass: float) -> Array:
    return points.point(card(mass)).template


# --- asymptotic limits ---


@pytest.mark.parametrize("mass", [None, 2.1], ids=["sm", "line"])
def test_cls_is_pyhfs(mass: float | None) -> None:
    """Observed and expected CLs of `pyhf.infer.hypotest` on a workspace with the template as a sample."""
    asymptotics = Asymptotics.of(None, "sm") if mass is None else Asymptotics.of(template(mass))
    result = asymptotics.result(0.9)
    strengths = [0.5 * result.obs, result.obs, result.exp[2]] if mass is None else [result.obs]
    with pyhf_model.backend("jax", "scipy"):
        theirs = pyhf_model.cls(None if mass is None else template(mass), strengths)
    for strength, (observed, expected) in zip(strengths, theirs, strict=True):
        mine = asymptotics.cls(strength)
        assert mine.observed == pytest.approx(observed, abs=1e-4)
        assert mine.expected == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("mass", [0.5, 2.1, 3.0, 4.5])
@pytest.mark.parametrize("cl", [0.9, 0.95])
def test_limits_solve_cls(mass: float, cl: float) -> None:
    """CLs at each limit is 1 - cl, also where the best strength is negative."""
    asymptotics = Asymptotics.of(template(mass))
    result = asymptotics.result(cl)
    assert asymptotics.cls(result.obs).observed == pytest.approx(1.0 - cl, rel=1e-4)
    for band, strength in enumerate(result.exp):
        assert asymptotics.cls(strength).expected[band] == pytest.approx(1.0 - cl, rel=1e-4)


def test_limits_are_monotonic() -> None:
    """A higher level gives a higher limit, an upward fluctuation too; CLs falls with the strength."""
    asymptotics = Asymptotics.of(template(2.1))
    results = [asymptotics.result(cl) for cl in (0.68, 0.9, 0.95, 0.99)]
    assert np.all(np.diff([result.obs for result in results]) > 0.0)
    assert np.all(np.diff([result.exp for result in results], axis=0) > 0.0)
    assert all(np.all(np.diff(result.exp) > 0.0) for result in results)
    curve = [asymptotics.cls(strength).observed for strength in np.linspace(0.05, 3.0, 12)]
    assert np.all(np.diff(curve) < 0.0)


def test_limit_on_the_branching_fraction_does_not_depend_on_the_card() -> None:
    """The strength scales with the prediction of the card, over many decades."""
    unit = limits.limit(template(2.1))
    scaled = limits.limit(1e-12 * template(2.1))
    assert 1e-12 * scaled.obs == pytest.approx(unit.obs, rel=1e-4)
    assert [1e-12 * value for value in scaled.exp] == pytest.approx(unit.exp, rel=1e-4)


def test_asimov_data_give_the_median_expected_limit() -> None:
    """Data as expected without signal: the observed limit is the median one and there is no excess."""
    first = Asymptotics.of(template(2.1))
    data = official().asimov(first.null, first.signal)
    result = limits.limit(template(2.1), data=data)
    assert result.obs == pytest.approx(first.expected_limit(0.9, 0.0), rel=1e-3)
    assert result.mu == pytest.approx(0.0, abs=1e-4)
    assert result.p_two_sided == pytest.approx(1.0, abs=1e-2)


def test_significances() -> None:
    """One-sided: none for a deficit; two-sided: signed.  The excess is that of the fit."""
    excess, deficit = limits.limit(template(2.1)), limits.limit(template(3.0))
    assert excess.z_one_sided == pytest.approx(np.sqrt(13.2), rel=0.01)
    assert excess.p_discovery == pytest.approx(norm.sf(excess.z_one_sided), rel=1e-6)
    assert excess.p_two_sided == pytest.approx(2.0 * excess.p_discovery, rel=1e-6)
    assert deficit.mu < 0.0
    assert deficit.z_one_sided == 0.0
    assert deficit.p_discovery == 0.5
    assert deficit.z_two_sided < -1.0


def test_quantities() -> None:
    """Branching fractions are strengths times that of the card."""
    result, here = limits.limit_card(card(2.1), 0.95)
    named = {quantity.name: quantity for quantity in limits.quantities(result, here)}
    assert named["BR(obs)"].value == pytest.approx(result.obs * here.branching)
    assert named["BR(exp)"].value == pytest.approx(np.multiply(result.exp, here.branching))
    assert named["cl"].value == 0.95
    assert result.to_dict()["exp"] == list(result.exp)


def test_refusals() -> None:
    """Levels, templates and cards that cannot be used."""
    with pytest.raises(InputError, match=r"between 0.5 and 1"):
        limits.limit_card(card(2.1), 1.0)
    with pytest.raises(InputError, match="no events"):
        limits.limit(np.zeros(N_BINS))
    with pytest.raises(ValueError, match="no template"):
        limits.limit(np.ones(N_BINS), poi="sm")
    with pytest.raises(ValueError, match="needs a template"):
        limits.limit()
    with pytest.raises(InputError, match=r"B\+ -> K\+ only"):
        limits.limit_card(load_card({"schema": 1, "model": {"name": "sm"}, "channel": "B0 -> K0"}))


# --- profiles ---


def test_profile_does_not_depend_on_the_path() -> None:
    """Conditional minima from different starts agree, and impossible strengths are named."""
    a = Asymptotics.of(template(2.1))
    profile = Profile(a.likelihood, a.signal, None, a.null)
    far, near = profile(3.0), a.profile(3.0)
    assert far == pytest.approx(near, abs=1e-6)
    with pytest.raises(RunError, match="not all positive"):
        profile(-1e4)


@pytest.mark.parametrize("guess", [1e-3, 1.9, 50.0])
def test_root_of_a_rising_function(guess: float) -> None:
    """Secants, inside a bracket."""
    assert rising_root(lambda x: x**3 - 8.0, 0.0, guess, 1.0, 1e-9) == pytest.approx(2.0, abs=1e-8)
    with pytest.raises(RunError, match="no solution"):
        rising_root(lambda x: -1.0, 0.0, guess, 1.0, 1e-9)


# --- toys ---


def test_toys_scatter_as_the_likelihood_says() -> None:
    """Counts with the expected mean and variance, auxiliary data with their widths; the same seed, the same toys."""
    a = Asymptotics.of(template(2.1))
    random = toys.fluctuations(a.likelihood, 500, seed=3)
    drawn = toys.data_sets(a.likelihood, a.null, a.signal, random)
    counts, auxiliary = np.array([data.main for data in drawn]), np.array([data.auxiliary for data in drawn])
    expected = a.likelihood.asimov(a.null, a.signal)
    assert np.all(np.abs(counts.mean(axis=0) - expected.main) < 5.0 * np.sqrt(expected.main / 500))
    assert np.all(np.abs(counts.var(axis=0) / expected.main - 1.0) < 0.35)
    pulls = (auxiliary - expected.auxiliary) / a.likelihood.auxiliary_widths
    assert pulls.mean() == pytest.approx(0.0, abs=0.02)
    assert pulls.std() == pytest.approx(1.0, abs=0.01)
    again = toys.data_sets(a.likelihood, a.null, a.signal, toys.fluctuations(a.likelihood, 500, seed=3))
    np.testing.assert_array_equal(again[7].main, drawn[7].main)
    other = toys.fluctuations(a.likelihood, 500, seed=3, stream=1)
    assert abs(np.corrcoef(other.probabilities.ravel(), random.probabilities.ravel())[0, 1]) < 0.05


def test_cls_from_toys_agrees_with_the_asymptotic_one() -> None:
    """Within the errors of 60 toys, at the observed and at the median expected limit."""
    a = Asymptotics.of(template(2.1))
    result = a.result(0.9)
    study = toy_limits.ToyLimits(a, 60, seed=1)
    observed = study.cls(result.obs)
    assert abs(observed.observed - 0.1) < 4.0 * observed.error
    expected = study.cls(result.exp[2]).expected[2]
    assert abs(expected - 0.1) < 4.0 * np.sqrt(0.05 * 0.95 / 60) / 0.5
    assert toy_limits.ToyLimits(a, 60, seed=1).cls(result.obs) == observed


def test_limits_from_toys() -> None:
    """The observed and median limits are near the asymptotic ones; too few toys are said to be too few."""
    result = toy_limits.limit_from_toys(template(2.1), toys=30, seed=2)
    asymptotic = limits.limit(template(2.1))
    assert result.obs_error is not None
    assert abs(result.obs - asymptotic.obs) < 4.0 * result.obs_error
    assert result.exp[2] == pytest.approx(asymptotic.exp[2], rel=0.5)
    assert len(result.exp) == len(BANDS)
    assert np.all(np.diff(result.exp) >= 0.0)
    (text,) = toy_limits.warnings(result)
    assert "-2" in text
    assert toy_limits.warnings(replace(result, toys=10_000)) == []
    assert toy_limits.warnings(asymptotic) == []
    with pytest.raises(InputError, match="at least"):
        toy_limits.limit_from_toys(template(2.1), toys=3, seed=2)


def test_spectrum_toys(tmp_path: Path) -> None:
    """Counts around the post-fit spectrum, in both files."""
    import json

    import uproot

    drawn = toys.spectrum_toys(card(2.1), 400, seed=5)
    assert drawn.counts.shape == (400, N_BINS)
    assert np.all(np.abs(drawn.counts.mean(axis=0) - drawn.expected) < 5.0 * np.sqrt(drawn.expected / 400))
    assert drawn.q2_rec_expected.sum() == pytest.approx(drawn.expected[:9].sum())
    as_json, as_root = toys.write(drawn, card(2.1), tmp_path / "new" / "toys")
    assert np.shape(json.loads(as_json.read_text())["q2_rec_toys"]) == (400, 3)
    with uproot.open(as_root) as file:
        np.testing.assert_array_equal(file["toys"]["counts"].array(library="np"), drawn.counts)
        np.testing.assert_allclose(file["expected_q2_rec"].values(), drawn.q2_rec_expected)
    with pytest.raises(InputError, match="exists"):
        refuse_existing(as_json, as_root, force=False)
    with pytest.raises(InputError, match="negative"):
        toys.spectrum_toys(card(2.1), 10, seed=-1)
    with pytest.raises(InputError, match="between 1 and"):
        toys.spectrum_toys(card(2.1), 0, seed=1)
