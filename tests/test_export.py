"""Exports: the patched workspace is the likelihood of bkgen, and files give back what was written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest
import uhi.io.json
import uproot
from bkgen_analysis import export, patchset, points, regions, responses
from bkgen_analysis.cli import register
from bkgen_analysis.likelihood import Likelihood, Signal, official
from bkgen_analysis.points import Point
from bkgen_analysis.responses import N_BINS, Array
from hist import Hist
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError

# pyhf's own use of jsonschema, in the schema validation
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")

CARDS = Path(__file__).parent.parent / "cards"


def card(model: dict[str, Any], channel: str = "B+ -> K+", **settings: Any) -> Card:
    """A card in memory."""
    return load_card({"schema": 1, "model": model, "channel": channel, **settings})


def dark_higgs(m_H1: float, sin_theta: float = 4e-3) -> Card:
    """A narrow invisible H1."""
    block = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3.0}
    return card({"name": "dark_higgs", "m_H1": m_H1, "sin_theta": sin_theta, "Zp": block})


@pytest.fixture(scope="module")
def contents() -> export.Contents:
    """The ready card of the dark Higgs."""
    return export.contents_of(load_card(CARDS / "dark_higgs.yaml"))


def command(*words: object) -> Any:
    """`bkgen` with the commands of bkgen_analysis."""
    if "export" not in {entry.callback.__name__ for entry in cli.app.registered_commands if entry.callback}:
        register(cli.app)
    return CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)


# --- pyhf: lambda = B + S (mu_SM + mu r) ---


def compare(workspace: dict[str, Any], signal: Signal) -> None:
    """Yields and -2 ln L of a workspace are those of bkgen at random values of all nuisance parameters."""
    likelihood = official()
    spec = pyhf.Workspace(workspace)
    model = spec.model(validate=False)
    data = spec.data(model)
    order = [likelihood.names.index(name) for name in model.config.par_names]
    assert sorted(order) == list(range(len(likelihood.names)))
    names = dict(zip(model.config.channels, range(len(responses.CHANNELS)), strict=True))
    assert list(names) == sorted(names)
    scale = max(float(signal.template.max()), 1e-300)
    for seed, strength in enumerate((0.0, 1.0 / scale, 3.7 / scale)):
        point = shifted(likelihood, seed)
        point[likelihood.poi] = strength
        ours, _ = likelihood.jacobian(point, signal)
        np.testing.assert_allclose(model.expected_actualdata(point[order]), ours, rtol=1e-11)
        twice_nll = -2.0 * model.logpdf(point[order], data)[0]
        assert twice_nll == pytest.approx(likelihood.evaluate(point, signal).twice_nll, rel=1e-11)


def shifted(likelihood: Likelihood, seed: int) -> Array:
    """Nuisance parameters up to two widths from their centres, so that all interpolations are used."""
    constrained = likelihood.curvature > 0.0
    width = np.sqrt(2.0 / np.where(constrained, likelihood.curvature, 1.0)) * constrained
    pull = np.random.default_rng(seed).uniform(-2.0, 2.0, likelihood.start.size)
    return np.clip(likelihood.start + width * pull, likelihood.lower, likelihood.upper)


@pytest.mark.parametrize("name", ["dark_higgs", "alp", "sterile_neutrino"])
def test_new_physics_is_added_to_the_standard_model(name: str) -> None:
    model = load_card(CARDS / f"{name}.yaml")
    workspace, _ = patchset.patched_workspace(name, model)
    compare(workspace, Signal(1.0, points.point(model).template))
    signals = [sample for c in workspace["channels"] for sample in c["samples"] if sample["name"] == patchset.SAMPLE]
    assert len(signals) == 3


def test_effective_theory_replaces_the_standard_model() -> None:
    model = card({"name": "wet", "C_VL": 8.0, "C_SL": 3.0, "C_TL": [1.0, 2.0]})
    workspace, warnings = patchset.patched_workspace("wet", model)
    assert not warnings
    compare(workspace, Signal(0.0, points.point(model).template))


@pytest.mark.parametrize("poi", ["np", "wet"])
@pytest.mark.parametrize("scale", [1.0, 1e-20, 1e9])
def test_templates_with_empty_bins_and_of_any_size(monkeypatch: pytest.MonkeyPatch, poi: str, scale: float) -> None:
    """Statistical uncertainties keep their published size where the model has no events."""
    template = scale * np.random.default_rng(3).uniform(0.0, 2.0, N_BINS) * (responses.official().expected > 0.0)
    template[[0, 4, 10, 26]] = 0.0
    here = Point(1e-5, template, 0.0)
    monkeypatch.setattr(patchset, "point", lambda _: here)
    monkeypatch.setattr(patchset, "poi_of", lambda _: poi)
    workspace, _ = patchset.patched_workspace("x", dark_higgs(2.0))
    compare(workspace, Signal(1.0 if poi == "np" else 0.0, template))


def test_standard_model_is_the_published_workspace() -> None:
    workspace, warnings = patchset.patched_workspace("sm", load_card(CARDS / "sm.yaml"))
    assert workspace == patchset.published_workspace()
    assert not warnings


@pytest.mark.parametrize(
    "model",
    [dark_higgs(3.0), card({"name": "wet", "C_VL": 8.0, "C_SL": 3.0})],
    ids=["negative strength", "total amplitude"],
)
def test_pyhf_gives_the_fit_of_bkgen(model: Card, tmp_path: Path) -> None:
    """pyhf with SciPy and JAX, by its own command line; the ready card of the dark Higgs is on the page of examples."""
    path = export.export({"model": model}, "pyhf", tmp_path / "workspace.json", full=True).path
    program = [Path(sys.executable).parent / "pyhf", "fit", "--backend", "jax", "--value"]
    done = subprocess.run([*program, path], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    result, _ = points.fit_card(model)
    assert found["twice_nll"] == pytest.approx(result.twice_nll, abs=1e-4)
    assert found["mle_parameters"]["mu"][0] == pytest.approx(result.mu, abs=1e-3)


def test_patch_set_of_one_model() -> None:
    """Labelled with the parameters; pyhf finds the points and verifies the published workspace."""
    cards = {"light": dark_higgs(1.0), "heavy-2": dark_higgs(2.0)}
    document, _ = patchset.patch_set(cards)
    patches = pyhf.PatchSet(document)
    assert {"m_H1", "sin_theta", "Zp_g_X"} <= set(patches.labels)
    assert [patch.name for patch in patches] == ["light", "heavy_2"]
    assert patches[patches["heavy_2"].values].name == "heavy_2"
    published = patchset.published_workspace()
    patches.verify(published)
    published["observations"][0]["data"][0] += 1.0
    with pytest.raises(pyhf.exceptions.PatchSetVerificationError):
        patches.verify(published)
    stored = document["patches"][1]["metadata"]
    assert stored["template"] == points.point(cards["heavy-2"]).template.tolist()
    assert load_card(stored["card"]).resolved() == cards["heavy-2"].resolved()


@pytest.mark.parametrize(
    "cards",
    [
        {"a": dark_higgs(1.0), "b": card({"name": "wet"})},
        {"a": dark_higgs(1.0), "b": load_card({**dark_higgs(1.0).resolved(), "form_factors": "GRvDV2023"})},
    ],
    ids=["two models", "two form factors"],
)
def test_patch_sets_without_common_parameters(cards: dict[str, Card]) -> None:
    patches = pyhf.PatchSet(patchset.patch_set(cards)[0])
    assert patches.labels == ["card"]
    assert patches[("b",)].name == "b"


def test_bounds_of_the_strength_leave_positive_yields() -> None:
    for mass in (0.5, 2.0, 3.5):
        model = dark_higgs(mass)
        workspace, _ = patchset.patched_workspace("x", model)
        (settings,) = workspace["measurements"][0]["config"]["parameters"]
        ((lower, upper),) = settings["bounds"]
        assert lower < 0.0 < settings["inits"][0] <= 1.0 < upper
        nominal, _ = official().jacobian(official().start, Signal(1.0, points.point(model).template))
        point = official().start.copy()
        point[official().poi] = lower
        least, _ = official().jacobian(point, Signal(1.0, points.point(model).template))
        assert np.all(least > 0.49 * nominal)


def test_a_coupling_far_from_the_data_is_named() -> None:
    _, warnings = patchset.patch_set({"weak": dark_higgs(2.0, sin_theta=1e-6)})
    assert len(warnings) == 1
    assert warnings[0].startswith("weak: mu is known to about")


def test_unknown_modifiers_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown type shapesys"):
        patchset._modifier({"name": "x", "type": "shapesys", "data": [1.0]}, np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="no channel"):
        patchset._bins("Z_channel")


# --- histograms and arrays ---


def test_yields_are_consistent(contents: export.Contents) -> None:
    part = contents.likelihood
    assert part is not None
    yields = {name: events for name, (_, events, _) in part.yields().items()}
    np.testing.assert_allclose(yields["signal"], part.template * yields["sm"], rtol=1e-14)
    fitted = yields["signal_postfit"] + yields["sm_postfit"] + yields["background_postfit"]
    np.testing.assert_allclose(fitted, yields["total_postfit"], rtol=1e-12)
    np.testing.assert_allclose(yields["sm"], responses.official().expected, rtol=3e-5)
    assert yields["data"].sum() == official().observed.main.sum()
    made = export.histograms(contents)
    assert len(made) == 2 + 8 * 6
    region = regions.compare(load_card(CARDS / "dark_higgs.yaml")).regions[0]
    np.testing.assert_array_equal(made["A_q2_rec/data"].values(), region.data)
    np.testing.assert_array_equal(made["A_q2_rec/signal"].axes[0].edges, [-1.0, 4.0, 8.0, 25.0])
    np.testing.assert_allclose(made["A_q2_rec/sm"].values(), made["A/sm"].values().reshape(3, 3).sum(axis=0))
    errors = np.sqrt(np.diag(part.after.total_covariance))[:9]
    np.testing.assert_allclose(np.sqrt(made["A/total_postfit"].variances()), errors, rtol=1e-12)
    assert not np.any(made["A/signal"].variances())


def test_spectrum_is_exact(contents: export.Contents) -> None:
    made = export.histograms(contents)
    density, bins = made["true_q2/dBR_dq2"], made["true_q2/branching_fraction"]
    np.testing.assert_array_equal(density.axes[0].edges, responses.official().edges)
    np.testing.assert_allclose(density.values() * density.axes[0].widths, bins.values(), rtol=1e-14)
    assert bins.values().sum() == pytest.approx(contents.metadata["branching_fraction"], rel=1e-12)


def test_part_above_the_last_edge_is_the_overflow() -> None:
    model = card({"name": "continuum", "a": 8.0, "b": 0.0})
    bins = export.histograms(export.contents_of(model))["true_q2/branching_fraction"]
    share = bins.values(flow=True)[-1] / bins.sum(flow=True).value
    assert share == pytest.approx(points.point(model).fraction_outside, rel=1e-9)


@pytest.mark.parametrize("name", ["sm", "wet"])
def test_models_that_contain_the_standard_model(name: str) -> None:
    part = export.contents_of(load_card(CARDS / f"{name}.yaml")).likelihood
    assert part is not None
    yields = {key: events for key, (_, events, _) in part.yields().items()}
    assert not yields["sm_postfit"].any()
    fitted = yields["signal_postfit"] + yields["background_postfit"]
    np.testing.assert_allclose(fitted, yields["total_postfit"], rtol=1e-12)
    if name == "sm":
        np.testing.assert_array_equal(yields["signal"], yields["sm"])


READ_ROOT = """
import json, sys, uproot
found = {}
with uproot.open(sys.argv[1]) as file:
    for key, kind in file.classnames(cycle=False).items():
        if kind == "TH1D":
            h = file[key]
            axis = h.axis()
            found[key] = [axis.edges().tolist(), h.values(flow=True).tolist(), h.variances(flow=True).tolist(),
                          h.title, axis.member("fTitle")]
    found["metadata"] = json.loads(str(file["metadata"]))
