"""The published Belle II response to B+ -> K+ nu nubar: expected events per reconstructed bin and true q2.

Source: joint number densities of arXiv:2507.12393, HEPData doi:10.17182/hepdata.166082.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Channel(NamedTuple):
    """One channel of the likelihood.

    prefix: start of its name in the workspace; density: file of its joint number density, None without
    signal.
    """

    prefix: str
    n_bins: int
    density: str | None


# The order is pyhf's: alphabetical in the channel names.
CHANNELS = (
    Channel("A", 9, "number_density_ita_regA.csv"),  # ITA signal region
    Channel("B", 3, "number_density_ita_regB.csv"),  # ITA control region
    Channel("C", 9, None),  # off-resonance data for A
    Channel("D", 3, None),  # off-resonance data for B
    Channel("sgn1_had", 6, "number_density_hta.csv"),  # HTA signal region
)
N_BINS = sum(channel.n_bins for channel in CHANNELS)

# Region A: rows 3 i_eta + i_q2rec.
Q2_REC_EDGES = (-1.0, 4.0, 8.0, 25.0)


def data_file(name: str) -> Traversable:
    """A file of the published data set, by name (see SOURCE.toml beside it)."""
    return files("bkgen_analysis") / "data" / "belle2_ita_hta" / name


@dataclass(frozen=True, eq=False)
class Response:
    """Expected SM signal events n(x | j) and the branching fractions they were made with.

    edges: (101,) edges of true q2 in GeV^2; density: (n_bins, 101) events in 362 fb^-1, rows in the order of
    the likelihood's bins, column 0 = events without a generated q2, columns 1.. = the bins of true q2; null:
    (100,) branching fraction of the null model in each bin of true q2.
    """

    edges: Array
    density: Array
    null: Array

    def __post_init__(self) -> None:
        n_true = self.edges.size - 1
        if self.density.shape != (N_BINS, n_true + 1) or self.null.shape != (n_true,):
            raise ValueError(
                f"response of inconsistent shape: edges {self.edges.shape}, density {self.density.shape}, "
                f"null {self.null.shape}"
            )

    @functools.cached_property
    def expected(self) -> Array:
        """(n_bins,) SM signal events per reconstructed bin, all columns; 0 in channels without signal."""
        return np.asarray(self.density.sum(axis=1), dtype=np.float64)

    @functools.cached_property
    def per_branching(self) -> Array:
        """(n_bins, 100) relative signal yield per unit of branching fraction in each bin of true q2."""
        density = self.density[:, 1:] / self.null
        expected = self.expected[:, np.newaxis]
        return np.divide(density, expected, out=np.zeros_like(density), where=expected > 0.0)


@functools.cache
def official() -> Response:
    """The published response, read once per process; its arrays are read-only."""
    null = _table("null_model.csv", skip=1)
    rows = [_density(channel, len(null) + 1) for channel in CHANNELS]
    edges = np.append(null[:, 0], null[-1, 1])
    response = Response(edges, np.concatenate(rows), null[:, 2].copy())
    for array in (response.edges, response.density, response.null, response.expected, response.per_branching):
        array.flags.writeable = False
    return response


def q2_rec_projection() -> Array:
    """(3, n_bins) matrix that sums region A over eta(BDT2), leaving its 3 bins of q2_rec (`Q2_REC_EDGES`)."""
    region_a = CHANNELS[0].n_bins
    n_q2_rec = len(Q2_REC_EDGES) - 1
    projection = np.zeros((n_q2_rec, N_BINS))
    projection[np.arange(region_a) % n_q2_rec, np.arange(region_a)] = 1.0
    return projection


def _density(channel: Channel, n_columns: int) -> Array:
    if channel.density is None:
        return np.zeros((channel.n_bins, n_columns))
    return _table(channel.density)


def _table(name: str, skip: int = 0) -> Array:
    with data_file(name).open(encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=",", skiprows=skip, ndmin=2)
