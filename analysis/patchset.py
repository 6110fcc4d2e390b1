"""The published Belle II workspace with a model in it, as a pyhf patch set or as a whole workspace.

A patch makes lambda(theta) = B(theta) + S(theta) (mu_SM + mu r), which is what `bkgen_analysis.likelihood` computes,
out of standard HistFactory modifiers, so that every tool that reads pyhf workspaces gives the same fit:

- new physics: the published signal loses its strength (mu_SM = 1), and a sample `new_physics` with the strength mu
  and all its modifiers is added;
- `wet`: the total takes the place of the published signal;
- `sm`: the published workspace unchanged.

Modifiers of the signal: the rows of histosys are events and are multiplied by r; normsys and normfactor are relative
and stay.  staterror is in events too, but pyhf divides the quadratic sum over the samples that share it by the sum of
their yields: e sqrt(r (2 + r)) beside the published e gives the published relative error e/n for n (1 + r).

Source: pyhf workspace of arXiv:2507.12393, HEPData doi:10.17182/hepdata.166082.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from bkgen import __version__
from bkgen.card import Card
from bkgen.errors import InputError, MissingExtra

from .points import Point, poi_of, point
from .responses import CHANNELS, Array, data_file

try:
    import pyhf
except ImportError as error:
    raise MissingExtra("analysis", "pyhf") from error

Json: TypeAlias = dict[str, Any]

REFERENCES = {"hepdata": "ins2947386"}
"""INSPIRE record of arXiv:2507.12393, in the notation of pyhf."""

SAMPLE = "new_physics"
"""Name of the sample that a patch adds."""

_POI = "mu"
_SPAN = 20.0  # statistical widths of the strength inside its bounds
_SMALLEST = 1e-100  # of the published yield: a bin of exactly 0 would lose its statistical uncertainty
_EASY = (1e-3, 1e3)  # statistical widths of mu at which the minimisers of other programs work


def published_workspace() -> Json:
    """The workspace as published, the one that patches are for; a new copy at each call."""
    with data_file("likelihood.json").open(encoding="utf-8") as file:
        workspace: Json = json.load(file)
    return workspace


def patch_set(cards: Mapping[str, Card]) -> tuple[Json, list[str]]:
    """A pyhf patch set with one patch for each card, by name, and warnings.

    The labels of the set are the parameters of the model if all cards have the same ones and different values of them,
    else `card`.  Raises InputError for channels without a likelihood, models without events in it, and names of
    cards that pyhf cannot tell apart.
    """
    workspace = published_workspace()
    names = _patch_names(cards)
    patches, warnings = [], []
    labels, values = _labels(cards, names)
    for (name, card), patch_name, coordinates in zip(cards.items(), names, values, strict=True):
        here = _point(name, card)
        patches.append(
            {
                "metadata": {
                    "name": patch_name,
                    "values": coordinates,
                    "branching_fraction": here.branching,
                    "card": card.resolved(),
                    "template": here.template.tolist(),
                },
                "patch": list(_operations(workspace, card, here)),
            }
        )
        warnings += [f"{name}: {text}" for text in _warnings(workspace, card, here)]
    metadata = {
        "references": REFERENCES,
        "digests": {algorithm: pyhf.utils.digest(workspace, algorithm=algorithm) for algorithm in ("md5", "sha256")},
        "labels": labels,
        "description": "Models in the Belle II likelihood of B+ -> K+ nu nubar, doi:10.17182/hepdata.166082; "
        "mu multiplies the branching fraction of the card",
        "bkgen": __version__,
    }
    return {"version": "1.0.0", "metadata": metadata, "patches": patches}, warnings


def patched_workspace(name: str, card: Card) -> tuple[Json, list[str]]:
    """The published workspace with the card's patch applied, and warnings.  Raises InputError as `patch_set`."""
    patches, warnings = patch_set({name: card})
    (only,) = patches["patches"]
    workspace: Json = pyhf.patchset.Patch(only).apply(published_workspace())
    return workspace, warnings


def _point(name: str, card: Card) -> Point:
    """The template of a card; its name is put before what is wrong with it."""
    try:
        here = point(card)
    except InputError as error:
        raise InputError([f"{name}: {problem}" for problem in error.problems]) from None
    if not np.any(here.template):
        raise InputError(f"{name}: the model predicts no events in any bin of the likelihood")
    return here


def _patch_names(cards: Mapping[str, Card]) -> list[str]:
    """Names in the alphabet of pyhf, [a-zA-Z0-9_]."""
    names = [re.sub(r"[^a-zA-Z0-9_]", "_", name) for name in cards]
    twice = [card for card, name in zip(cards, names, strict=True) if names.count(name) > 1]
    if twice:
        raise InputError(f"the patches of {', '.join(twice)} would have the same name, rename the cards")
    return names


def _labels(cards: Mapping[str, Card], names: list[str]) -> tuple[list[str], list[list[float | str]]]:
    points = [dict(_scalars(card.model.model_dump(mode="json"))) for card in cards.values()]
    models = {card.model.describe_name() for card in cards.values()}
    labels = [label for label in points[0] if all(label in here for here in points)]
    values = [[here[label] for label in labels] for here in points]
    if labels and len(models) == 1 and len({tuple(row) for row in values}) == len(values):
        return labels, values
    return ["card"], [[name] for name in names]