print(json.dumps(found))
"""


def test_root_file_in_a_fresh_process(contents: export.Contents, tmp_path: Path) -> None:
    path = export.export({"x": load_card(CARDS / "dark_higgs.yaml")}, "root", tmp_path / "x.root").path
    done = subprocess.run([sys.executable, "-c", READ_ROOT, path], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found.pop("metadata") == json.loads(json.dumps(contents.metadata))
    made = export.histograms(contents)
    assert found.keys() == made.keys()
    for name, (edges, values, variances, title, label) in found.items():
        assert edges == made[name].axes[0].edges.tolist()
        assert values == made[name].values(flow=True).tolist()
        assert variances == made[name].variances(flow=True).tolist()
        assert title == made[name].label
        assert label == made[name].axes[0].label
        assert title
        assert label


def test_uhi_round_trip(contents: export.Contents, tmp_path: Path) -> None:
    path = export.export({"x": load_card(CARDS / "dark_higgs.yaml")}, "hist-json", tmp_path / "x.json").path
    found = json.loads(path.read_text(), object_hook=uhi.io.json.object_hook)
    made = export.histograms(contents)
    assert found.keys() == made.keys()
    for name, serialised in found.items():
        again: Hist[Any] = Hist(serialised)
        assert again.axes[0] == made[name].axes[0]
        assert again.axes[0].label == made[name].axes[0].label
        np.testing.assert_array_equal(again.view(flow=True), made[name].view(flow=True))
        assert json.loads(again.metadata)["card"] == contents.metadata["card"]


def test_numpy_arrays(contents: export.Contents, tmp_path: Path) -> None:
    path = export.export({"x": load_card(CARDS / "dark_higgs.yaml")}, "numpy", tmp_path / "x.npz").path
    with np.load(path, allow_pickle=False) as file:
        found = dict(file)
    made = export.arrays(contents)
    assert found.keys() == made.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, made[name])
    page = (CARDS.parent / "docs" / "feeding-others.md").read_text()
    assert all(f"`{name}`" in page for name in found)
    assert list(found["channel"][[0, 9, 29]]) == ["A", "B", "sgn1_had"]


@pytest.mark.parametrize("channel", ["B0 -> K0", "B+ -> K*+", "B0 -> K*0", "Bs -> phi"])
def test_other_channels_have_a_spectrum(channel: str, tmp_path: Path) -> None:
    model = card({"name": "sm"}, channel, **({"beam": "rest"} if channel == "Bs -> phi" else {}))
    done = export.export({"x": model}, "root", tmp_path / "x.root")
    assert len(done.warnings) == 1
    assert "B+ -> K+ only: only the spectrum" in done.warnings[0]
    with uproot.open(done.path) as file:
        names = {key for key, kind in file.classnames(cycle=False).items() if kind == "TH1D"}
        branching = file["true_q2/branching_fraction"].values(flow=True).sum()
    assert names == {"true_q2/dBR_dq2", "true_q2/branching_fraction"}
    (quantity,) = done.quantities
    assert branching == pytest.approx(quantity.value, rel=1e-9)
    arrays = export.arrays(export.contents_of(model))
    assert arrays.keys() == {"q2_edges", "branching_fraction", "branching_fraction_outside", "metadata"}


def test_long_distance_part_has_a_spectrum() -> None:
    """The likelihood holds it in its background."""
    found = export.contents_of(card({"name": "sm", "component": "long_distance"}))
    assert found.likelihood is None
    (warning,) = found.warnings
    assert "in its background" in warning
    assert found.spectrum.branching.sum() == pytest.approx(found.quantities[0].value, rel=1e-9)


# --- files and refusals ---


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda path: export.export({"a": dark_higgs(1.0)}, "rooot", path), r"did you mean root\?"),
        (lambda path: export.export({"a": dark_higgs(1.0)}, "root", path, full=True), "only in pyhf"),
        (lambda path: export.export({"a": dark_higgs(1.0), "b": dark_higgs(2.0)}, "root", path), "holds one card"),
        (lambda path: export.export({"a": dark_higgs(1), "b": dark_higgs(2)}, "pyhf", path, full=True), "one card"),
        (lambda path: export.export({"a-b": dark_higgs(1), "a_b": dark_higgs(2)}, "pyhf", path), "the same name"),
        (lambda path: export.export({"a": card({"name": "sm"}, "B0 -> K0")}, "pyhf", path), r"a: channel.*K\+ only"),
        (
            lambda path: export.export({"a": card({"name": "sm", "component": "long_distance"})}, "pyhf", path),
            "in its background",
        ),
        (
            lambda path: export.export(
                {"a": card({"name": "sm", "component": "long_distance"}, "B+ -> K*+")}, "numpy", path
            ),
            "no spectrum to export: .* as a rate only",
        ),
        (lambda path: export.export({"a": dark_higgs(4.77)}, "pyhf", path), "no events in any bin"),
        (lambda path: export.export({"a": dark_higgs(1.0)}, "pyhf", path.parent), "is a folder"),
    ],
)
def test_refusals(act: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as refused:
        act(tmp_path / "x")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_text("old")

    def fail(_: export.Contents, part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    monkeypatch.setitem(export._WRITERS, "numpy", fail)
    with pytest.raises(OSError, match="disk full"):
        export.export({"x": card({"name": "sm"}, "B0 -> K0")}, "numpy", path, force=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_command_line(tmp_path: Path) -> None:
    """Numbers to standard output, the rest to standard error; an existing file is kept."""
    source, path = CARDS / "dark_higgs.yaml", tmp_path / "new" / "set.json"
    done = command("export", source, CARDS / "wet.yaml", "--to", "pyhf", "-o", path)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == str(path)
    assert "BR(dark_higgs)" in done.stdout
    assert len(pyhf.PatchSet(json.loads(path.read_text()))) == 2
    again = command("export", source, "--to", "pyhf", "-o", path)
    assert (again.exit_code, len(again.stderr.splitlines())) == (2, 1)
    assert "--force" in again.stderr
    assert command("export", source, "--to", "pyhf", "-o", path, "--force").exit_code == 0
    twice = command("export", source, source, "--to", "pyhf", "-o", tmp_path / "other.json")
    assert (twice.exit_code, len(twice.stderr.splitlines())) == (2, 1)
    assert "bkgen export cards/dark_higgs.yaml --to root" in " ".join(command("export", "--help").stdout.split())


@pytest.mark.parametrize("package", ["pyhf", "hist", "uhi"])
def test_missing_packages_are_named(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from bkgen.cli import main; main()"
    words = ["export", str(CARDS / "dark_higgs.yaml"), "--to", "root"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "bkgen[analysis]" in done.stderr


def test_default_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    cards = {"a": dark_higgs(1.0), "b": dark_higgs(2.0)}
    assert export.export({"a": cards["a"]}, "pyhf").path == Path("outputs/a_patchset.json")
    assert export.export({"a": cards["a"]}, "pyhf", full=True).path == Path("outputs/a_workspace.json")
    assert export.export(cards, "pyhf").path == Path("outputs/cards_patchset.json")
    with pytest.raises(InputError, match="exists"):
        export.export(cards, "pyhf")


def test_metadata_states_the_fit(contents: export.Contents) -> None:
    result, _ = points.fit_card(load_card(CARDS / "dark_higgs.yaml"))
    assert contents.metadata["fit"]["mu"] == pytest.approx(result.mu, rel=1e-12)
    assert contents.metadata["fit"]["converged"] is True
