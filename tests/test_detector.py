"""The Belle II response: efficiency, q2_rec, eta bins, acceptance, and migration against the published matrix."""

from __future__ import annotations

import csv
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bkgen_analysis import migration, responses
from four_vectors import (
    ACCEPT,
    INPUTS,
    MILLION,
    Array,
    Columns,
    chi2_p,
    columns_of,
    dot,
    flat_p,
    four,
    in_rest_frame,
    kolmogorov_p,
    momentum_columns,
    sample_of,
    to_Y4S,
    unit,
)
from numpy.testing import assert_allclose
from scipy.special import ndtr

from bkgen.constants import data_path
from bkgen.detector import detect, efficiency_at, read_efficiency
from bkgen.detector_presets import Detector
from bkgen.errors import InputError
from bkgen.generator import Beam, Sample
from bkgen.models.alp import ALP
from bkgen.models.continuum import Continuum
from bkgen.models.sm import StandardModel
from bkgen.streams import Purpose, stream

SM = StandardModel(name="sm")
BEAM = Beam()
NAMES = ["q2", "q2_rec", "weight", "efficiency", "p_invisible", "accepted", "eta_bin"]


@cache
def events(detector: str) -> tuple[Sample, Columns]:
    """A million Standard Model events through that preset."""
    sample = sample_of(SM, events=MILLION, detector=Detector.preset(detector))
    return sample, columns_of(sample, NAMES)


