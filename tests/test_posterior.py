"""Posteriors: Laplace's approximation against importance sampling, intervals against known densities."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from bkgen_analysis import points, posterior
from bkgen_analysis.cli import register
from bkgen_analysis.likelihood import Likelihood, Signal, official
from bkgen_analysis.minimise import minimise
from bkgen_analysis.posterior import Parameter, Posterior
from bkgen_analysis.responses import Array
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError

ONES = np.ones(30)


def card(model: dict[str, Any], **settings: Any) -> Card:
    """A B+ -> K+ card."""
    return load_card({"schema": 1, "model": model, "channel": "B+ -> K+", **settings})


WET = card({"name": "wet", "C_VL": 10.0}, inputs={"set": "eos"})


@pytest.fixture(scope="module")
def strength() -> Posterior:
    """mu_SM with a flat prior."""
    sm = card({"name": "sm"})
    return posterior.posterior(sm, [posterior.parameter(sm, "mu")])


def hamiltonian_samples(likelihood: Likelihood, n: int, seed: int) -> Array:
    """(n, n_parameters) samples of mu_SM and all nuisance parameters: no profile, no determinant, no Gaussian.

    Hamiltonian Monte Carlo whose mass matrix is the Hessian at the maximum; paths are reflected at pyhf's bounds.
    """
    signal, rng = Signal(0.0, ONES), np.random.default_rng(seed)
    best = minimise(likelihood, signal)
    hessian = 0.5 * likelihood.hessian(best.parameters, signal)
    covariance = np.linalg.inv(hessian)
    root = np.linalg.cholesky(covariance)
    x, at = best.parameters, best.evaluation
    samples = np.empty((n, x.size))
    for i in range(n):
        v, step = root @ rng.normal(size=x.size), rng.uniform(0.3, 0.4)
        there, now = x, at
        total = 0.5 * at.twice_nll + 0.5 * float(v @ hessian @ v)
        for _ in range(rng.integers(3, 6)):
            v = v - 0.25 * step * (covariance @ now.gradient)
            there, v = flight(there, v, step, likelihood, covariance)
            now = likelihood.evaluate(there, signal)
            if not math.isfinite(now.twice_nll):
                break
            v = v - 0.25 * step * (covariance @ now.gradient)
        if math.log(rng.random()) < total - 0.5 * now.twice_nll - 0.5 * float(v @ hessian @ v):
            x, at = there, now
        samples[i] = x
    return samples


def flight(x: Array, v: Array, time: float, likelihood: Likelihood, covariance: Array) -> tuple[Array, Array]:
    """Straight flight that is reflected at the bounds of the parameters, with the inverse mass matrix `covariance`."""
    while True:
        wall = np.where(v > 0.0, likelihood.upper, likelihood.lower)
        times = np.maximum((wall - x) / v, 0.0)
        k = int(np.argmin(times))
        if times[k] >= time:
            return x + time * v, v
        x, time = x + times[k] * v, time - times[k]
        x[k] = wall[k]
        v = v - 2.0 * v[k] / covariance[k, k] * covariance[k]


def error_of_mean(chain: Array) -> float:
    """Statistical error of the mean of a chain, from the spread of its 40 pieces."""
    pieces = chain[: chain.size // 40 * 40].reshape(40, -1).mean(axis=1)
    return float(pieces.std(ddof=1) / 40**0.5)


def test_laplace_against_hamiltonian_sampling(strength: Posterior) -> None:
    """mu agrees with samples of all 232 parameters; the profile is farther off.

    20,000 samples give a mean of 4.486 +- 0.023; Laplace's approximation gives 4.542, the profile 4.637.
    """
    likelihood = official()
    chain = hamiltonian_samples(likelihood, 3200, seed=3)[200:, likelihood.poi]
    error = error_of_mean(chain)
    assert error < 0.06
    m = strength.marginal("mu")
    assert m.mean == pytest.approx(chain.mean(), abs=0.06 + 2.0 * error)
    assert m.mean == pytest.approx(4.486, abs=0.07)
    spread = math.sqrt(float(np.trapezoid((m.values - m.mean) ** 2 * m.density, m.values)))
    assert spread == pytest.approx(chain.std(), rel=0.06)
    profile, values = np.exp(strength.log_profile), strength.axes[0]
    mean = float(np.trapezoid(values * profile, values) / np.trapezoid(profile, values))
    assert mean - 4.486 > 2.0 * abs(m.mean - 4.486)


def test_grid_is_laplaces_formula(strength: Posterior) -> None:
    """The grid with its interpolated determinant gives the same ratios as the full Hessian at single points."""
    exact = [posterior.log_marginal_likelihood(Signal(0.0, mu * ONES)) for mu in (1.0, 4.0, 8.0)]
    on_grid = np.interp([1.0, 4.0, 8.0], strength.axes[0], strength.log_density)
    np.testing.assert_allclose(np.diff(on_grid), np.diff(exact), atol=0.02)


def test_posterior_of_the_strength(strength: Posterior) -> None:
    """About the published 4.6 +- 1.3; normalised; the flat prior contains all of it."""
    m = strength.marginal("mu")
    assert strength.converged == 1.0
    assert np.trapezoid(m.density, m.values) == pytest.approx(1.0, abs=1e-9)
    assert m.mode == pytest.approx(4.60, abs=0.15)
    low, high = m.intervals[0]
    assert 0.5 * (high - low) == pytest.approx(1.3, rel=0.05)
    assert m.intervals[1][0] < low < m.mode < high < m.intervals[1][1]
    assert not posterior.warnings(strength)


def test_coefficient_and_strength_are_one_posterior_up_to_the_prior(strength: Posterior) -> None:
    """C_VL scales the SM by (C_VL/C_SM)^2: a flat prior in C_VL is the same likelihood without Jacobian."""
    wet = card({"name": "wet"})
    sm = float(wet.physics_inputs.constants.C_SM_nu)
    result = posterior.posterior(wet, [Parameter("C_VL", 0.0, 20.0)], points=40)
    x, log_density = result.axes[0], result.log_density
    others = np.interp((x / sm) ** 2, strength.axes[0], strength.log_density)
    inside = ((x / sm) ** 2 > 1.5) & ((x / sm) ** 2 < 7.5)
    difference = (log_density - others)[inside]
    assert inside.sum() > 10
    assert np.ptp(difference) < 0.08  # null model and card differ by less than a percent in shape


def test_quadratic_form_is_exact() -> None:
    """The template of three coefficients from ten points is that of a card."""
    names = [Parameter(name, 0.0, 20.0) for name in ("C_VL", "C_SL", "C_TL")]
    template = posterior.signals(WET, names)
    for values in ((11.3, 0.0, 8.21), (0.3, 17.0, 1.0), (-4.0, 2.0, -6.0)):
        there = WET.with_model(dict(zip(("C_VL", "C_SL", "C_TL"), values, strict=True)))
        np.testing.assert_allclose(template(values).template, points.point(there).template, rtol=1e-9)


def test_quadratic_form_of_one_to_three_variables() -> None:
    """Any polynomial of second degree is reproduced."""
    rng = np.random.default_rng(1)
    for n in (1, 2, 3):
        A, b = rng.normal(size=(4, n, n)), rng.normal(size=(4, n))

        def function(x: Any, A: Array = A, b: Array = b) -> Array:
            return np.asarray(np.einsum("kij,i,j->k", A, x, x) + b @ np.asarray(x) + 1.5)

        x = rng.uniform(-20.0, 20.0, n).tolist()
        np.testing.assert_allclose(posterior.quadratic_form(function, n)(x), function(x), rtol=1e-10)


def test_published_result_in_two_dimensions() -> None:
    """Vector and tensor: density of a ridge; the published mode (11.3, -, 8.21) of arXiv:2507.12393 is on it."""
    parameters = [posterior.parameter(WET, name) for name in ("C_VL", "C_TL")]
    result = posterior.posterior(WET, parameters, points=11)
    assert result.converged == 1.0
    assert result.log_density.shape == (11, 11)
    density = np.exp(result.log_density)
    total = np.trapezoid(np.trapezoid(density, result.axes[1], axis=1), result.axes[0])
    assert total == pytest.approx(1.0, abs=1e-9)
    assert result.mode == pytest.approx((11.3, 8.2), abs=1.0)
    for name in ("C_VL", "C_TL"):
        m = result.marginal(name)
        assert np.trapezoid(m.density, m.values) == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_array_equal(result.pair(0, 1), density)


def test_parameters_of_other_models() -> None:
    """Mixing angle and strength of a dark Higgs boson: sin_theta enters as its square."""
    block = {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3.0}
    higgs = card({"name": "dark_higgs", "m_H1": 2.1, "sin_theta": 4e-3, "Zp": block})
    result = posterior.posterior(higgs, [Parameter("sin_theta", 1e-4, 1e-2)], points=40)
    fitted, here = points.fit_card(higgs)
    assert result.mode[0] == pytest.approx(4e-3 * math.sqrt(fitted.mu), rel=0.03)
    mu = posterior.parameter(higgs, "mu")
    assert (mu.lower, mu.upper) == (0.0, pytest.approx(fitted.mu + 6.0 * (fitted.interval_68[1] - fitted.mu)))
    signal = posterior.signals(higgs, [Parameter("mu", 0.0, 9.0), Parameter("sin_theta", 1e-4, 1e-2)])([3.0, 4e-3])
    np.testing.assert_allclose(signal.template, 3.0 * here.template, rtol=1e-12)
    assert signal.fixed == 1.0


def gauss(x: Array, mean: float, sigma: float) -> Array:
    """Normal density."""
    return np.asarray(np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi)))


def test_highest_density_regions_of_known_densities() -> None:
    """Normal, exponential at its edge, and two peaks."""
    x = np.linspace(-6.0, 6.0, 60)
    assert posterior.highest_density(x, gauss(x, 0.5, 1.0), 0.68) == pytest.approx((-0.4945, 1.4945), abs=0.01)
    x = np.linspace(0.0, 30.0, 100)
    assert posterior.highest_density(x, np.exp(-x), 0.95) == pytest.approx((0.0, 2.9957), abs=0.03)
    x = np.linspace(-10.0, 10.0, 200)
    two = posterior.highest_density(x, 0.5 * gauss(x, -5.0, 0.5) + 0.5 * gauss(x, 5.0, 0.5), 0.68)
    assert two == pytest.approx((-5.4972, -4.5028, 4.5028, 5.4972), abs=0.02)


def test_zero_signal_and_impossible_yields() -> None:
    """No signal at all is a point like others; a density that vanishes everywhere is an error."""
    assert math.isfinite(posterior.log_marginal_likelihood(Signal(0.0, 0.0 * ONES)))
    assert posterior.log_marginal_likelihood(Signal(0.0, -1e4 * ONES)) == -math.inf
    with pytest.raises(InputError, match="vanishes everywhere"):
        posterior.marginalise(lambda values: Signal(0.0, values[0] * ONES), [Parameter("mu", -2e4, -1e4)])


def test_prior_that_cuts_the_density_is_named() -> None:
    """A range too small for the data shows in the warnings."""
    sm = card({"name": "sm"})
    result = posterior.posterior(sm, [Parameter("mu", 0.0, 5.0)], points=20)
    assert posterior.warnings(result) == ["the prior of mu cuts the density at its upper end: results depend on it"]


def test_unusable_parameters_are_refused_in_one_line() -> None:
    """Ranges, names, numbers of parameters, channels."""
    sm, alp = card({"name": "sm"}), card({"name": "alp", "m_a": 1.0, "f_a": 1e8, "C_chi": 1.0, "m_chi": 0.3})
    for job, text, message in (
        (WET, "C_VL=3", "NAME=LOWER:UPPER"),
        (WET, "C_VL=5:2", "NAME=LOWER:UPPER"),
        (WET, "C_VL=0:inf", "NAME=LOWER:UPPER"),
        (alp, "f_a", "needs the range"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            posterior.parameter(job, text)
        assert len(str(caught.value).splitlines()) == 1
    mu, C_VL = Parameter("mu", 0.0, 9.0), Parameter("C_VL", 0.0, 20.0)
    other = card({"name": "wet"}).resolved() | {"channel": "B0 -> K0", "detector": "ideal"}
    for job, parameters, message in (
        (sm, [], "one to three"),
        (sm, [mu, mu], "twice"),
        (sm, [C_VL], "no parameter but mu"),
        (WET, [Parameter("C_XX", 0.0, 1.0)], "C_XX"),
        (alp, [Parameter("f_a", -1.0, 1e8)], "f_a"),
        (load_card(other), [C_VL], r"B\+ -> K\+ only"),
    ):
        with pytest.raises(InputError, match=message):
            posterior.posterior(job, parameters)


def test_command_line(tmp_path: Any) -> None:
    """All numbers of a posterior in JSON."""
    if "posterior" not in {command.callback.__name__ for command in cli.app.registered_commands if command.callback}:
        register(cli.app)
    path = tmp_path / "sm.yaml"
    path.write_text("schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n", encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["posterior", str(path), "--poi", "mu=0:15", "--points", "20", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)["quantities"]
    assert found["prior(mu)"]["value"] == [0.0, 15.0]
    assert found["interval_95(mu)"]["value"][0] < found["mode(mu)"]["value"] < found["interval_95(mu)"]["value"][1]
    assert found["converged"]["value"] is True
    bad = CliRunner().invoke(cli.app, ["posterior", str(path), "--poi", "mu=3"])
    assert bad.exit_code == 2
    assert len(bad.stderr.splitlines()) == 1
