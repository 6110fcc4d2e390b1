"""Figures of scans and of spectra in true q2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from bkgen_analysis import scan_plots, style, true_spectra
from bkgen_analysis.scan_plots import Scan, figure_of, read_scan, scan_of
from scipy.integrate import trapezoid
from typer.testing import CliRunner

from bkgen import api, cli
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"
MASSES = [0.5, 1.0, 1.5, 2.0]
SINES = [1e-4, 1e-3, 1e-2]


def runner(*words: object) -> Any:
    """The command `bkgen` with the commands of the analysis."""
    app = typer.Typer(cls=cli.Commands)
    cli.add_plugins(app)
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def limits(**arrays: Any) -> dict[str, Any]:
    """The answer of a scan of limits in the mass of the dark Higgs, one point failed."""
    expected = [[0.5, 0.7, 1.0, 1.4, 1.9]] * 3 + [[None] * 5]
    held = {"obs": [0.8, 2.0, 1.0, None], "exp": expected, "cl": [0.9, 0.9, 0.9, None]}
    card = {"model": {"name": "dark_higgs"}}
    return {"card": card, "inputs_sha256": "ab" * 32, "axes": {"m_H1": MASSES}, "arrays": held | arrays}


def labels(figure: Any) -> list[str]:
    """All entries of the legends of a figure."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    texts += [text for axes in figure.axes if (legend := axes.get_legend()) for text in legend.get_texts()]
    return [text.get_text() for text in texts]


def test_limits_of_an_answer(tmp_path: Path) -> None:
    """Units come from the model, the level from the answer; null is a gap and not zero."""
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(limits()))
    scan = read_scan(path)
    assert (scan.label("m_H1"), scan.cl, scan.model) == ("m_H1 [GeV]", 0.9, "dark_higgs")
    observed = scan.get("limit")
    assert observed is not None
    assert np.isnan(observed[3])
    figure = figure_of(scan)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "m_H1 [GeV]"
    assert axes.get_ylabel() == r"90% CL upper limit on the strength $\mu$"
    assert {"observed", "expected, median", r"dark_higgs, $\mu = 1$"} <= set(labels(figure))
    (line,) = [line for line in axes.get_lines() if line.get_label() == "observed"]
    assert np.isnan(np.asarray(line.get_ydata())[3])


def test_limits_of_branching_fractions_show_the_prediction() -> None:
    """The model's branching fraction is the ratio of the limits on it and on mu."""
    answer = limits(
        **{"BR(obs)": [8e-6, 4e-6, 1e-6, None], **{f"BR(exp[{n}])": [1e-6] * 4 for n in scan_plots.FLUCTUATIONS}}
    )
    scan = scan_of(answer["axes"], answer["arrays"])
    axes = scan_plots.limit_bands(scan).axes[0]
    (line,) = [line for line in axes.get_lines() if str(line.get_label()).startswith("model")]
    assert np.asarray(line.get_ydata())[:3] == pytest.approx([1e-5, 2e-6, 1e-6])
    assert "branching fraction" in axes.get_ylabel()


def test_expected_limits_as_five_arrays() -> None:
    """exp[-2] ... exp[2] are the same as one array with five entries per point."""
    parts = {f"exp[{n}]": [float(n)] * 4 for n in scan_plots.FLUCTUATIONS}
    expected = scan_of({"m_H1": MASSES}, parts).expected("expected limit")
    assert expected is not None
    assert expected[0].tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]


def test_fits_along_an_axis() -> None:
    """The interval is a band of branching fractions, the significance is below."""
    arrays = {
        "BR(fit)": [2e-6, 4e-6, 6e-6, None],
        "BR(fit)_lower": [1e-6, 3e-6, 5e-6, None],
        "BR(fit)_upper": [3e-6, 5e-6, 7e-6, None],
        "BR(card)": [1e-6] * 4,
        "z": [1.0, 2.0, 3.0, None],
    }
    figure = figure_of(scan_of({"m_H1": MASSES}, arrays))
    upper, lower = figure.axes
    (band,) = upper.collections
    assert band.get_datalim(upper.transData).y0 == pytest.approx(1e-6)
    assert {"fit", "68% interval"} <= set(labels(figure))
    assert "significance" in lower.get_ylabel()