@cache
def published_table(tag: str) -> dict[str, Array]:
    """The efficiency file of a tag, read here: bin centres, smooth efficiency, efficiency of each eta bin."""
    text = data_path("belle2_efficiency", f"belle2_efficiency_{tag}.csv").read_text(encoding="utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    table = np.array([[float(value) for value in row] for row in rows])
    n_eta = {"ita": 4, "hta": 6}[tag]
    return {"q2": table[:, :2].mean(axis=1), "efficiency": table[:, -1], "eta": table[:, 4 : 4 + n_eta]}


def within(measured: float, expected: float, error: float, sigmas: float = 4.0) -> bool:
    """Whether two numbers agree within so many standard errors."""
    return abs(measured - expected) < sigmas * error


# --- efficiency


def test_average_efficiencies() -> None:
    """SM averages: 8.07% for the inclusive tag with its cut, 0.405% for the hadronic tag."""
    assert migration.selected_fraction("belle2-ita") == pytest.approx(0.0807, rel=1e-3)
    sample, _ = events("belle2-hta")
    spectrum = sample.spectrum
    edges = np.array(spectrum.q2_range)
    mean = spectrum.bin_integrals(edges, lambda q2: efficiency_at(sample.response, q2))[0] / spectrum.rate()
    assert mean == pytest.approx(0.00405, rel=2e-3)


@pytest.mark.parametrize(("detector", "expected"), [("belle2-ita", 0.0807), ("belle2-hta", 0.00405)])
def test_accepted_fraction(detector: str, expected: float) -> None:
    """The accepted events of a sample reproduce the average efficiency."""
    _, columns = events(detector)
    error = math.sqrt(expected / MILLION)
    assert within(float(columns["accepted"].mean()), expected, error)


@pytest.mark.parametrize(("detector", "tag"), [("belle2-ita", "ita"), ("kinematics", "ita"), ("belle2-hta", "hta")])
def test_efficiency_at_true_q2(detector: str, tag: str) -> None:
    """The column interpolates the published table at true q2, not at q2_rec, and is constant beyond its ends."""
    _, columns = events(detector)
    table = published_table(tag)
    expected = np.interp(columns["q2"], table["q2"], table["efficiency"])
    assert_allclose(columns["efficiency"], expected, rtol=1e-12)


def test_published_values_of_the_efficiency() -> None:
    """Efficiencies read off the published matrices."""
    ita, hta = events("belle2-ita")[0].response, events("belle2-hta")[0].response
    q2 = np.array([3.0, 8.0, 15.0])
    assert_allclose(efficiency_at(ita, q2), [0.158, 0.087, 0.011], rtol=0.06)
    assert_allclose(efficiency_at(hta, q2), [0.0051, 0.0048, 0.0030], rtol=0.05)


@pytest.mark.parametrize(("detector", "tag", "bins"), [("belle2-ita", "ita", 4), ("belle2-hta", "hta", 6)])
def test_eta_bins(detector: str, tag: str, bins: int) -> None:
    """eta bins follow the published shares in slices of true q2, and are equally filled by the Standard Model."""
    _, columns = events(detector)
    table = published_table(tag)
    width = table["q2"][1] - table["q2"][0]
    cell = np.clip((columns["q2"] / width).astype(np.int64), 0, len(table["q2"]) - 1)
    for first in range(0, 80, 10):
        rows = cell // 10 == first // 10
        inside = np.bincount(cell[rows], minlength=100)[first : first + 10]
        share = table["eta"][first : first + 10]
        expected = inside @ (share / share.sum(axis=1, keepdims=True))
        counts = np.bincount(columns["eta_bin"][rows], minlength=bins)
        assert chi2_p(counts, expected) >= ACCEPT
    selected = np.bincount(columns["eta_bin"], columns["efficiency"], minlength=bins)
    assert_allclose(selected / selected.sum(), 1.0 / bins, rtol=0.02)


@pytest.mark.parametrize("detector", ["ideal", "custom"])
def test_no_eta_bins(detector: str) -> None:
    """Detectors without a classifier have no eta bin, and those without a table see everything."""
    columns = columns_of(sample_of(SM, detector=Detector(name=detector)))
    assert np.all(columns["eta_bin"] == -1)
    assert np.all(columns["efficiency"] == 1.0)
    assert np.all(columns["accepted"])


# --- q2_rec


def kaon(columns: Columns) -> tuple[Array, Array]:
    """Energy of the kaon in the B frame, and its component along the flight of the B in the Y(4S) frame."""
    B, K = (to_Y4S(four(columns, name), BEAM.boost) for name in ("B", "K"))
    at_rest = in_rest_frame(K, B, INPUTS.constants.m_Bp)
    return at_rest[:, 3], dot(at_rest[:, :3], unit(B))


def test_effective_momentum_of_the_B() -> None:
    """belle2-ita replaces p_B by 0.3407 GeV inside q2_rec: E_K* = (E_B' E_K + p_B' k cos theta')/m_B."""
    detector = Detector.preset("belle2-ita", sigma_q2_rec=0.0, misreconstruction=0.0)
    sample = sample_of(SM, events=100_000, detector=detector)
    columns = columns_of(sample, ["q2_rec", *momentum_columns("B", "K")])
    m_B, m_K, p_B = INPUTS.constants.m_Bp, INPUTS.constants.m_Kp, 0.3407
    E_K, along = kaon(columns)
    energy = (math.sqrt(m_B**2 + p_B**2) * E_K + p_B * along) / m_B
    shift = -0.015  # GeV^2, of the calibration to the published matrix
    expected = 0.25 * BEAM.sqrt_s**2 + m_K**2 - BEAM.sqrt_s * energy + shift
    assert_allclose(columns["q2_rec"], expected, rtol=0.0, atol=1e-9)


def smearing(detector: Detector) -> tuple[Array, Array, Array]:
    """True q2, q2_rec of a detector, and what it is without Gaussian and mis-reconstruction."""
    exact = Detector(**{**detector.__dict__, "sigma_q2_rec": 0.0, "misreconstruction": 0.0})
    with_noise, without = (columns_of(sample_of(SM, events=400_000, detector=d)) for d in (detector, exact))
    return with_noise["q2"], with_noise["q2_rec"], without["q2_rec"]


@pytest.mark.parametrize(
    ("detector", "sigma"),
    [
        (Detector.preset("belle2-ita", misreconstruction=0.0), 0.168),
        (Detector.preset("belle2-hta"), 0.1),
        (Detector.preset("kinematics", sigma_q2_rec=0.3), 0.3),
    ],
)
def test_gaussian_of_q2_rec(detector: Detector, sigma: float) -> None:
    """The Gaussian on q2_rec has the width of the preset, or of the card."""
    _, measured, exact = smearing(detector)
    assert kolmogorov_p((measured - exact) / sigma, ndtr) >= ACCEPT


def test_hadronic_tag_starts_from_true_q2() -> None:
    """With a hadronic tag the B is known: q2_rec = q2 plus the Gaussian."""
    q2, _, exact = smearing(Detector.preset("belle2-hta"))
    assert np.array_equal(exact, q2)


@pytest.mark.parametrize("fraction", [0.0032, 0.2])
def test_misreconstruction(fraction: float) -> None:
    """That fraction of the events has a q2_rec flat in [-1, 25] GeV^2, whatever its true q2."""
    detector = Detector.preset("kinematics", misreconstruction=fraction)
    _, measured, exact = smearing(detector)
    wrong = measured != exact
    assert within(float(wrong.mean()), fraction, math.sqrt(fraction * (1.0 - fraction) / len(wrong)))
    assert flat_p(measured[wrong], -1.0, 25.0, bins=26) >= ACCEPT
    assert Detector.preset("belle2-ita").misreconstruction == 0.0032


@pytest.mark.parametrize(("detector", "cut"), [("belle2-ita", -1.0), ("kinematics", -1.0), ("belle2-hta", None)])
def test_cut(detector: str, cut: float | None) -> None:
    """No event is accepted at or below the cut on q2_rec; without one the low tail is kept."""
    sample, columns = events(detector)
    assert sample.job.detector.q2_rec_min == cut
    lowest = columns["q2_rec"][columns["accepted"]].min()
    assert columns["q2_rec"].min() < -1.0 if cut is not None else lowest < 0.0
    assert cut is None or lowest > cut


def test_cut_of_the_card() -> None:
    """A cut of one's own, with an efficiency of 1: exactly the events above it."""
    columns = columns_of(sample_of(SM, detector=Detector.preset("ideal", q2_rec_min=5.0)))
    assert np.array_equal(columns["accepted"], columns["q2_rec"] > 5.0)


# --- selected events


@pytest.mark.parametrize("detector", ["belle2-ita", "belle2-hta", "kinematics"])
def test_expected_selected_spectrum(detector: str) -> None:
    """sum(weight p_invisible efficiency [q2_rec > cut]) is what the accepted events fluctuate about, bin by bin."""
    sample, columns = events(detector)
    cut = sample.job.detector.q2_rec_min
    above = columns["q2_rec"] > (-np.inf if cut is None else cut)
    factors = columns["p_invisible"] * columns["efficiency"] * above
    total, accepted = factors.sum(), columns["accepted"].sum()
    assert within(float(accepted), float(total), math.sqrt(total))
    edges = np.linspace(-3.0, 25.0, 57)
    expected = np.histogram(columns["q2_rec"], edges, weights=factors)[0]
    assert chi2_p(np.histogram(columns["q2_rec"][columns["accepted"]], edges)[0], expected) >= ACCEPT


def test_expected_selected_spectrum_of_displaced_decays() -> None:
    """The same where X is seen part of the time: p_invisible enters, with the flight of each event."""
    model = ALP(name="alp", m_a=2.0, f_a=1e7, C_chi=50.0, m_chi=0.01)
    columns = columns_of(sample_of(model, events=MILLION, detector=Detector.preset("belle2-ita")), NAMES)
    factors = columns["p_invisible"] * columns["efficiency"] * (columns["q2_rec"] > -1.0)
    assert within(float(columns["accepted"].sum()), float(factors.sum()), math.sqrt(factors.sum()))
    assert columns["accepted"].sum() < 0.9 * np.sum(columns["efficiency"])


def test_selected_events_in_362_per_fb() -> None:
    """160.05 events at SM strength in the signal and the control region of the inclusive tag."""
    _, columns = events("belle2-ita")
    total = float(columns["weight"][columns["accepted"]].sum())
    published = responses.official().expected[:12].sum()
    assert total == pytest.approx(published, rel=0.01)


# --- efficiency files


def test_custom_efficiency(tmp_path: Path) -> None:
    """A table of q2, efficiency and sigma: linear between its rows, constant beyond them."""
    path = tmp_path / "efficiency.csv"
    path.write_text("# q2, efficiency, sigma\n2, 0.2, 0.1\n12, 0.8, 0.3\n14, 0.4, 0.0\n", encoding="utf-8")
    detector = Detector.preset("custom", efficiency=str(path))
    columns = columns_of(sample_of(SM, events=400_000, detector=detector))
    exact = columns_of(sample_of(SM, events=400_000))["q2_rec"]
    q2 = columns["q2"]
    assert_allclose(columns["efficiency"], np.interp(q2, [2.0, 12.0, 14.0], [0.2, 0.8, 0.4]), rtol=1e-12)
    sigma = np.interp(q2, [2.0, 12.0, 14.0], [0.1, 0.3, 0.0])
    smeared = sigma > 0.0
    assert kolmogorov_p(((columns["q2_rec"] - exact)[smeared]) / sigma[smeared], ndtr) >= ACCEPT
    assert np.array_equal(columns["q2_rec"][~smeared], exact[~smeared])
    variance = float(np.sum(columns["efficiency"] * (1.0 - columns["efficiency"])))
    assert within(float(columns["accepted"].sum()), float(columns["efficiency"].sum()), math.sqrt(variance))


def test_custom_sigma_of_the_card(tmp_path: Path) -> None:
    """A sigma in the card replaces that of the file; a file of two columns has none."""
    path = tmp_path / "efficiency.csv"
    path.write_text("0, 0.5\n20, 0.5\n", encoding="utf-8")
    _, measured, exact = smearing(Detector.preset("custom", efficiency=str(path)))
    assert np.array_equal(measured, exact)
    _, measured, exact = smearing(Detector.preset("custom", efficiency=str(path), sigma_q2_rec=0.25))
    assert kolmogorov_p((measured - exact) / 0.25, ndtr) >= ACCEPT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0, 0.1\n", "at least two rows"),
        ("0, 0.1, 0.2, 0.3\n1, 0.1, 0.2, 0.3\n", "at least two rows"),
        ("0, 0.1\n0, 0.2\n", "must increase"),
        ("0, 0.1\n1, 1.2\n", r"in \[0, 1\]"),
        ("0, 0.1\n1, -0.2\n", r"in \[0, 1\]"),
        ("0, 0.1, -1\n1, 0.2, 0.1\n", "sigma not negative"),
        ("0, 0.1\n1, nan\n", "finite"),
        ("0, 0.1\n1, high\n", "not a table"),
    ],
)
def test_refused_efficiency_files(tmp_path: Path, text: str, message: str) -> None:
    """Tables that are no efficiency are refused with the reason."""
    path = tmp_path / "efficiency.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_efficiency(str(path))


