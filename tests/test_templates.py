"""The published response, its null model and the templates made from them."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import tomllib
from itertools import pairwise

import numpy as np
import pytest
from bkgen_analysis import responses, templates
from bkgen_analysis.responses import CHANNELS, N_BINS, data_file
from scipy.integrate import quad

SOURCE = tomllib.loads(data_file("SOURCE.toml").read_text(encoding="utf-8"))
HAS_SIGNAL = responses.official().expected > 0.0


def null_rate(q2: float, c: dict) -> float:
    """dBR/dq2 of the short-distance SM in GeV^-2, arXiv:2207.12468 with rounded coefficients."""
    t_plus, t_minus = (c["m_B"] + c["m_K"]) ** 2, (c["m_B"] - c["m_K"]) ** 2
    z = (math.sqrt(t_plus - q2) - math.sqrt(t_plus)) / (math.sqrt(t_plus - q2) + math.sqrt(t_plus))
    series = sum(a * (z**n - (-1) ** (n - 3) * n / 3 * z**3) for n, a in enumerate(c["a_plus"]))
    f_plus = c["log_factor"] / (1 - q2 / c["m_Bs_star"] ** 2) * series
    norm = 0.5 * (4 * c["G_F"] / c["alpha_inverse"] / (2 * math.pi)) ** 2 * c["VtbVts"] ** 2
    kallen = (t_plus - q2) * (t_minus - q2)
    wilson = c["X_t"] / c["sin2_thetaW"]
    width = 3 * norm * kallen**1.5 / (24 * 64 * math.pi**3 * c["m_B"] ** 3) * (f_plus * wilson) ** 2
    return width * c["tau_B"] / c["hbar"]


@pytest.mark.parametrize("name", sorted(SOURCE))
def test_files_are_the_recorded_ones(name: str) -> None:
    entry = SOURCE[name]
    assert hashlib.sha256(data_file(name).read_bytes()).hexdigest() == entry["sha256"]
    assert entry.keys() >= {"doi", "arxiv", "table", "units", "licence", "note"}


def test_every_file_is_recorded() -> None:
    present = {path.name for path in data_file("SOURCE.toml").parent.iterdir()}
    assert present == {"SOURCE.toml", *SOURCE}


def test_null_model_follows_from_its_constants() -> None:
    response = responses.official()
    model = tomllib.loads(data_file("null_model.toml").read_text(encoding="utf-8"))
    grid = model["grid"]
    edges = np.linspace(grid["q2_min"], grid["q2_max"], grid["bins"] + 1)
    constants = (model["constants"],)
    computed = [quad(null_rate, lo, hi, constants, epsabs=0, epsrel=1e-11)[0] for lo, hi in pairwise(edges)]
    np.testing.assert_allclose(response.edges, edges, rtol=1e-14)
    np.testing.assert_allclose(response.null, computed, rtol=1e-8)
    assert response.null.sum() == pytest.approx(4.966e-6, abs=5e-10)


def test_density_sums_to_the_signal_of_the_likelihood() -> None:
    # The ITA yields agree to 6e-8, those of the HTA to 3e-5.
    workspace = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    expected = responses.official().expected
    first = 0
    for channel, published in zip(CHANNELS, sorted(workspace["channels"], key=lambda c: c["name"]), strict=True):
        assert published["name"].startswith(channel.prefix)
        rows = expected[first : first + channel.n_bins]
        first += channel.n_bins
        signal = [sample["data"] for sample in published["samples"] if sample["name"].startswith(("signal", "sgn"))]
        if channel.density is None:
            assert not signal
            assert not rows.any()
        else:
            np.testing.assert_allclose(rows, signal[0], rtol=6e-8 if channel.prefix in "AB" else 3e-5)
    assert first == N_BINS


def test_response_is_shared_and_read_only() -> None:
    response = responses.official()
    assert response is responses.official()
    with pytest.raises(ValueError, match="read-only"):
        response.null[0] = 1.0


def test_inconsistent_response_is_refused() -> None:
    response = responses.official()
    with pytest.raises(ValueError, match="inconsistent shape"):
        responses.Response(response.edges, response.density[:, 1:], response.null)


def test_null_template_is_one() -> None:
    response = responses.official()
    without_q2 = response.density[HAS_SIGNAL, 0] / response.expected[HAS_SIGNAL]
    assert np.all(templates.null_template()[~HAS_SIGNAL] == 0.0)
    np.testing.assert_allclose(templates.null_template()[HAS_SIGNAL], 1.0 - without_q2, rtol=1e-13)
    np.testing.assert_allclose(templates.null_template(column_0=1.0)[HAS_SIGNAL], 1.0, rtol=1e-13)
    # Only the HTA has events without a generated q2, two in a thousand.
    assert 0.0 < without_q2.max() < 2.5e-3


def test_template_is_the_published_formula() -> None:
    response = responses.official()
    branching = np.random.default_rng(1).uniform(0.0, 1e-5, response.null.size)
    for x, value in enumerate(templates.template(branching, column_0=0.3)):
        n = response.density[x]
        events = 0.3 * n[0] + sum(n[j + 1] * branching[j] / response.null[j] for j in range(branching.size))
        assert value == pytest.approx(events / n.sum() if HAS_SIGNAL[x] else 0.0, rel=1e-12)


def test_template_is_linear() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.uniform(0.0, 1e-5, (2, responses.official().null.size))
    both = 2.0 * templates.template(a) + 3.0 * templates.template(b)
    np.testing.assert_allclose(templates.template(2.0 * a + 3.0 * b), both, rtol=1e-12)


def test_new_physics_shifts_yields_by_its_branching_fraction() -> None:
    # A model with the shape of the null model and twice its rate has twice its yields.
    doubled = templates.template(2.0 * responses.official().null)
    np.testing.assert_allclose(doubled, 2.0 * templates.null_template(), rtol=1e-13)


def test_narrow_line_moves_through_the_bins_of_q2_rec() -> None:
    response = responses.official()
    sums = responses.q2_rec_projection() @ (responses.official().expected * HAS_SIGNAL)
    for mass, loudest in ((1.0, 0), (2.4, 1), (3.6, 2)):
        line = np.zeros(response.null.size)
        line[np.searchsorted(response.edges, mass**2) - 1] = 1e-6
        events = responses.q2_rec_projection() @ (response.expected * templates.template(line))
        assert np.argmax(events / sums) == loudest


def test_q2_rec_projection_sums_region_a_over_eta() -> None:
    projection = responses.q2_rec_projection()
    yields = np.arange(N_BINS, dtype=np.float64)
    np.testing.assert_array_equal(projection @ yields, [0 + 3 + 6, 1 + 4 + 7, 2 + 5 + 8])


@pytest.mark.parametrize(
    ("branching", "message"),
    [
        (np.ones(99), "shape"),
        (np.ones((100, 1)), "shape"),
        (np.full(100, np.nan), "finite"),
        (np.full(100, np.inf), "finite"),
    ],
)
def test_unusable_branching_fractions_are_refused(branching: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        templates.template(branching)


def test_templates_do_not_import_the_fit() -> None:
    heavy = {"jax", "pyhf", "matplotlib"}
    code = f"import sys, bkgen_analysis.templates; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
