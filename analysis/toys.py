"""Pseudo-experiments: data sets drawn from the likelihood, and binned spectra drawn from a fit.

The random numbers of a seed are drawn once, as probabilities and standard deviations, and turned into data by the
inverse distribution functions.  Data sets for neighbouring strengths therefore share their fluctuations, and what is
computed from them is a smooth function of the strength.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from scipy.stats import poisson

from bkgen.card import Card
from bkgen.errors import InputError, Problem

from .files import complete
from .likelihood import Data, Likelihood, Signal
from .points import fit_card
from .responses import CHANNELS, N_BINS, Q2_REC_EDGES, Array, q2_rec_projection

MAX_TOYS = 1_000_000


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Random numbers of a set of pseudo-experiments.

    probabilities: (n, n_bins) of the Poisson counts, uniform; deviations: (n, n_auxiliary) standard normal.
    """

    probabilities: Array
    deviations: Array


@dataclass(frozen=True, eq=False)
class SpectrumToys:
    """Pseudo-experiments of a post-fit spectrum; all numbers are events in 362 fb^-1.

    expected: (n_bins,) post-fit yields; counts: (n, n_bins) Poisson counts; mu: fitted strength.
    q2_rec_expected, q2_rec: the same in region A in bins of q2_rec (`responses.Q2_REC_EDGES`), summed over eta(BDT2).
    """

    mu: float
    seed: int
    expected: Array
    counts: Array

    @property
    def q2_rec_expected(self) -> Array:
        """(3,) post-fit yields."""
        return np.asarray(q2_rec_projection() @ self.expected)

    @property
    def q2_rec(self) -> Array:
        """(n, 3) Poisson counts."""
        return np.asarray(self.counts @ q2_rec_projection().T)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "mu": self.mu,
            "seed": self.seed,
            "channels": {channel.prefix: channel.n_bins for channel in CHANNELS},
            "q2_rec_edges": list(Q2_REC_EDGES),
            "expected": self.expected.tolist(),
            "q2_rec_expected": self.q2_rec_expected.tolist(),
            "toys": self.counts.astype(int).tolist(),
            "q2_rec_toys": self.q2_rec.astype(int).tolist(),
        }


def fluctuations(likelihood: Likelihood, n: int, seed: int, stream: int = 0) -> Fluctuations:
    """Random numbers of n pseudo-experiments; streams of one seed are independent.

    Raises InputError for a number of toys or a seed out of range.
    """
    rng = _random(n, seed, stream)
    probabilities = rng.random((n, N_BINS))
    return Fluctuations(probabilities, rng.standard_normal((n, likelihood.observed.auxiliary.size)))


def data_sets(likelihood: Likelihood, parameters: Array, signal: Signal, random: Fluctuations) -> list[Data]:
    """Pseudo-data for the model at `parameters` (n_parameters,).

    Poisson counts around the expected yields, and auxiliary measurements around the nuisance parameters, as the toys
    of pyhf.
    """
    centre = likelihood.asimov(parameters, signal)
    counts = poisson.ppf(random.probabilities, centre.main)
    auxiliary = centre.auxiliary + likelihood.auxiliary_widths * random.deviations
    return [Data(*rows) for rows in zip(counts, auxiliary, strict=True)]


def spectrum_toys(card: Card, n: int, seed: int) -> SpectrumToys:
    """Poisson pseudo-experiments of the spectrum of a card as fitted to the data, nuisance parameters at their fit.

    Raises InputError for a card without likelihood, or a number of toys or a seed out of range.
    """
    rng = _random(n, seed, 0)
    result, _ = fit_card(card)
    expected = result.background + result.standard_model + result.new_physics
    return SpectrumToys(result.mu, seed, expected, rng.poisson(expected, (n, N_BINS)).astype(np.float64))


def write(toys: SpectrumToys, card: Card, stem: Path) -> list[Path]:
    """Write stem.json and stem.root: histograms `expected`, `expected_q2_rec` and the tree `toys`."""
    as_json, as_root = targets(stem)
    with complete(as_json) as part:
        part.write_text(json.dumps({"card": card.resolved(), **toys.to_dict()}), encoding="utf-8")
    with complete(as_root) as part, uproot.recreate(part) as file:
        file["expected"] = (toys.expected, np.arange(N_BINS + 1.0))
        file["expected_q2_rec"] = (toys.q2_rec_expected, np.asarray(Q2_REC_EDGES))
        tree = file.mktree("toys", {"counts": ("f8", (N_BINS,)), "q2_rec": ("f8", (len(Q2_REC_EDGES) - 1,))})
        tree.extend({"counts": toys.counts, "q2_rec": toys.q2_rec})
    return [as_json, as_root]


def targets(stem: Path) -> tuple[Path, Path]:
    """The two files of a set of pseudo-experiments."""
    return stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.root")


def check_toys(n: int, seed: int) -> None:
    """Raises InputError for a number of pseudo-experiments or a seed out of range."""
    if not 1 <= n <= MAX_TOYS:
        raise InputError(Problem(("--toys",), f"must be between 1 and {MAX_TOYS}", n))
    if seed < 0:
        raise InputError(Problem(("--seed",), "must not be negative", seed))


def _random(n: int, seed: int, stream: int) -> np.random.Generator:
    check_toys(n, seed)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(stream,))))
