"""The published likelihood with one model of new physics, as a workspace that pyhf alone understands.

Independent of `bkgen_analysis.likelihood`: the official signal stays as a sample of fixed strength, and a copy of it,
multiplied bin by bin with the template, carries the strength of the new physics.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyhf
from bkgen_analysis.responses import Array, data_file

POI = "mu"


@contextmanager
def backend(name: str, optimizer: str) -> Iterator[None]:
    """Use a backend and an optimiser of pyhf, and put the old ones back."""
    before = pyhf.get_backend()
    pyhf.set_backend(name, optimizer)
    try:
        yield
    finally:
        pyhf.set_backend(*before)


def workspace(template: Array | None = None) -> dict[str, Any]:
    """The workspace with the strength of `template` (n_bins,) as parameter of interest; the official one without."""
    spec: dict[str, Any] = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    if template is None:
        return spec
    first = 0
    for channel in sorted(spec["channels"], key=lambda channel: str(channel["name"])):
        size = len(channel["samples"][0]["data"])
        copies = [_split(sample, template[first : first + size]) for sample in channel["samples"] if _is_signal(sample)]
        channel["samples"] += copies
        first += size
    return spec


def model(template: Array | None = None, bound: float = 100.0) -> tuple[Any, list[float]]:
    """pyhf's model, strength between 0 and `bound`, and the published data, under the backend that is set."""
    spec = workspace(template)
    parameters = [{"name": POI, "bounds": [[0.0, bound]], "inits": [1.0]}]
    built = pyhf.Model({"channels": spec["channels"], "parameters": parameters}, poi_name=POI, validate=False)
    data = pyhf.Workspace(spec, validate=False).data(built)
    return built, [float(number) for number in data]


def cls(template: Array | None, strengths: list[float], bound: float = 100.0) -> list[tuple[float, list[float]]]:
    """Observed CLs and the five expected ones of `pyhf.infer.hypotest`, under the backend that is set."""
    built, data = model(template, bound)
    found = []
    for strength in strengths:
        observed, expected = pyhf.infer.hypotest(
            strength, data, built, test_stat="qtilde", return_expected_set=True, calctype="asymptotics"
        )
        found.append((float(observed), [float(value) for value in expected]))
    return found


def _is_signal(sample: dict[str, Any]) -> bool:
    return any(modifier["name"] == POI for modifier in sample["modifiers"])


def _split(sample: dict[str, Any], r: Array) -> dict[str, Any]:
    """Fix the strength of the official signal; returns its copy times r, with the same relative uncertainties."""
    scaled = copy.deepcopy(sample)
    sample["modifiers"] = [modifier for modifier in sample["modifiers"] if modifier["name"] != POI]
    scaled["name"] = f"{sample['name']}_np"
    scaled["data"] = _times(sample["data"], r)
    for modifier in scaled["modifiers"]:
        if modifier["type"] == "histosys":
            modifier["data"] = {key: _times(values, r) for key, values in modifier["data"].items()}
        elif modifier["type"] == "staterror":
            # pyhf adds the two samples' errors in quadrature: together they must be the same share of the sum
            modifier["data"] = [
                error * math.sqrt((1.0 + x) ** 2 - 1.0) for error, x in zip(modifier["data"], r, strict=True)
            ]
    return scaled


def _times(values: list[float], r: Array) -> list[float]:
    return [float(value) for value in np.multiply(values, r)]