def test_missing_efficiency_file(tmp_path: Path) -> None:
    """A missing file is an input error."""
    with pytest.raises(InputError, match="no such file"):
        read_efficiency(str(tmp_path / "none.csv"))


def test_uneven_tables() -> None:
    """Nodes at any distance: interpolation and clamping as numpy does it."""
    sample = sample_of(SM, detector=Detector.preset("ideal"))
    q2 = np.array([0.0, 0.1, 0.11, 5.0, 22.0])
    r = sample.response._replace(
        q2=q2, efficiency=np.array([0.1, 0.9, 0.3, 0.4, 0.0]), sigma=np.zeros(5), eta_cumulative=np.zeros((5, 0))
    )
    x = np.concatenate([np.random.default_rng(1).uniform(-1.0, 24.0, 5_000), q2, [0.105]])
    n = len(x)
    efficiency, eta, accepted = np.empty(n), np.empty(n, dtype=np.int8), np.empty(n, dtype=np.bool_)
    detect(stream(1, 0, Purpose.DETECTOR), r, x, x.copy(), np.ones(n), efficiency, eta, accepted)
    assert_allclose(efficiency, np.interp(x, q2, r.efficiency), rtol=1e-12, atol=1e-15)


# --- migration


@pytest.mark.parametrize(("detector", "rms", "maximum"), [("belle2-ita", 0.006, 0.035), ("kinematics", 0.010, 0.05)])
def test_migration_between_q2_rec_bins(detector: str, rms: float, maximum: float) -> None:
    """Fractions of the selected events per q2_rec bin against true q2, as in the published matrix."""
    measured = migration.difference(migration.expected_fractions(detector))
    assert measured.rms <= rms
    assert measured.maximum <= maximum