def _scalars(block: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | str]]:
    """Numbers and texts in a block, with the names of blocks inside it before those of their keys."""
    for key, value in block.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{name}_")
        elif isinstance(value, str | int | float) and not (prefix == "" and key == "name"):
            yield name, str(value).lower() if isinstance(value, bool) else value


def _operations(workspace: Json, card: Card, here: Point) -> Iterator[Json]:
    """JSON patch of the published workspace."""
    poi = poi_of(card)
    if poi == "sm":
        return
    for path, sample, ratio in _signal_samples(workspace, here.template):
        if poi == "wet":
            ratio = np.maximum(ratio, _SMALLEST)
            yield {"op": "replace", "path": f"{path}/data", "value": _scaled(sample["data"], ratio)}
            modifiers = [_modifier(modifier, ratio, ratio) for modifier in sample["modifiers"]]
            yield {"op": "replace", "path": f"{path}/modifiers", "value": modifiers}
            continue
        at = next(i for i, modifier in enumerate(sample["modifiers"]) if modifier["name"] == _POI)
        yield {"op": "remove", "path": f"{path}/modifiers/{at}"}
        added = {
            "name": SAMPLE,
            "data": _scaled(sample["data"], ratio),
            "modifiers": [_modifier(entry, ratio, np.sqrt(ratio * (2.0 + ratio))) for entry in sample["modifiers"]],
        }
        yield {"op": "add", "path": f"{path.rpartition('/')[0]}/-", "value": added}
    lower, start, upper = _range(workspace, card, here)
    value = {"name": _POI, "inits": [start], "bounds": [[lower, upper]]}
    yield {"op": "add", "path": "/measurements/0/config/parameters/-", "value": value}


def _signal_samples(workspace: Json, template: Array) -> Iterator[tuple[str, Json, Array]]:
    """JSON pointer, sample and template of each sample that the published signal strength multiplies."""
    for c, published in enumerate(workspace["channels"]):
        for s, sample in enumerate(published["samples"]):
            if any(modifier["name"] == _POI for modifier in sample["modifiers"]):
                yield f"/channels/{c}/samples/{s}", sample, template[_bins(published["name"])]


def _bins(name: str) -> slice:
    """The bins of a channel of the workspace."""
    first = 0
    for channel in CHANNELS:
        if name.startswith(channel.prefix):
            return slice(first, first + channel.n_bins)
        first += channel.n_bins
    raise ValueError(f"no channel of the response is called {name}")


def _modifier(modifier: Json, ratio: Array, statistical: Array) -> Json:
    """A modifier of the published signal for a signal of `ratio` times its yields."""
    kind, data = modifier["type"], modifier["data"]
    if kind in ("normfactor", "normsys"):
        return modifier
    if kind == "histosys":
        return {**modifier, "data": {side: _scaled(row, ratio) for side, row in data.items()}}
    if kind == "staterror":
        return {**modifier, "data": _scaled(data, statistical)}
    raise ValueError(f"modifier {modifier['name']} of the signal has the unknown type {kind}")


def _scaled(row: list[float], ratio: Array) -> list[float]:
    scaled: list[float] = (np.asarray(row, dtype=np.float64) * ratio).tolist()
    return scaled


def _yields(workspace: Json, template: Array) -> tuple[Array, Array, Array]:
    """Nominal events without signal, of the SM signal and of the model, in the bins with signal."""
    background, standard_model, model = [], [], []
    for path, sample, ratio in _signal_samples(workspace, template):
        samples = workspace["channels"][int(path.split("/")[2])]["samples"]
        yields = np.asarray(sample["data"])
        background.append(np.sum([other["data"] for other in samples if other is not sample], axis=0))
        standard_model.append(yields)
        model.append(yields * ratio)
    return np.concatenate(background), np.concatenate(standard_model), np.concatenate(model)


def _width(workspace: Json, here: Point) -> float:
    """Statistical uncertainty of mu with all nuisance parameters known: its scale."""
    background, standard_model, model = _yields(workspace, here.template)
    return float(1.0 / math.sqrt(np.sum(model**2 / (background + standard_model))))


def _range(workspace: Json, card: Card, here: Point) -> tuple[float, float, float]:
    """Lower bound, start and upper bound of mu.

    The strength may be negative, as in `bkgen fit`; the lower bound keeps the expected yields above half of those
    without the model.
    """
    background, standard_model, model = _yields(workspace, here.template)
    fixed = background if poi_of(card) == "wet" else background + standard_model
    seen = model > 0.0
    width = _width(workspace, here)
    lower = max(-_SPAN * width, -0.5 * float(np.min(fixed[seen] / model[seen])))
    return lower, min(1.0, width), max(10.0, _SPAN * width)


def _warnings(workspace: Json, card: Card, here: Point) -> Iterator[str]:
    if here.fraction_outside > 1e-3:
        yield f"{here.fraction_outside:.2%} of the branching fraction is at q2 without a published efficiency"
    width = 1.0 if poi_of(card) == "sm" else _width(workspace, here)
    if not _EASY[0] < width < _EASY[1]:
        yield (
            f"mu is known to about {width:.1g} here: the minimisers of pyhf need about 1, "
            f"choose a coupling that gives a branching fraction of about {width * here.branching:.1g}"
        )
