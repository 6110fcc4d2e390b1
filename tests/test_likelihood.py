"""The published Belle II likelihood: agreement with pyhf, minimisation, and published numbers."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import iminuit
import jax
import numpy as np
import pyhf
import pytest
from bkgen_analysis import fit, minimise, responses, templates
from bkgen_analysis.fit import FitResult
from bkgen_analysis.likelihood import BACKGROUND, STANDARD_MODEL, Likelihood, Signal, official
from bkgen_analysis.responses import N_BINS, Array, data_file
from scipy.integrate import quad

from bkgen.errors import InputError


@pytest.fixture(scope="module")
def reference() -> Any:
    """pyhf's own model under its NumPy backend, built before ours exists."""
    spec = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    model = pyhf.Model({"channels": spec["channels"]}, poi_name="mu", validate=False)
    return model, np.asarray(pyhf.Workspace(spec, validate=False).data(model))


@pytest.fixture(scope="module")
def likelihood(reference: Any) -> Likelihood:
    return official()


@pytest.fixture(scope="module")
def sm_fit() -> FitResult:
    return fit.fit(poi="sm")


def random_parameters(likelihood: Likelihood, seed: int, spread: float = 1.0) -> Array:
    """Nuisance parameters within `spread` of their constraint widths (|alpha| crosses 1), strength 2.5."""
    rng = np.random.default_rng(seed)
    constrained = likelihood.curvature > 0.0
    width = np.sqrt(2.0 / np.where(constrained, likelihood.curvature, 1.0)) * constrained
    point = likelihood.start + spread * width * rng.uniform(-1.0, 1.0, likelihood.start.size)
    point = np.clip(point, likelihood.lower, likelihood.upper)
    point[likelihood.poi] = 2.5
    return point


def line(mass: float, branching: float = 1e-6) -> Array:
    """Template of a stable X of that mass in GeV: all of it in the bin of true q2 that holds its square."""
    response = responses.official()
    bins = np.zeros(response.null.size)
    bins[np.searchsorted(response.edges, mass**2) - 1] = branching
    return templates.template(bins)


def resonance(mass: float, width: float, branching: float = 1e-6) -> Array:
    """Template of an invisible scalar of that mass and width in GeV.

    Shape: sqrt(Kallen) f_0(q2)^2 (phase space and form factor of B -> K S, f_0 of arXiv:2207.12468), times
    the relativistic Breit-Wigner sqrt(q2)/((q2 - m^2)^2 + m^2 Gamma^2).
    """
    m_B, m_K, t_plus = 5.27941, 0.493677, (5.279495 + 0.495644) ** 2

    def density(q2: float) -> float:
        z = (math.sqrt(t_plus - q2) - math.sqrt(t_plus)) / (math.sqrt(t_plus - q2) + math.sqrt(t_plus))
        f_0 = (0.254536043 + 0.210887 * z + 0.0276281 * z**2) / (1 - q2 / 5.729495**2)
        kallen = ((m_B + m_K) ** 2 - q2) * ((m_B - m_K) ** 2 - q2)
        return f_0**2 * math.sqrt(kallen * q2) / ((q2 - mass**2) ** 2 + (mass * width) ** 2)

    edges = responses.official().edges
    integrals = [quad(density, lo, hi, epsabs=0, epsrel=1e-8, limit=200)[0] for lo, hi in pairwise(edges)]
    return templates.template(branching * np.array(integrals) / sum(integrals))


# --- the model is pyhf's ---


def test_bins_and_parameters_are_pyhfs(reference: Any, likelihood: Likelihood) -> None:
    model, data = reference
    assert model.config.nmaindata == N_BINS
    assert likelihood.names == tuple(model.config.par_names)
    assert len(likelihood.names) == 232
    assert likelihood.names[likelihood.poi] == "mu"
    np.testing.assert_array_equal(np.flatnonzero(likelihood.curvature == 0.0), [likelihood.poi])
    np.testing.assert_array_equal(likelihood.observed.main, data[:N_BINS])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.0, 1.0, 4.6])
