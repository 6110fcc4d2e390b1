"""Reweighted events against events of the target itself: spectrum, angles and rate; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from bkgen_analysis.event_templates import point_of_file
from four_vectors import ACCEPT, Array, Columns, columns_of
from numpy.testing import assert_allclose
from scipy import stats

from bkgen import api, reweighting
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError
from bkgen.generator import CHUNK
from bkgen.jobs import sample_of
from bkgen.quantities import branching_fractions
from bkgen.variations import Angles

EVENTS = 140_000
CARDS = Path(__file__).parent.parent / "cards"
K, KST = "B+ -> K+", "B0 -> K*0"
ANGLES = {K: ("cos_theta",), KST: ("cos_theta", "cos_theta_K", "azimuth")}
MODELS: dict[str, dict[str, dict[str, Any]]] = {
    "wet": {K: {"C_TL": 3.0}, KST: {"C_VR": 3.0, "C_TL": 1.0}},
    "massless_dark_photon": {K: {}, KST: {}},
    "fermion_dm": {K: {"gV": 1e-8, "gT": 3e-9}, KST: {"gV": 1e-8, "gT": 3e-9}},
    "scalar_dm": {K: {}, KST: {"gP": 1e-8}},
    "dark_higgs_off_shell": {K: {}, KST: {}},
}
POINTS = [(name, channel) for name in MODELS for channel in MODELS[name]]


def card_of(model: dict[str, Any], channel: str = K, path: str = "a.root", **settings: Any) -> Card:
    generate = {"events": EVENTS, "seed": 5}
    output = {"path": path, "columns": "slim", **settings.pop("output", {})}
    base = {"schema": 1, "channel": channel, "detector": "ideal", "generate": generate, "output": output}
    return card_from_dict({**base, "model": model, **settings})


def target_of(name: str, channel: str) -> Card:
    model = api.load_card(CARDS / f"{name}.yaml").resolved()["model"]
    return card_of({**model, **MODELS[name][channel]}, channel, generate={"events": EVENTS, "seed": 6})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Standard Model events in each channel."""
    folder = tmp_path_factory.mktemp("sm")
    paths = {channel: folder / f"{k}.root" for k, channel in enumerate(ANGLES)}
    for channel, path in paths.items():
        api.run(card_of({"name": "sm"}, channel, str(path)), workers=2)
    return paths


@cache
def target_columns(name: str, channel: str) -> Columns:
    """Events of the target itself that are pairs, with the weights of its file."""
    sample = sample_of(target_of(name, channel))
    columns = columns_of(sample, ("q2", *ANGLES[channel], "weight", "mode"))
    pair = np.array([mode.topology == "pair" for mode in sample.modes])[columns["mode"]]
    return {key: values[pair] for key, values in columns.items()}


def chi2_p(one: tuple[Array, Array], two: tuple[Array, Array], bins: list[Array]) -> float:
    """p-value that two weighted samples, (n, dimensions) points and weights, are of one density and size.

    Neighbouring bins are merged until both have 30 effective events.
    """
    filled = []
    for points, w in (one, two):
        n, s = (np.histogramdd(points, bins, weights=weights)[0].ravel() for weights in (w, w**2))
        filled.append((n, s))
    (a, va), (b, vb) = filled
    chi2, ndf, sums = 0.0, 0, np.zeros(4)
    for row in np.stack([a, va, b, vb], axis=-1):
        sums += row
        if sums[0] ** 2 > 30.0 * sums[1] and sums[2] ** 2 > 30.0 * sums[3] and sums[1] * sums[3] > 0.0:
            chi2 += (sums[0] - sums[2]) ** 2 / (sums[1] + sums[3])
            ndf, sums = ndf + 1, np.zeros(4)
    assert ndf > 3
    return float(stats.chi2.sf(chi2, ndf))


def agreements(events: Columns, weight: Array, target: Columns, channel: str) -> dict[str, float]:
    """p-values of the spectrum, of each angle, of each pair of angles and of q2 with cos_theta."""
    edges: dict[str, tuple[float, float]] = {"q2": (0.0, 23.0), "azimuth": (-np.pi, np.pi)}
    names = ANGLES[channel]
    pairs = [("q2", "cos_theta"), *((x, y) for i, x in enumerate(names) for y in names[i + 1 :])]
    found = {}
    for axes in [("q2",), *((name,) for name in names), *pairs]:
        n = 24 if len(axes) == 1 else 8
        bins = [np.linspace(*edges.get(axis, (-1.0, 1.0)), n + 1) for axis in axes]
        samples = [
            (np.stack([columns[axis] for axis in axes], axis=-1), w)
            for columns, w in ((events, weight), (target, target["weight"]))
        ]
        found[" ".join(axes)] = chi2_p(samples[0], samples[1], bins)
    return found


