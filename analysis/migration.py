"""Migration between bins of q2_rec: the simulated detector against the published Belle II response matrix.

For every bin of true q2, the fractions of the selected events that fall into the three q2_rec bins of the inclusive
tag (region A, summed over eta(BDT2)).  They depend on the resolution in q2_rec and hardly on the model.
Published matrix: arXiv:2507.12393, HEPData doi:10.17182/hepdata.166082.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from bkgen.channels import channel
from bkgen.detector import Response as DetectorResponse
from bkgen.detector import efficiency_at
from bkgen.detector_presets import Detector
from bkgen.formfactors import Inputs
from bkgen.generator import Job, Sample
from bkgen.kinematics import q2_rec_window
from bkgen.models.sm import StandardModel

from .responses import Q2_REC_EDGES, Array, official, q2_rec_projection
from .style import plain_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNEL = "B+ -> K+"
Q2_MAX = 17.0
"""Bins of true q2 [GeV^2] that end above it are not compared: they hold 0.1% of the selected events."""

_GAUSS_X, _GAUSS_W = np.polynomial.legendre.leggauss(32)
_PANELS = (("kinematics", "--"), ("belle2-ita", "-"))
_COLOURS = ("tab:blue", "tab:orange", "tab:green")
_WITHOUT_DATE = {"CreationDate": None}


class Difference(NamedTuple):
    """Simulated minus published fractions below `Q2_MAX`: root mean square and largest absolute value."""

    rms: float
    maximum: float


def published_fractions() -> Array:
    """(3, 100) published fractions of the selected events per q2_rec bin and bin of true q2; NaN without events."""
    return _fractions(q2_rec_projection() @ official().density[:, 1:])


def published_errors() -> Array:
    """(3, 100) statistical errors of the published fractions, estimated from the events behind the matrix.

    They have nearly equal weights: the smallest entry is taken as that of one event.
    """
    events = q2_rec_projection() @ official().density[:, 1:]
    weight = events[events > 0.0].min()
    fractions = _fractions(events)
    return np.asarray(np.sqrt(fractions * (1.0 - fractions) * weight / events.sum(axis=0)))


def expected_fractions(detector_name: str) -> Array:
    """(3, 100) fractions that the detector preset gives, exact up to the quadrature over each bin of true q2.

    q2_rec - q2 is flat in a window (`bkgen.kinematics.q2_rec_window`), folded with the Gaussian of the preset.
    """
    return _fractions(_selected(detector_name))


def selected_fraction(detector_name: str) -> float:
    """SM average of the efficiency, including the cut on q2_rec."""
    return float(_selected(detector_name).sum())


def simulated_fractions(detector_name: str, events: int, seed: int) -> Array:
    """(3, 100) fractions from generated SM events, each weighted with its efficiency."""
    sample = _sample(detector_name, events, seed)
    edges = official().edges
    selected = np.zeros((len(Q2_REC_EDGES) - 1, len(edges) - 1))
    for batch in sample.chunks(workers=2):
        c = batch.columns
        selected += np.histogram2d(c["q2_rec"], c["q2"], bins=(Q2_REC_EDGES, edges), weights=c["efficiency"])[0]
    return _fractions(selected)


def difference(fractions: Array) -> Difference:
    """How far these fractions, (3, 100), are from the published ones."""
    delta = (fractions - published_fractions())[:, compared_bins()]
    return Difference(float(np.sqrt(np.mean(delta**2))), float(np.abs(delta).max()))


def compared_bins() -> slice:
    """The bins of true q2 that lie below `Q2_MAX`."""
    return slice(0, int(np.searchsorted(official().edges, Q2_MAX, side="right")) - 1)


def figure(path: Path) -> None:
    """Fractions with the published points, and the differences in percent, as a figure file."""
    with plain_style():
        _draw().savefig(path, metadata=_WITHOUT_DATE if path.suffix == ".pdf" else None)


def _draw() -> Figure:
    from matplotlib.figure import Figure

    bins = compared_bins()
    edges = official().edges
    q2 = (0.5 * (edges[:-1] + edges[1:]))[bins]
    published, errors = published_fractions()[:, bins], published_errors()[:, bins]
    canvas = Figure(figsize=(9.0, 8.0), layout="constrained")
    upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(1.7, 1.0))
    for name, line in _PANELS:
        fractions = expected_fractions(name)
        rms, maximum = difference(fractions)
        label = f"{name} (rms {100.0 * rms:.2f}%, largest {100.0 * maximum:.1f}%)"
        upper.plot([], [], line, color="black", label=label)
        for colour, simulated, matrix in zip(_COLOURS, fractions[:, bins], published, strict=True):
            upper.plot(q2, simulated, line, color=colour, linewidth=1.3)
            lower.plot(q2, 100.0 * (matrix - simulated), line, color=colour, linewidth=1.3)
    for k, colour in enumerate(_COLOURS):
        label = f"published matrix, $q^2_{{rec}}$ in [{Q2_REC_EDGES[k]:.0f}, {Q2_REC_EDGES[k + 1]:.0f}] GeV$^2$"
        upper.errorbar(q2, published[k], errors[k], fmt=".", color=colour, label=label)
    upper.set_title("Belle II ITA region A, summed over eta(BDT2): migration between bins of $q^2_{rec}$")
    upper.set_ylabel("fraction of selected events")
    upper.legend(fontsize="small", loc="center right")
    lower.axhline(0.0, color="black", linewidth=0.8)
    lower.set(xlabel="true $q^2$ [GeV$^2$]", ylabel="published - simulated [%]", xlim=(0.0, Q2_MAX))
    return canvas


def _fractions(events: Array) -> Array:
    total = events.sum(axis=0)
    return np.asarray(np.divide(events, total, out=np.full_like(events, np.nan), where=total > 0.0))


@cache
def _inputs() -> Inputs:
    return Inputs.default()


def _sample(detector_name: str, events: int, seed: int) -> Sample:
    detector = Detector.preset(detector_name)
    return Sample(Job(StandardModel(name="sm"), channel(CHANNEL), _inputs(), events, seed, detector=detector))


def _selected(detector_name: str) -> Array:
    """(3, 100) fraction of the SM decays that is selected, per q2_rec bin and bin of true q2."""
    sample = _sample(detector_name, 1, 1)
    spectrum, response = sample.spectrum, sample.response
    edges = np.minimum(official().edges, spectrum.q2_range[1])
    half = 0.5 * np.diff(edges)
    q2 = (0.5 * (edges[:-1] + edges[1:]))[:, None] + half[:, None] * _GAUSS_X
    below = [_probability_below(edge, q2, sample.job, response) for edge in Q2_REC_EDGES]
    density = spectrum.pdf(q2.ravel()).reshape(q2.shape) * efficiency_at(response, q2)
    shares = np.stack([upper - lower for lower, upper in pairwise(below)])
    return np.asarray((shares * density) @ _GAUSS_W * half)


def _probability_below(edge: float, q2: Array, job: Job, response: DetectorResponse) -> Array:
    """Probability of q2_rec < edge at true q2: a flat window, a Gaussian, and the flat mis-reconstruction."""
    constants = job.inputs.constants
    centre, half = q2_rec_window(job.beam.sqrt_s, job.channel.m_B(constants), job.channel.m_H(constants), q2)
    centre = response.scale * (q2 + centre) + response.offset + response.slope * q2
    half = response.scale * half
    sigma = np.interp(q2, response.q2, response.sigma)
    smeared = (_ramp(edge - centre + half, sigma) - _ramp(edge - centre - half, sigma)) / (2.0 * half)
    flat = np.clip((edge - response.flat_min) / (response.flat_max - response.flat_min), 0.0, 1.0)
    return np.asarray((1.0 - response.misreconstruction) * smeared + response.misreconstruction * flat)


def _ramp(x: Array, sigma: Array) -> Array:
    """max(x, 0) folded with a Gaussian of that sigma; its difference is the integral of a folded step."""
    z = np.divide(x, sigma, out=np.zeros_like(x), where=sigma > 0.0)
    folded = x * ndtr(z) + sigma * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.where(sigma > 0.0, folded, np.maximum(x, 0.0))