def test_likelihood_is_pyhfs(reference: Any, likelihood: Likelihood, seed: int, strength: float) -> None:
    model, data = reference
    point = random_parameters(likelihood, seed, spread=2.0)
    point[likelihood.poi] = strength
    expected = -2.0 * model.logpdf(point, data)[0]
    assert likelihood.evaluate(point, STANDARD_MODEL).twice_nll == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_yields_are_linear_in_the_strength(reference: Any, likelihood: Likelihood, seed: int) -> None:
    model, _ = reference

    def published(strength: float) -> Array:
        at_strength = point.copy()
        at_strength[likelihood.poi] = strength
        return np.asarray(model.expected_actualdata(at_strength))

    point = random_parameters(likelihood, seed, spread=2.0)
    background, unit_signal = published(0.0), published(1.0) - published(0.0)
    np.testing.assert_allclose(published(7.3), background + 7.3 * unit_signal, rtol=1e-12)
    ours = likelihood.evaluate(point, STANDARD_MODEL)
    np.testing.assert_allclose(ours.background, background, rtol=1e-12)
    np.testing.assert_allclose(ours.unit_signal, unit_signal, rtol=1e-9, atol=1e-10)
    template = line(2.1)
    yields, _ = likelihood.jacobian(point, Signal(1.0, template))
    np.testing.assert_allclose(yields, background + unit_signal * (1.0 + 2.5 * template), rtol=1e-12)


def test_pyhf_backend_is_left_alone(reference: Any, likelihood: Likelihood) -> None:
    model, _ = reference
    assert likelihood.names
    assert pyhf.tensorlib.name == "numpy"
    assert isinstance(model.expected_actualdata(likelihood.start), np.ndarray)


# --- derivatives ---


@pytest.mark.parametrize("signal", [STANDARD_MODEL, Signal(1.0, line(2.1))], ids=["sm", "line"])
def test_gradient_is_the_slope(likelihood: Likelihood, signal: Signal) -> None:
    point = random_parameters(likelihood, 5)
    gradient = likelihood.evaluate(point, signal).gradient
    steps = 1e-4 / np.sqrt(np.diag(likelihood.gauss_newton(point, signal)))
    for k, step in enumerate(steps):
        shift = np.zeros_like(point)
        shift[k] = step
        above = likelihood.evaluate(point + shift, signal).twice_nll
        below = likelihood.evaluate(point - shift, signal).twice_nll
        slope = (above - below) / (2.0 * step)
        assert gradient[k] * step == pytest.approx(slope * step, rel=1e-5, abs=1e-9)


def test_jacobian_is_the_slope_of_the_yields(likelihood: Likelihood) -> None:
    point, signal = random_parameters(likelihood, 6), Signal(1.0, line(2.1))
    _, jacobian = likelihood.jacobian(point, signal)
    direction = np.random.default_rng(7).normal(size=point.size) * 1e-6
    above, _ = likelihood.jacobian(point + direction, signal)
    below, _ = likelihood.jacobian(point - direction, signal)
    np.testing.assert_allclose(jacobian @ direction, 0.5 * (above - below), rtol=1e-4)


def test_gauss_newton_is_the_hessian_where_data_follow_the_model(likelihood: Likelihood) -> None:
    # With data equal to the expectation the second derivatives of the yields drop out.
    point = random_parameters(likelihood, 8, spread=0.5)
    data = likelihood.asimov(point, STANDARD_MODEL)
    full = likelihood.hessian(point, STANDARD_MODEL, data)
    approximate = likelihood.gauss_newton(point, STANDARD_MODEL, data)
    scale = np.sqrt(np.diag(full))
    np.testing.assert_allclose(full / np.outer(scale, scale), approximate / np.outer(scale, scale), atol=1e-5)


def test_impossible_yields_are_infinitely_unlikely(likelihood: Likelihood) -> None:
    point = likelihood.start.copy()
    point[likelihood.poi] = -1e3
    assert likelihood.evaluate(point, STANDARD_MODEL).twice_nll == math.inf
    nothing = replace(likelihood.observed, main=np.zeros(N_BINS))
    assert likelihood.evaluate(point, STANDARD_MODEL, nothing).twice_nll == math.inf


# --- published numbers: arXiv:2311.14647, arXiv:2507.12393 ---


def test_free_fit_of_the_sm(sm_fit: FitResult) -> None:
    assert sm_fit.converged
    assert sm_fit.edm < 1e-7
    assert sm_fit.twice_nll == pytest.approx(-23.3343, abs=1e-4)
    assert sm_fit.mu == pytest.approx(4.60, abs=0.005)
    low, high = sm_fit.interval_68
    assert sm_fit.mu - low == pytest.approx(1.3, abs=0.05)
    assert high - sm_fit.mu == pytest.approx(1.3, abs=0.05)
    assert sm_fit.z_background == pytest.approx(3.46, abs=0.01)
    assert sm_fit.z_sm == pytest.approx(2.72, abs=0.01)


def test_narrow_x_at_2_1_gev() -> None:
    result = fit.fit(line(2.1))
    assert result.converged
    assert result.mu * 1e-6 == pytest.approx(8.5e-6, rel=0.02)
    # The improvement is quoted relative to the SM, mu_SM = 1.
    assert result.z_sm**2 == pytest.approx(13.2, rel=0.02)


