"""Templates against redist (arXiv:2402.08417), the reweighting program of the authors of the published likelihood.

Run as a script, this module writes its table in docs/validation.md.
"""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from typing import Any

import agreement
import numpy as np
import pyhf
import pytest
from bkgen_analysis.likelihood import Signal
from bkgen_analysis.likelihood import official as official_likelihood
from bkgen_analysis.responses import CHANNELS, Array, data_file, official
from bkgen_analysis.templates import template
from redist import modifier
from scipy.integrate import quad
from test_templates import null_rate

CONSTANTS = tomllib.loads(data_file("null_model.toml").read_text(encoding="utf-8"))["constants"]
EDGES = official().edges

# Smooth shapes in units of the null model's: a tilt, a scalar-like peak in the middle, a fall to both ends.
SHAPES = {
    "tilted": lambda q2, a: a * (1.0 + 0.1 * q2),
    "bump": lambda q2, a: a * np.exp(-0.5 * ((q2 - 8.0) / 4.0) ** 2),
    "falling": lambda q2, a: a * (1.0 - q2 / 25.0) ** 2,
}


def null(q2: Any) -> Any:
    """dBR/dq2 of the null model at a number or an array of q2, zero below 0 (the column without generated q2)."""
    values = [null_rate(max(float(x), 0.0), CONSTANTS) for x in np.ravel(q2)]
    return np.reshape(values, np.shape(q2))


def reweighting(shape: str, channel: int) -> Any:
    """redist's modifier of one channel with signal: a shape whose normalisation is the parameter `a`."""
    with data_file(str(CHANNELS[channel].density)).open(encoding="utf-8") as file:
        density = np.loadtxt(file, delimiter=",", ndmin=2)
    parameters = {"a": {"inits": (1.0,), "bounds": ((0.0, 20.0),), "paramset_type": "unconstrained"}}
    return modifier.Modifier(
        parameters,
        lambda q2, a: SHAPES[shape](np.asarray(q2), a) * null(q2),
        null,
        density,
        [np.concatenate([[-1.0], EDGES])],
        name=f"r{channel}",
        cutoff=((0.0, 22.885),),
    )


def ours(shape: str, a: float) -> Array:
    """Our template; redist leaves the events without generated q2 at weight 1."""
    bins = [
        quad(lambda q2: SHAPES[shape](q2, a) * null_rate(q2, CONSTANTS), low, high, epsabs=0, epsrel=1e-10)[0]
        for low, high in pairwise(EDGES)
    ]
    return template(np.array(bins), column_0=1.0)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_templates_are_redists_weights(shape: str) -> None:
    """r of every bin with signal to 1e-3; in fact the quadratures agree to 1e-7."""
    expected = ours(shape, 2.5)
    first = 0
    for k, channel in enumerate(CHANNELS):
        rows = slice(first, first + channel.n_bins)
        first += channel.n_bins
        if channel.density is not None:
            weights = reweighting(shape, k).weight_func({"a": 2.5})()
            np.testing.assert_allclose(weights, expected[rows], rtol=1e-7)


def test_yields_are_redists() -> None:
    """Expected events of the workspace with redist's modifier, at shifted nuisance parameters, to 1e-6."""
    shape, a = "bump", 2.5
    spec = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    changed: Any = pyhf.Model({"channels": spec["channels"]}, poi_name="mu", validate=False)
    modifiers = dict(pyhf.modifiers.histfactory_set)
    for k, channel in enumerate(CHANNELS):
        if channel.density is None:
            continue
        tool = reweighting(shape, k)
        modifiers |= tool.expanded_pyhf
        published = next(c for c in changed.spec["channels"] if c["name"].startswith(channel.prefix))
        signal = [s["name"] for s in published["samples"] if any(m["name"] == "mu" for m in s["modifiers"])]
        what = {"name": f"theory{k}", "type": f"r{k}", "data": {"expr": f"r{k}_weight_fn"}}
        changed = modifier.add_to_model(changed, [published["name"]], signal, modifiers, what, poi_name="mu")
    likelihood = official_likelihood()
    rng = np.random.default_rng(2)
    width = np.where(likelihood.curvature > 0.0, np.sqrt(2.0 / np.maximum(likelihood.curvature, 1e-9)), 0.0)
    point = np.clip(likelihood.start + 0.5 * width * rng.normal(size=width.size), likelihood.lower, likelihood.upper)
    point[likelihood.poi] = 1.0
    by_name = dict(zip(likelihood.names, point, strict=True)) | {"a": a}
    theirs = changed.expected_actualdata(np.array([by_name[name] for name in changed.config.par_names]))
    expected, _ = likelihood.jacobian(point, Signal(0.0, ours(shape, a)))
    np.testing.assert_allclose(theirs, expected, rtol=1e-6)
    assert np.max(np.abs(theirs / likelihood.jacobian(point, Signal(0.0, np.ones(30)))[0] - 1.0)) > 1e-3


def section() -> str:
    """The part of docs/validation.md of this program: every third bin of the first channel, for a peak."""
    weights, r = reweighting("bump", 0).weight_func({"a": 2.5})(), ours("bump", 2.5)
    rows = [
        ("r, peak at 8 GeV2", f"channel A, bin {i}", f"{weights[i]:.4g}", f"{r[i]:.4g}", "1e-07") for i in (0, 3, 6)
    ]
    return agreement.table("redist", rows)


def test_the_checked_in_table_is_this_one() -> None:
    assert agreement.sections()["redist"] == section()


if __name__ == "__main__":
    agreement.write(section())