@pytest.mark.parametrize(
    ("what", "words"),
    [("limit", {"observed", "expected, median"}), ("fit", {"fit", "68% interval"}), ("nll", {"best point"})],
)
def test_answers_of_scan_are_drawn(what: str, words: set[str], tmp_path: Path) -> None:
    """What the command `scan` writes is what `plot` reads."""
    path = tmp_path / "scan.json"
    scanned = runner("scan", CARDS / "dark_higgs.yaml", "--axis", "m_H1=1.9,2.1", "--what", what, "-o", path)
    assert scanned.exit_code == 0, scanned.stderr
    scan = read_scan(path)
    assert scan.label("m_H1") == "m_H1 [GeV]"
    assert scan.cl == (0.9 if what == "limit" else None)
    assert words <= set(labels(figure_of(scan)))


def test_constraints_are_drawn(tmp_path: Path) -> None:
    """One axis: ratios, and the excluded range; two axes: lines where predictions reach the limits."""
    path = tmp_path / "scan.json"
    words = ("scan", CARDS / "dark_higgs.yaml", "--what", "constraints", "-o", path, "--force")
    assert runner(*words, "--axis", "sin_theta=1e-3,1e-2").exit_code == 0
    figure = figure_of(read_scan(path))
    assert {"excluded", "Delta N_eff: Planck 2018 with BAO", "BR(h -> inv): ATLAS"} <= set(labels(figure))
    assert not any("ATLAS conference note" in label for label in labels(figure))  # superseded
    assert figure.axes[0].get_yscale() == "log"
    assert runner(*words, "--axis", "sin_theta=1e-3,5e-3,1e-2", "--axis", "Zp.m_Zp=0.01,0.02,0.03").exit_code == 0
    figure = figure_of(read_scan(path))
    lines = {"BR(h -> inv): ATLAS", "Delta N_eff: Planck 2018 with BAO", "BR(B0 -> K*0 inv): Belle semileptonic tag"}
    assert lines <= set(labels(figure))


def test_constraints_that_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="no point"):
        figure_of(scan_of({"m_H1": MASSES}, {"excluded": [None] * 4}))
    with pytest.raises(InputError, match="two axes of at least two"):
        figure_of(scan_of({"m_H1": MASSES, "sin_theta": [1e-3]}, {"excluded": [[0.0]] * 4}))


def test_a_negative_strength_counts_as_no_signal() -> None:
    """In a scan of fits -2 ln L is that of physical strengths."""
    arrays = {"twice_nll": [1.0, 2.0], "twice_nll_null": [5.0, 5.0], "mu": [1.0, -1.0]}
    value = scan_of({"m_H1": [1.0, 2.0]}, arrays).twice_nll()
    assert value is not None
    assert value.tolist() == [1.0, 5.0]


def test_profile_is_relative_to_its_minimum() -> None:
    """The best point is at zero."""
    axes = figure_of(scan_of({"C_VL": MASSES}, {"twice_nll": [-3.0, -20.0, None, -10.0]})).axes[0]
    assert np.nanmin(np.asarray(axes.get_lines()[0].get_ydata())) == 0.0
    assert np.asarray(axes.get_lines()[1].get_xdata())[0] == 1.0