def test_broad_x_at_2_1_gev() -> None:
    result = fit.fit(resonance(2.1, 0.1))
    assert result.converged
    assert result.mu * 1e-6 == pytest.approx(9.1e-6, rel=0.02)
    assert result.z_sm**2 == pytest.approx(13.1, rel=0.02)


@pytest.mark.parametrize("template_of", [line, lambda mass: resonance(mass, 0.1)], ids=["narrow", "broad"])
def test_best_mass(template_of: Any) -> None:
    masses = np.array([1.0, 1.5, 1.8, 1.9, 2.0, 2.1, 2.2, 2.3, 2.4, 2.6, 3.0])
    significances = [fit.fit(template_of(float(mass))).z_sm for mass in masses]
    assert 2.1 <= masses[int(np.argmax(significances))] <= 2.2


def test_narrow_x_steps_at_a_bin_edge() -> None:
    assert fit.fit(line(2.1)).mu > 1.15 * fit.fit(line(2.2)).mu


# --- the fit ---


@pytest.mark.parametrize("poi", ["sm", "np"])
def test_another_optimiser_agrees(likelihood: Likelihood, poi: fit.Poi) -> None:
    result = fit.fit(None if poi == "sm" else line(2.1), poi=poi)
    signal = result.minimum.signal
    minuit = iminuit.Minuit(
        lambda x: likelihood.evaluate(x, signal).twice_nll,
        likelihood.start,
        grad=lambda x: likelihood.evaluate(x, signal).gradient,
        name=likelihood.names,
    )
    minuit.limits = list(zip(likelihood.lower, likelihood.upper, strict=True))
    minuit.tol = 1e-4
    minuit.migrad()
    assert minuit.valid
    assert minuit.fval == pytest.approx(result.twice_nll, abs=1e-5)
    sigma = 0.5 * (result.interval_68[1] - result.interval_68[0])
    assert abs(minuit.values[likelihood.poi] - result.mu) < 3e-3 * sigma
    assert result.twice_nll <= minuit.fval + 1e-7


@pytest.mark.parametrize("poi", ["sm", "np"])
def test_interval_ends_are_on_the_profile(likelihood: Likelihood, poi: fit.Poi) -> None:
    result = fit.fit(None if poi == "sm" else line(2.1), poi=poi)
    assert result.interval_68[0] < result.mu < result.interval_68[1]
    for end in result.interval_68:
        profile = minimise.minimise(likelihood, result.minimum.signal, strength=end)
        assert profile.converged
        assert profile.twice_nll - result.twice_nll == pytest.approx(1.0, abs=1e-4)


def test_template_of_the_null_model_is_the_sm(sm_fit: FitResult) -> None:
    result = fit.fit(templates.null_template(column_0=1.0))
    assert result.mu + 1.0 == pytest.approx(sm_fit.mu, abs=1e-4)
    assert result.twice_nll == pytest.approx(sm_fit.twice_nll, abs=1e-7)
    np.testing.assert_allclose(np.add(result.interval_68, 1.0), sm_fit.interval_68, atol=1e-3)
    # Without column 0, which only the HTA has, the strength rises by less than its share of the events.
    assert fit.fit(templates.null_template()).mu + 1.0 == pytest.approx(sm_fit.mu, rel=2e-3)
    total = fit.fit(templates.null_template(column_0=1.0), poi="wet")
    assert total.mu == pytest.approx(sm_fit.mu, abs=1e-4)
    assert total.z_sm == pytest.approx(sm_fit.z_sm, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1e6])
def test_normalisation_of_the_card_drops_out(scale: float) -> None:
    unit, scaled = fit.fit(line(2.1)), fit.fit(line(2.1, scale * 1e-6))
    assert scaled.converged
    assert scaled.mu * scale == pytest.approx(unit.mu, rel=1e-4)
    assert scaled.twice_nll == pytest.approx(unit.twice_nll, abs=1e-7)


def test_every_narrow_line_converges() -> None:
    # The last five bins of true q2 hold no selected signal.
    for mass in np.sqrt(responses.official().edges[:95] + 0.1)[::7]:
        result = fit.fit(line(float(mass)))
        assert result.converged, mass
        assert result.interval_68[0] < result.mu < result.interval_68[1]


def test_strength_may_be_negative() -> None:
    # The data lie below the SM-plus-background expectation where a 3 GeV line would be.
    result = fit.fit(line(3.0))
    assert result.converged
    assert result.mu < 0.0
    assert np.all(result.background + result.standard_model + result.new_physics > 0.0)