@pytest.mark.parametrize(("name", "channel"), POINTS)
def test_reweighted_events_are_those_of_the_target(
    name: str, channel: str, files: dict[str, Path], tmp_path: Path
) -> None:
    """Spectrum, angles, their correlations and the rate; with constant weights, or no angles in them, it fails."""
    card, path = target_of(name, channel), tmp_path / "new.root"
    continuum = name == "massless_dark_photon"
    result = api.reweight(files[channel], card, path, continuum=continuum, workers=2)
    events, target = api.open(path).columns, target_columns(name, channel)
    p = agreements(events, events["weight"], target, channel)
    assert min(p.values()) > ACCEPT, p
    assert abs(result.total - result.expected) < 4.0 * result.total / np.sqrt(result.effective_events)
    same = events["weight_original"] * result.total / events["weight_original"].sum()
    assert min(agreements(events, same, target, channel).values()) < ACCEPT


@pytest.mark.parametrize("name", ["scalar_dm", "dark_higgs_off_shell"])
def test_weights_without_angles_are_wrong(
    name: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ratio of spectra in q2 alone leaves the angles of the Standard Model, which the comparison sees."""
    density = reweighting.Source.density

    def marginal(self: reweighting.Source, events: Angles) -> Array:
        return density(self, Angles(events.q2, events.c, None, None, np.ones_like(events.undefined)))

    monkeypatch.setattr(reweighting.Source, "density", marginal)
    api.reweight(files[K], target_of(name, K), tmp_path / "new.root")
    events = api.open(tmp_path / "new.root").columns
    p = agreements(events, events["weight"], target_columns(name, K), K)
    assert p["q2"] > ACCEPT > p["cos_theta"]


def test_mean_weight_in_bins_is_the_ratio_of_the_exact_spectra(files: dict[str, Path], tmp_path: Path) -> None:
    """Sum of weights in bins of q2 against integrals of the target's width itself."""
    card = target_of("fermion_dm", K)
    api.reweight(files[K], card, tmp_path / "new.root")
    events, sample = api.open(tmp_path / "new.root").columns, sample_of(card)
    edges = np.linspace(*sample.spectrum.q2_range, 13)
    decays = sample.expected_decays
    assert decays is not None
    exact = decays * sample.spectrum.bin_integrals(edges) / sample.spectrum.rate()
    sums, squares = (np.histogram(events["q2"], edges, weights=events["weight"] ** k)[0] for k in (1, 2))
    assert stats.chi2.sf(np.sum((sums - exact) ** 2 / squares), 12) > ACCEPT


def test_the_same_card_gives_the_weights_back(files: dict[str, Path], tmp_path: Path) -> None:
    """In each event, and all other columns are as they were."""
    for channel, path in files.items():
        result = api.reweight(path, card_of({"name": "sm"}, channel), tmp_path / "new.root", force=True)
        old, new = api.open(path).columns, api.open(tmp_path / "new.root").columns
        assert_allclose(new["weight"], old["weight"], rtol=1e-12)
        assert np.array_equal(new["weight_original"], old["weight"])
        assert all(np.array_equal(new[name], old[name]) for name in old if name != "weight")
        assert result.effective_events == pytest.approx(EVENTS, rel=1e-12)


def test_a_strength_scales_the_weights(files: dict[str, Path], tmp_path: Path) -> None:
    api.reweight(files[K], card_of({"name": "wet", "C_VL": 12.708}), tmp_path / "new.root")
    new = api.open(tmp_path / "new.root")
    once = card_of({"name": "wet", "C_VL": 6.354})
    assert new.columns["weight"].std() < 1e-9 * new.columns["weight"].mean()
    ratio = new.metadata["branching_fraction"] / branching_fractions(once, once.physics_inputs)["BR(B+ -> K+ inv)"]
    assert ratio == pytest.approx(4.0, rel=1e-12)


def test_lines_and_decays_with_visible_modes(tmp_path: Path) -> None:
    """A line at the same mass: the weights count the decays with X unseen."""
    model = api.load_card(CARDS / "dark_higgs.yaml").resolved()["model"]
    one, two = ({**model, "sin_theta": value} for value in (4e-3, 8e-3))
    path = tmp_path / "one.root"
    api.run(card_of(one, path=str(path)))
    result = api.reweight(path, card_of(two), tmp_path / "two.root")
    new = api.open(tmp_path / "two.root")
    sample = sample_of(card_of(two))
    assert sample.expected_decays is not None
    assert result.expected == pytest.approx(sample.expected_decays * sample.br_invisible, rel=1e-12)
    assert abs(result.total - result.expected) < 5.0 * result.total / np.sqrt(result.effective_events)
    seen = np.array([not mode["invisible"] for mode in new.metadata["modes"]])[new.columns["mode"]]
    assert not new.columns["weight"][seen].any()
    assert np.all(new.columns["p_invisible"] == 1.0)


def test_what_the_file_says(files: dict[str, Path], tmp_path: Path) -> None:
    """Card and rates of the target, where the events come from, and a digest of what is in it; a fit can use it."""
    card = target_of("fermion_dm", K).resolved() | {"luminosity": 5000.0}
    result = api.reweight(files[K], card_from_dict(card), tmp_path / "new.root")
    assert result.warnings == ["luminosity of the file is kept, that of the card does not matter"]
    batch, original = api.open(tmp_path / "new.root"), api.open(files[K]).metadata
    metadata = batch.metadata
    assert metadata["card"]["model"]["name"] == "fermion_dm"
    assert metadata["card"]["luminosity"] == 362.0
    assert metadata["reweighted"]["from"]["content_sha256"] == original["content_sha256"]
    assert metadata["reweighted"]["effective_events"] == result.effective_events
    assert metadata["modes"] == original["modes"]
    assert "daughters of X are those of the original model" in metadata["notes"]["weight"]
    assert list(metadata["branches"]) == list(batch.columns)
    w = batch.columns["weight"]
    assert result.effective_events == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-12)
    assert result.largest == pytest.approx(w.max() / w.sum(), rel=1e-12)
    json.dumps(metadata, allow_nan=False)
    _, here = point_of_file(tmp_path / "new.root")
    expected = branching_fractions(target_of("fermion_dm", K), card_from_dict(card).physics_inputs)["BR(B+ -> K+ inv)"]
    assert here.branching == pytest.approx(expected, rel=5.0 / np.sqrt(result.effective_events))


