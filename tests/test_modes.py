"""Decay modes whose branching fractions depend on q2: sampling, means, invisible fractions, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from four_vectors import ACCEPT, Array, chi2_p, columns_of, sample_of
from scipy.integrate import quad
from scipy.stats import binomtest

from bkgen.card import Card, card_from_dict
from bkgen.channels import Channel
from bkgen.dark_matter import DecayMode, Widths, invisible_fraction
from bkgen.errors import RunError
from bkgen.formfactors import Inputs
from bkgen.generator import Sample
from bkgen.models import Model
from bkgen.quantities import unseen_probability
from bkgen.spectrum import Spectrum, isotropic

LOWER, UPPER, LINE = 1.0, 11.0, 4.0
THRESHOLD = 3.0**2 / 2.0  # of the pair that opens inside the spectrum [GeV^2]


def density(q2: float | Array) -> Any:
    """dGamma/dq2, a parabola."""
    return 1e-20 * (1.0 + 0.3 * (np.asarray(q2) - 4.0) ** 2)


def opening(q2: Array) -> Array:
    """Fraction of the pair that opens at THRESHOLD."""
    return np.asarray(0.8 * np.sqrt(np.maximum(1.0 - THRESHOLD / q2, 0.0)))


def constant(value: float, q2: Array) -> Array:
    """The same fraction at every q2."""
    return np.full(len(q2), value)


class Opening(Model):
    """A continuum and a line, X that is seen at times, and a pair that opens inside the continuum."""

    channels = ("B+ -> K+",)
    name: Literal["opening"] = "opening"
    excess: float = 0.0
    early: bool = False
    ctau: float = 0.0

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A parabola, and half as much on the line."""
        smooth = Spectrum.from_density(lambda q2: isotropic(density(q2)), LOWER, UPPER, thresholds=[THRESHOLD])
        return smooth + Spectrum.from_line(math.sqrt(LINE), isotropic(0.5 * smooth.rate()))

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Pairs, the second one heavier; the rest is seen; a mode that never occurs."""
        mass = 0.5 * math.sqrt(THRESHOLD)
        heavy = (lambda q2: constant(0.5, q2)) if self.early else opening
        return (
            DecayMode("light", lambda q2: constant(0.15 + self.excess, q2), True, "pair", (52, -52), (0.2, 0.2)),
            DecayMode("heavy", heavy, True, "pair", (53, -53), (mass, mass)),
            DecayMode("never", lambda q2: constant(0.0, q2), True, "none"),
            DecayMode("seen", lambda q2: 0.85 - heavy(q2), False, "none"),
        )

    def widths(self, inputs: Inputs) -> Widths | None:
        """A lifetime."""
        return Widths("X", 0, 2.0, {"light": 1e-3, "seen": 1e-3}, frozenset({"light"}))


def expected_counts(fraction: Callable[[Array], Array], edges: Array) -> Array:
    """Relative rate of a mode in bins of q2, the line not included."""

    def rate(q2: float) -> float:
        return float(density(q2) * fraction(np.array([q2]))[0])

    return np.array([quad(rate, a, b)[0] for a, b in pairwise(edges)])


@pytest.fixture(scope="module")
def made() -> tuple[Sample, dict[str, Array]]:
    sample = sample_of(Opening(), events=400_000)
    return sample, columns_of(sample, ["q2", "mode", "p_invisible", "accepted"])


def test_modes_follow_their_fractions(made: tuple[Sample, dict[str, Array]]) -> None:
    """Every mode has its own q2 spectrum, starts at its threshold, and on the line the fraction at its mass."""
    sample, data = made
    on_line = data["q2"] == LINE
    edges = np.unique(np.concatenate([np.linspace(LOWER, UPPER, 41), [THRESHOLD]]))
    fractions = {0: lambda q2: constant(0.15, q2), 1: opening, 2: lambda q2: 0.85 - opening(q2)}
    assert [mode.name for mode in sample.modes] == ["light", "heavy", "seen"]
    for index, fraction in fractions.items():
        q2 = data["q2"][(data["mode"] == index) & ~on_line]
        assert chi2_p(np.histogram(q2, edges)[0], expected_counts(fraction, edges)) > ACCEPT
        probability = float(fraction(np.array([LINE]))[0])
        count = int(np.count_nonzero(data["mode"][on_line] == index))
        assert (count == 0) if probability == 0.0 else binomtest(count, int(on_line.sum()), probability).pvalue > ACCEPT
    assert data["q2"][data["mode"] == 1].min() > THRESHOLD


def test_constant_fractions_would_be_noticed(made: tuple[Sample, dict[str, Array]]) -> None:
    """The mean fraction everywhere gives another spectrum of the heavy pairs."""
    sample, data = made
    edges = np.linspace(LOWER, UPPER, 41)
    q2 = data["q2"][(data["mode"] == 1) & (data["q2"] != LINE)]
    wrong = expected_counts(lambda q2: constant(sample.mode_fractions.means[1], q2), edges)
    assert chi2_p(np.histogram(q2, edges)[0], wrong) < ACCEPT


def test_means_are_those_of_the_events(made: tuple[Sample, dict[str, Array]]) -> None:
    sample, data = made
    for index, mean in enumerate(sample.mode_fractions.means):
        assert binomtest(int(np.count_nonzero(data["mode"] == index)), len(data["mode"]), float(mean)).pvalue > ACCEPT
    whole = quad(density, LOWER, UPPER)[0]
    heavy = quad(lambda x: density(x) * opening(np.array([x]))[0], THRESHOLD, UPPER)[0] / whole
    assert sample.mode_fractions.means[1] == pytest.approx(heavy / 1.5, rel=1e-5)
    assert sample.br_invisible == pytest.approx(0.15 + heavy / 1.5, rel=1e-5)


def test_probability_to_be_unseen(made: tuple[Sample, dict[str, Array]]) -> None:
    """A prompt X: the invisible fraction at its q2, in events and in exact integrals."""
    _, data = made
    np.testing.assert_allclose(data["p_invisible"], 0.15 + opening(data["q2"]), atol=2e-3)
    below = data["q2"] < THRESHOLD
    np.testing.assert_allclose(data["p_invisible"][below], 0.15, rtol=1e-12)
    q2 = np.array([2.0, 5.0, 9.0])
    np.testing.assert_allclose(
        invisible_fraction(Opening().modes(Inputs.default()), q2), 0.15 + opening(q2), rtol=1e-14
    )
    card = card_from_dict({"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"})
    unseen = unseen_probability(Card.model_construct(**{**dict(card), "model": Opening()}), Inputs.default())
    assert unseen is not None
    np.testing.assert_allclose(unseen(q2), 0.15 + opening(q2), rtol=1e-12)


def test_fractions_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(RunError, match=r"the branching fractions at q2 = \S+ sum to 1\.\d+, not 1"):
        sample_of(Opening(excess=0.2))


def test_a_mode_below_its_threshold_is_refused() -> None:
    with pytest.raises(RunError, match=r"mode heavy needs q2 > 4\.5, it occurs at 1"):
        sample_of(Opening(early=True))