def test_asimov_data_give_back_the_injected_strength(likelihood: Likelihood) -> None:
    signal = Signal(1.0, line(2.1))
    truth = random_parameters(likelihood, 9, spread=0.5)
    data = likelihood.asimov(truth, signal)
    result = fit.fit(signal.template, data=data)
    assert result.converged
    assert result.mu == pytest.approx(2.5, abs=1e-3)
    np.testing.assert_allclose(result.parameters, truth, atol=1e-3)


def test_bounds_hold(likelihood: Likelihood) -> None:
    best = minimise.minimise(likelihood, STANDARD_MODEL)
    pulled = int(np.argmax(np.abs(best.parameters - likelihood.start) * (likelihood.lower == -5.0)))
    limit = 0.5 * float(best.parameters[pulled])
    tight = copy.copy(likelihood)
    tight.lower, tight.upper = likelihood.lower.copy(), likelihood.upper.copy()
    (tight.lower if limit < 0.0 else tight.upper)[pulled] = limit
    bounded = minimise.minimise(tight, STANDARD_MODEL)
    assert bounded.converged
    assert bounded.parameters[pulled] == limit
    assert bounded.twice_nll > best.twice_nll
    assert bounded.evaluation.gradient[pulled] * math.copysign(1.0, limit) < 0.0


def test_a_poor_start_is_reported(likelihood: Likelihood) -> None:
    with pytest.raises(ValueError, match="not all positive"):
        minimise.minimise(likelihood, STANDARD_MODEL, strength=-1e4)


def test_post_fit_yields(likelihood: Likelihood, sm_fit: FitResult) -> None:
    after = fit.postfit(sm_fit)
    np.testing.assert_allclose(after.background, sm_fit.background, rtol=1e-12)
    np.testing.assert_allclose(after.total, sm_fit.background + sm_fit.standard_model, rtol=1e-12)
    assert not sm_fit.new_physics.any()
    # Parabolic and profile-likelihood uncertainties agree closely.
    sigma = math.sqrt(after.parameter_covariance[likelihood.poi, likelihood.poi])
    assert sigma == pytest.approx(0.5 * (sm_fit.interval_68[1] - sm_fit.interval_68[0]), rel=0.01)
    projection = responses.q2_rec_projection()
    data = projection @ likelihood.observed.main
    signal = data - projection @ after.background
    band = np.sqrt(np.diag(projection @ after.background_covariance @ projection.T))
    assert np.all(np.abs(signal - projection @ sm_fit.standard_model) < 2.0 * np.sqrt(data))
    assert np.all((band > 0.3 * np.sqrt(data)) & (band < 3.0 * np.sqrt(data)))
    # The fit fixes the total to about the statistical precision of the data.
    total = np.sqrt(np.diag(projection @ after.total_covariance @ projection.T))
    assert np.all(total < 1.1 * np.sqrt(data))


def test_post_fit_split_of_new_physics() -> None:
    result = fit.fit(line(2.1))
    after = fit.postfit(result)
    parts = result.background + result.standard_model + result.new_physics
    np.testing.assert_allclose(after.total, parts, rtol=1e-12)
    assert result.new_physics.sum() > result.standard_model.sum() > 0.0


@pytest.mark.parametrize(
    ("template", "poi", "error", "message"),
    [
        (np.ones(N_BINS), "sm", ValueError, "no template"),
        (None, "np", ValueError, "needs a template"),
        (np.ones(N_BINS + 1), "np", ValueError, "shape"),
        (np.full(N_BINS, np.nan), "np", ValueError, "finite"),
        (np.zeros(N_BINS), "np", InputError, "no events"),
    ],
)
def test_unusable_templates_are_refused(
    template: Array | None, poi: fit.Poi, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit.fit(template, poi=poi)


def test_foreign_workspaces_are_refused() -> None:
    spec = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    spec["channels"] = spec["channels"][:-1]
    spec["observations"] = spec["observations"][:-1]
    with pytest.raises(ValueError, match="channels"):
        Likelihood(spec)


# --- speed ---


def test_model_points_do_not_compile(sm_fit: FitResult, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), jax.log_compiles():
        fit.fit(line(1.7))
        compiled = [record for record in caplog.records if "ompil" in record.getMessage()]
        assert not compiled
        # The log does show compilations when there are any.
        jax.jit(lambda x: x + sm_fit.mu)(1.0)
    assert any("ompil" in record.getMessage() for record in caplog.records)


def test_next_model_point_is_fast() -> None:
    """No rebuilding and no recompilation: another model point takes less than 0.1 s."""
    fit.references()
    times = []
    for mass in np.linspace(1.5, 2.7, 25):  # the shortest of many, as other tests run beside this one
        start = time.perf_counter()
        fit.fit(line(mass))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_references_are_fitted_once() -> None:
    assert fit.references() is fit.references()
    assert BACKGROUND.fixed == 0.0