@pytest.mark.parametrize("detector", ["belle2-ita", "kinematics"])
def test_simulated_migration_is_the_expected_one(detector: str) -> None:
    """Generated events reproduce the quadrature, within their statistics."""
    bins = migration.compared_bins()
    expected = migration.expected_fractions(detector)[:, bins]
    simulated = migration.simulated_fractions(detector, MILLION, seed=2)[:, bins]
    sample, columns = events(detector)
    per_bin = np.histogram(columns["q2"], responses.official().edges)[0][bins]
    assert sample.job.events == MILLION
    error = np.sqrt(np.maximum(expected * (1.0 - expected), 1e-4) / per_bin)
    assert np.abs(simulated - expected).max() < 0.03
    assert np.mean(((simulated - expected) / error) ** 2) < 1.5


def test_published_fractions() -> None:
    """Three fractions that add up to 1 in every bin of true q2 with events."""
    published = migration.published_fractions()
    assert published.shape == (3, 100)
    filled = ~np.isnan(published[0])
    assert np.all(filled[migration.compared_bins()])
    assert_allclose(published[:, filled].sum(axis=0), 1.0, rtol=1e-12)
    assert np.all(migration.published_errors()[:, migration.compared_bins()] < 0.02)


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_migration_figure(tmp_path: Path, suffix: str) -> None:
    """The figure is written, the same bytes each time."""
    paths = [tmp_path / f"{k}.{suffix}" for k in range(2)]
    for path in paths:
        migration.figure(path)
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 10_000
    assert first == second


def test_ideal_detector_of_any_model() -> None:
    """Without smearing, efficiency or cut every invisible event is accepted, wherever its q2_rec lies."""
    settings: dict[str, Any] = {"detector": Detector.preset("ideal")}
    columns = columns_of(sample_of(Continuum(name="continuum"), **settings))
    assert np.all(columns["accepted"])
    assert columns["q2_rec"].min() < 0.0