@pytest.mark.parametrize("reverse", [False, True])
def test_contours(reverse: bool) -> None:
    """The best point is where -2 ln L is smallest, whatever the order of the axis; failed points are marked."""
    x = np.linspace(-3.0, 3.0, 31)[:: -1 if reverse else 1]
    y = np.linspace(-2.0, 2.0, 21)
    value = ((x[:, None] - 1.0) ** 2 + (y[None, :] + 1.0) ** 2).tolist()
    value[0][0] = None
    figure = figure_of(scan_of({"a": x, "b": y}, {"twice_nll": value}))
    axes = figure.axes[0]
    (best,) = [line for line in axes.get_lines() if line.get_label() == "best point of the grid"]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == pytest.approx((1.0, -1.0))
    assert {"68%", "95%", "no result"} <= set(labels(figure))
    outline = max(
        (path for collection in axes.collections for path in collection.get_paths() if len(path.vertices)),
        key=lambda path: len(path.vertices),
    )
    assert np.hypot(outline.vertices[:, 0] - 1.0, outline.vertices[:, 1] + 1.0).max() < 3.0


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [(np.geomspace(1e-4, 1e-2, 7), True), (np.linspace(0.1, 4.5, 23), False), ([0.0, 1], False)],
)
def test_axes_are_logarithmic_where_the_grid_is(values: Any, logarithmic: bool) -> None:
    """A grid with even steps in the logarithm is shown so."""
    figure = figure_of(scan_of({"x": values}, {"twice_nll": np.arange(len(values))}))
    assert (figure.axes[0].get_xscale() == "log") == logarithmic


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not the answer of a scan"),
        ('{"axes": 1, "arrays": {}}', "not the answer of a scan"),
        ('{"axes": {}, "arrays": {}}', "at least one axis"),
        ('{"axes": {"x": [1, null]}, "arrays": {}}', "axes.x: must be a list of numbers"),
        ('{"axes": {"x": [1, 1' + "0" * 400 + ']}, "arrays": {}}', "axes.x: must be a list of numbers"),
        ('{"axes": {"x": ["a"]}, "arrays": {}}', "axes.x: must be a list of numbers"),
        ('{"axes": {"x": [1, 2]}, "arrays": {"obs": [1]}}', "arrays.obs: has shape (1,), the axes (2,)"),
        ('{"axes": {"x": [1, 2]}, "arrays": {"other": [1, 2]}}', "needs 'obs'"),
        ('{"axes": {"x": [1]}, "arrays": {"twice_nll": [null]}}', "no -2 ln L"),
        ('{"axes": {"x": [1], "y": [1]}, "arrays": {"twice_nll": [[1]]}}', "at least two values"),
        ('{"axes": {"x": [1], "y": [1], "z": [1]}, "arrays": {"twice_nll": [[[1]]]}}', "3 axes"),
    ],
)
def test_unusable_scans_are_one_line_and_code_2(text: str, message: str, tmp_path: Path) -> None:
    """Nothing is written."""
    path = tmp_path / "scan.json"
    path.write_text(text)
    result = runner("plot", path, "-o", tmp_path / "figure")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert message in line
    assert list(tmp_path.iterdir()) == [path]


def test_flags_and_texts_are_not_drawn() -> None:
    """Arrays of yes/no or of messages do not disturb."""
    scan = scan_of({"x": [1.0, 2.0]}, {"converged": [True, None], "message": ["", "failed"], "obs": [1.0, 2.0]})
    assert set(scan.arrays) == {"obs"}


def test_hostile_names_of_axes() -> None:
    """An axis with mathematics in its name is drawn as it is written."""
    figure = figure_of(Scan({r"$\frac$": np.array([1.0, 2.0])}, {"twice_nll": np.array([1.0, 2.0])}, source="$_$"))
    assert style.svg_source(figure)


def test_the_command_writes_and_refuses(tmp_path: Path) -> None:
    """PNG and PDF; an existing one only with --force."""
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(limits()))
    words = ("plot", path, "-o", tmp_path / "figure")
    assert runner(*words).exit_code == 0
    again = runner(*words)
    assert again.exit_code == 2
    assert len(again.stderr.splitlines()) == 2
    assert runner(*words, "--force").exit_code == 0
    both = runner("plot", path, CARDS / "sm.yaml", "-o", tmp_path / "both")
    assert (both.exit_code, len(both.stderr.splitlines())) == (2, 1)
    assert {found.name for found in tmp_path.iterdir()} == {"scan.json", "figure.png", "figure.pdf"}


# --- spectra in true q2


def test_spectra_have_area_one() -> None:
    """The curve of a continuum integrates to 1 when normalised, to the branching fraction otherwise."""
    card = api.load_card(CARDS / "sm.yaml")
    for normalised, area in ((True, 1.0), (False, 4.97e-6)):
        line = true_spectra.true_spectra({"sm": card}, normalised=normalised).axes[0].get_lines()[0]
        x, y = np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)
        assert trapezoid(y, x) == pytest.approx(area, rel=2e-3)