# --- refusals


def refused(file: Path, card: Card, **options: Any) -> list[str]:
    """The reasons, one line each; nothing is written."""
    output = file.parent / "refused.root"
    with pytest.raises(InputError) as caught:
        api.reweight(file, card, output, **options)
    assert not output.exists()
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("channel", "card", "problem"),
    [
        (K, card_of({"name": "sm"}, "B0 -> K0"), "channel = B0 -> K0: the file holds B+ -> K+"),
        (K, card_of({"name": "alp", "m_a": 2.0, "f_a": 1e8}), "X of the card flies "),
        (K, card_of({"name": "sm", "component": "long_distance"}), "in the continuum the angle of the pair is fixed"),
        (K, card_of({"name": "sm"}, inputs={"m_Bp": 5.28}), "inputs: m_B is 5.28 GeV in the card and "),
        (KST, card_of({"name": "sm"}, KST, Kst_decay="K0 pi0"), "Kst_decay = K0 pi0: the file holds the default decay"),
        (KST, target_of("massless_dark_photon", KST), "the card has a line at 0 GeV, the file has none there; --cont"),
    ],
)
def test_cards_that_the_events_cannot_stand_for(channel: str, card: Card, problem: str, files: dict[str, Path]) -> None:
    assert refused(files[channel], card)[0].startswith(problem)


def test_q2_that_the_file_does_not_have(tmp_path: Path) -> None:
    """A heavier pair cannot stand for a lighter one, nor a line for a continuum."""
    path = tmp_path / "heavy.root"
    api.run(card_of({"name": "fermion_dm", "m_chi": 0.7, "gS": 1e-8}, path=str(path), generate={"events": 100}))
    assert refused(path, card_of({"name": "sm"})) == [
        "the card has events at q2 = 0 ... 22.9032 GeV^2, the file only at 1.96 ... 22.9032 GeV^2"
    ]
    line = tmp_path / "line.root"
    api.run(card_of({"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_chi": 5.0, "m_chi": 0.5}, path=str(line)))
    assert "the card has a continuum, the file has only lines" in refused(line, card_of({"name": "sm"}))


def _changed(path: Path, target: Path, change: Callable[[dict[str, Any]], None], stop: int | None = None) -> Path:
    with uproot.open(path) as file:
        columns, metadata = file["events"].arrays(library="np", entry_stop=stop), json.loads(str(file["metadata"]))
    change(metadata)
    with uproot.recreate(target) as copy:
        copy.mktree("events", {name: values.dtype for name, values in columns.items()}).extend(columns)
        copy["metadata"] = json.dumps(metadata)
    return target


def test_files_that_cannot_be_reweighted(files: dict[str, Path], tmp_path: Path) -> None:
    sm = card_of({"name": "sm"})
    other = _changed(files[K], tmp_path / "a.root", lambda metadata: metadata.update(rate=1e-18, bkgen="0.0.1"))
    assert refused(other, sm)[0].startswith(
        f"{other}: its model has a width of 1e-18 GeV in the file, made by version 0"
    )
    first = {"chunk_range": [0, 1], "chunks": ["00" * 32]}
    piece = _changed(files[K], tmp_path / "b.root", lambda metadata: metadata.update(first), CHUNK)
    assert refused(piece, sm)[0].startswith(f"{piece}: holds the chunks 0:1 of 2 only")
    again = _changed(files[K], tmp_path / "c.root", lambda metadata: metadata.update(reweighted={}))
    assert refused(again, sm) == [f"{again}: is reweighted already; reweight the original file"]
    table = tmp_path / "d.parquet"
    api.run(sm.override(events=10, path=table))
    assert refused(table, sm) == [f"{table}: not an event file of bkgen (ValueError); a ROOT file is needed here"]
    with pytest.raises(InputError, match="is the file to be reweighted"):
        api.reweight(files[K], sm, files[K], force=True)
    with pytest.raises(InputError, match="exists; use --force"):
        api.reweight(files[K], sm, files[KST])