def test_lines_are_arrows_and_described() -> None:
    """A narrow line has no height to be compared; its place and branching fraction are in the words."""
    card = api.load_card(CARDS / "dark_higgs.yaml")
    figure = true_spectra.true_spectra({"$H_1$": card, "sm": api.load_card(CARDS / "sm.yaml")}, normalised=False)
    assert any("line at 2 GeV" in label for label in labels(figure))
    assert true_spectra.describe(card) == "a line at q2 = 4 GeV^2 with BR 8.61e-06"
    assert true_spectra.histogram_of(np.full(5, 4.0), np.ones(5), card, "events") is None


def test_events_follow_the_spectrum() -> None:
    """The histogram of generated events holds all of them and has the shape of the continuum."""
    card = api.load_card(CARDS / "sm.yaml").override(events=20_000)
    (batch,) = api.generate(card)
    found = true_spectra.histogram_of(batch.columns["q2"], batch.columns["weight"], card, "events")
    assert found is not None
    assert found.share.sum() == pytest.approx(1.0)
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    expected = spectrum.bin_integrals(found.edges) / spectrum.rate()
    assert np.abs(found.share - expected).max() < 5.0 * np.sqrt(expected.max() / 20_000)


def test_cards_are_compared_by_the_command(tmp_path: Path) -> None:
    """Several cards make one figure; a peak much higher than the rest asks for a logarithmic axis."""
    cards = [CARDS / f"{name}.yaml" for name in ("sm", "fermion_dm", "dark_higgs")]
    assert runner("plot", *cards, "--normalised", "-o", tmp_path / "figure").exit_code == 0
    assert (tmp_path / "figure.pdf").exists()
    twice = true_spectra.figure_of_sources([CARDS / "sm.yaml", CARDS / ".." / "cards" / "sm.yaml"], normalised=True)
    assert len(set(labels(twice))) == 2
    missing = runner("plot", tmp_path / "none.yaml", "-o", tmp_path / "none")
    assert missing.exit_code == 2


# --- relic density


def test_relic_density_of_a_scan() -> None:
    """A line with the observed density along one axis, a map with its contour along two; gaps are marked."""
    line = figure_of(scan_of({"m_H1": MASSES}, {"Omega h2": [1.0, 0.2, 0.05, None]}, model="dark_higgs"))
    assert {"dark_higgs", "observed, 0.12"} <= set(labels(line))
    assert line.axes[0].get_ylabel() == r"$\Omega h^2$"
    grid = [[1.0, 0.2, 0.05], [0.5, 0.1, 0.02], [0.3, 0.06, 0.01], [0.2, 0.04, None]]
    plane = figure_of(scan_of({"m_H1": MASSES, "sin_theta": SINES}, {"Omega h2": grid}))
    assert plane.axes[0].get_yscale() == "log"
    assert "no result" in [line.get_label() for line in plane.axes[0].get_lines()]
    assert plane.axes[1].get_ylabel() == r"$\log_{10}\,\Omega h^2$"


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("dark_photon", {"dark matter", "dark matter in equilibrium"}),
        ("alp_freeze_in", {"mediator", "mediator in equilibrium", "dark matter", "dark matter in equilibrium"}),
    ],
)
def test_yields(card: str, shown: set[str], tmp_path: Path) -> None:
    """The answer of `bkgen relic --json` makes a figure; dark matter ends at today's yield."""
    answer = CliRunner().invoke(cli.app, ["relic", str(CARDS / f"{card}.yaml"), "--json"]).stdout
    path = tmp_path / "relic.json"
    path.write_text(answer)
    figure = true_spectra.figure_of_sources([path], normalised=False)
    assert shown == set(labels(figure))
    curve = figure.axes[0].get_lines()[0].get_ydata()
    assert curve[-1] == pytest.approx(json.loads(answer)["quantities"]["Y"]["value"], rel=1e-3)
    assert runner("plot", path, "-o", tmp_path / "yields").exit_code == 0
    assert (tmp_path / "yields.png").stat().st_size > 10_000


def test_no_yields_without_freeze_out() -> None:
    from bkgen_analysis.relic_plots import yields

    with pytest.raises(InputError, match="no yields to draw"):
        yields({}, "", "relic.json")
