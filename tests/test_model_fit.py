"""Several parameters of interest, form factors as nuisance parameters, intervals and goodness of fit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import iminuit
import numpy as np
import pyhf
import pytest
from bkgen_analysis import (
    commands,
    couplings,
    fit,
    goodness,
    intervals,
    minimise,
    model_fit,
    points,
    response_errors,
    responses,
    templates,
)
from bkgen_analysis.card_signals import CardTemplates
from bkgen_analysis.cli import register
from bkgen_analysis.likelihood import STANDARD_MODEL, Likelihood, official
from bkgen_analysis.responses import CHANNELS, N_BINS, Array, data_file
from bkgen_analysis.signals import Polynomial, Reevaluated, Signal
from typer.testing import CliRunner

from bkgen import cli
from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"
COEFFICIENTS = ("C_VL", "C_SL", "C_TL")


def wet(**coefficients: float) -> Card:
    """The effective theory with the constants of EOS."""
    model = {"name": "wet", **coefficients}
    return load_card({"schema": 1, "model": model, "channel": "B+ -> K+", "inputs": {"set": "eos"}})


def named(name: str) -> Card:
    """A ready card."""
    return load_card(CARDS / f"{name}.yaml")


@pytest.fixture(scope="module")
def likelihood() -> Likelihood:
    return official()


@pytest.fixture(scope="module")
def wet_fits() -> dict[str, model_fit.ModelFit]:
    return {choice: model_fit.fit_parameters(wet(), COEFFICIENTS, choice) for choice in ("official", "refit")}


# --- signals ---


def polynomial(n_nuisances: int = 2) -> Polynomial:
    """All monomials of two parameters, with random numbers."""
    rng = np.random.default_rng(3)
    powers = np.array([p for p in np.ndindex(3, 3) if sum(p) <= 2])
    responses = rng.uniform(0.1, 1.0, (6, N_BINS))
    shifts = 0.05 * rng.normal(size=(6, n_nuisances, N_BINS))
    return Polynomial(("a", "b"), powers, responses, shifts, np.array([0.0, -np.inf]))


def test_polynomial_is_the_sum_of_its_terms() -> None:
    signal, values = polynomial(), np.array([0.7, 1.3, 0.5, -0.2])
    a, b, *alpha = values
    c = np.array([a**i * b**j for i, j in signal.powers])
    expected = sum(c[m] * (signal.responses[m] + alpha @ signal.shifts[m]) for m in range(6))
    np.testing.assert_allclose(signal.strengths(values), expected, rtol=1e-13)
    np.testing.assert_allclose(signal.standard_model(values), signal.responses[0] + alpha @ signal.shifts[0])


@pytest.mark.parametrize("kind", ["polynomial", "reevaluated"])
def test_slopes_are_the_derivatives(kind: str) -> None:
    rng = np.random.default_rng(4)
    parts = rng.uniform(0.1, 1.0, (2, N_BINS))
    fixed = np.ones(N_BINS), 0.02 * rng.normal(size=(2, N_BINS))
    signal: Any = polynomial()
    if kind == "reevaluated":
        relative = 0.02 * rng.normal(size=(2, N_BINS))
        signal = Reevaluated(
            ("a", "b"), lambda u: u[0] ** 1.5 * parts[0] + u[1] * parts[1], np.full(2, 1e-5), fixed, relative
        )
    values = np.array([0.7, 1.3, 0.5, -0.2])
    slopes = signal.slopes(values)
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-5
        slope = (signal.strengths(values + step) - signal.strengths(values - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, k], slope, rtol=1e-6, atol=1e-9)


def test_gradient_with_further_parameters(likelihood: Likelihood) -> None:
    signal = polynomial()
    point = likelihood.first_point(signal)
    slots = likelihood.slots(signal)
    point[slots] = [0.7, 1.3, 0.5, -0.2]
    gradient = likelihood.evaluate(point, signal).gradient
    for k in (*slots, 0, 100):
        shift = np.zeros_like(point)
        shift[k] = 1e-5
        above, below = (likelihood.evaluate(point + sign * shift, signal).twice_nll for sign in (1.0, -1.0))
        assert gradient[k] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-5)


def test_unusable_signals_are_refused() -> None:
    good = polynomial()
    with pytest.raises(ValueError, match="shape"):
        Polynomial(("a",), good.powers, good.responses, good.shifts, good.lower)
    with pytest.raises(ValueError, match="second order"):
        Polynomial(good.pois, good.powers + 1, good.responses, good.shifts, good.lower)
    with pytest.raises(ValueError, match="finite"):
        Polynomial(good.pois, good.powers, good.responses * np.nan, good.shifts, good.lower)


# --- effective theory, arXiv:2507.12393 ---


@pytest.mark.parametrize("choice", ["official", "refit"])
def test_effective_theory(wet_fits: dict[str, model_fit.ModelFit], choice: str) -> None:
    """Best fit near the published posterior mode (11.3, 0, 8.21); the intervals cover it."""
    result = wet_fits[choice]
    assert result.converged
    assert result["C_VL"].value == pytest.approx(11.3, rel=0.05)
    assert result["C_SL"].value == 0.0
    assert result["C_TL"].value == pytest.approx(8.21, rel=0.05)
    for one, (low, high) in zip(result.parameters, ((1.86, 16.2), (0.0, 15.4), (0.0, 11.2)), strict=True):
        # Published are 95% credible intervals: ours hold them nearly, and are not much wider.
        assert one.interval_95[0] is not None
        assert one.interval_95[1] is not None
        assert one.interval_95[0] <= low
        assert high <= one.interval_95[1] < 1.25 * high
    assert result.covariance is not None
    assert result.covariance[0, 2] < 0.0


def test_effective_theory_agrees_with_the_strength(wet_fits: dict[str, model_fit.ModelFit]) -> None:
    """At the best coefficients the best strength is 1 and -2 ln L is the same."""
    best = wet_fits["official"]
    there = wet(**{one.name: one.value for one in best.parameters})
    strength, here = points.fit_card(there, "official")
    assert strength.twice_nll == pytest.approx(best.twice_nll, abs=1e-3)
    assert strength.mu == pytest.approx(1.0, abs=1e-3)
    assert here.branching == pytest.approx(best.branching, rel=1e-6)


def test_profile_of_a_coefficient(likelihood: Likelihood, wet_fits: dict[str, model_fit.ModelFit]) -> None:
    """At the end of an interval everything else, coefficients at their bounds included, is fitted again."""
    best = wet_fits["official"].minimum
    index = int(likelihood.slots(best.signal)[2])
    for rise in (intervals.RISE_68, intervals.RISE_95):
        for end in intervals.interval(likelihood, best, index, rise):
            profile = minimise.minimise(likelihood, best.signal, held={index: end}, start=best.parameters)
            assert profile.converged
            reached = profile.twice_nll - best.twice_nll
            assert reached == pytest.approx(rise, abs=1e-3) or (end == 0.0 and reached < rise)


def test_another_optimiser_agrees(likelihood: Likelihood, wet_fits: dict[str, model_fit.ModelFit]) -> None:
    best = wet_fits["refit"].minimum
    free = np.flatnonzero(likelihood.free(best.signal))
    start = likelihood.first_point(best.signal)
    start[likelihood.slots(best.signal)[:3]] = 50.0 / couplings.parameter(wet(), "C_VL").scale ** 2

    def whole(x: Array) -> Array:
        point = start.copy()
        point[free] = x
        return point

    minuit = iminuit.Minuit(
        lambda x: likelihood.evaluate(whole(x), best.signal).twice_nll,
        start[free],
        grad=lambda x: likelihood.evaluate(whole(x), best.signal).gradient[free],
    )
    lower, upper = likelihood.bounds(best.signal)
    minuit.limits = list(zip(lower[free], upper[free], strict=True))
    minuit.tol = 1e-4
    minuit.migrad(ncall=20000)
    assert minuit.fval == pytest.approx(best.twice_nll, abs=1e-3)
    assert best.twice_nll <= minuit.fval + 1e-6


def test_fixed_coefficients_shift_the_fitted_one() -> None:
    """B+ -> K+ depends on C_VL + C_VR; the other solution is named."""
    alone = model_fit.fit_parameters(wet(), ["C_VL"], "official")
    shifted = model_fit.fit_parameters(wet(C_VR=2.0), ["C_VL"], "official")
    assert shifted["C_VL"].value + 2.0 == pytest.approx(alone["C_VL"].value, rel=1e-4)
    assert shifted.twice_nll == pytest.approx(alone.twice_nll, abs=1e-5)
    (note,) = [text for text in shifted.notes if "as well" in text]
    other = float(note.split("=")[1].split()[0])
    assert other + 2.0 == pytest.approx(-(shifted["C_VL"].value + 2.0), rel=1e-4)


# --- form factors ---


def test_refit_removes_the_published_terms(likelihood: Likelihood) -> None:
    """-2 ln L is lower by 3 ln 2 pi, up to what the form factors are pulled."""
    published, _ = points.fit_card(named("sm"), "official")
    refitted, _ = points.fit_card(named("sm"), "refit")
    assert refitted.twice_nll - published.twice_nll == pytest.approx(-3.0 * math.log(2.0 * math.pi), abs=0.05)
    assert refitted.mu == pytest.approx(published.mu, rel=0.01)
    assert refitted.z_sm == pytest.approx(published.z_sm, abs=0.02)
    assert refitted.parameters.size == len(likelihood.names) + 8
    pruned = [likelihood.names.index(name) for name in refitted.minimum.signal.pruned]
    assert not refitted.parameters[pruned].any()
    after = fit.postfit(refitted)
    np.testing.assert_allclose(after.total, refitted.background + refitted.standard_model, rtol=1e-12)


def test_refit_is_the_default_of_the_effective_theory() -> None:
    default, _ = points.fit_card(named("wet"))
    assert len(default.minimum.signal.pruned) == 3
    other, _ = points.fit_card(named("dark_higgs"))
    assert not other.minimum.signal.pruned


def test_shifts_are_those_of_the_rate() -> None:
    """The template of the fit at one sigma of an eigen-direction is the model's own, to first order."""
    card = wet()
    part = CardTemplates(card, "refit", 1.0).part(card)
    varied = load_card({**card.resolved(), "variation": [1.0]})
    np.testing.assert_allclose(part[0] + part[1][0], CardTemplates(varied, "official", 1.0).central(varied), rtol=2e-3)


# --- couplings and masses ---


def test_mixing_angle_of_the_dark_higgs() -> None:
    """In the model's own parameter: sin_theta^2 is proportional to the strength while H1 is invisible."""
    card = named("dark_higgs")
    strength, _ = points.fit_card(card)
    result = model_fit.fit_parameters(card, ["sin_theta"])
    one = result["sin_theta"]
    assert result.converged
    assert result.twice_nll == pytest.approx(strength.twice_nll, abs=1e-4)
    assert one.value == pytest.approx(4e-3 * math.sqrt(strength.mu), rel=1e-3)
    for ends, expected in ((one.interval_68, strength.interval_68), (one.interval_95, strength.interval_95)):
        np.testing.assert_allclose(np.array(ends, dtype=float), 4e-3 * np.sqrt(expected), rtol=2e-3)


def test_decay_constant_of_the_alp() -> None:
    """Inverse power, and a mean decay length that changes with it: the rate at the fit is the fitted one."""
    card = named("alp")
    strength, here = points.fit_card(card)
    result = model_fit.fit_parameters(card, ["f_a"])
    low, high = result["f_a"].interval_68
    assert result.branching == pytest.approx(strength.mu * here.branching, rel=1e-2)
    assert low is not None
    assert high is not None
    assert low < result["f_a"].value < high


def test_mass_of_the_dark_higgs() -> None:
    """Best mass 2.1-2.2 GeV, arXiv:2602.09666: 2.1 +0.2 -0.1."""
    result = model_fit.fit_parameters(named("dark_higgs"), ["m_H1"])
    low, high = result["m_H1"].interval_68
    assert result.converged
    assert 2.0 < result["m_H1"].value < 2.2
    assert low == pytest.approx(2.0, abs=0.1)
    assert high == pytest.approx(2.3, abs=0.15)
    assert result.goodness.degrees_of_freedom == N_BINS - 1


@pytest.mark.parametrize(
    ("name", "poi", "message"),
    [
        ("wet", ["C_VL", "C_VR"], "one combination"),
        ("wet", ["C_XL"], "unknown parameter"),
        ("wet", ["C_VL", "C_VL"], "twice"),
        ("alp", ["f_a", "C_q"], "one combination"),
        ("dark_higgs", ["Zp.Q_Phi"], "does not depend"),
        ("dark_higgs", ["name"], "not a real number"),
        ("sm", ["C_VL"], "no parameters"),
    ],
)
def test_refusals(name: str, poi: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model_fit.fit_parameters(named(name), poi)


def test_unknown_treatment_of_form_factors() -> None:
    with pytest.raises(InputError, match="did you mean refit"):
        points.fit_card(named("wet"), "refitt")


# --- statistical uncertainty of the response ---


def test_events_behind_the_response() -> None:
    """Small entries of the densities are near whole multiples of one event; the SM has no uncertainty beyond."""
    response, weights = responses.official(), response_errors.event_weights()
    signal = response.expected > 0.0
    counts = response.density[signal] / weights[signal, np.newaxis]
    few = counts[(counts > 0.0) & (counts < 3.5)]
    fraction = few - np.floor(few)
    # A flat distribution would have 40% there.
    assert np.mean((fraction > 0.4) & (fraction < 0.8)) < 0.1
    assert not response_errors.template_shifts(response.null, column_0=1.0)[:, signal].max() > 1e-6


def test_response_errors_are_those_of_toy_responses() -> None:
    """Against Poisson-fluctuated densities of a line, whose SM share is subtracted."""
    response, weights = responses.official(), response_errors.event_weights()
    branching = np.zeros(100)
    branching[19] = 1e-6
    shifts = response_errors.template_shifts(branching).sum(axis=0)
    x = 1
    rng = np.random.default_rng(2)
    toys = weights[x] * rng.poisson(response.density[x] / weights[x], (20_000, 101))
    ratio = toys[:, 20] / toys.sum(axis=1)
    assert np.std(ratio) / np.mean(ratio) == pytest.approx(shifts[x] / templates.template(branching)[x], rel=0.03)


def test_response_errors_widen_the_interval() -> None:
    plain, _ = points.fit_card(named("dark_higgs"))
    wider, _ = points.fit_card(named("dark_higgs"), response_errors=True)
    assert wider.converged
    assert 1.0 < np.ptp(wider.interval_68) / np.ptp(plain.interval_68) < 1.02
    assert wider.twice_nll == pytest.approx(plain.twice_nll, abs=0.05)
    with pytest.raises(InputError, match="strength"):
        commands.fitted(named("dark_higgs"), ["sin_theta"], response_errors=True)


# --- goodness of fit, intervals, toys ---


def test_goodness_of_fit(likelihood: Likelihood) -> None:
    result = fit.fit(poi="sm")
    assert result.goodness.degrees_of_freedom == N_BINS - 1
    assert result.twice_nll_saturated < result.twice_nll
    assert 0.1 < result.p_value < 0.99
    perfect = likelihood.asimov(result.parameters, STANDARD_MODEL)
    again = fit.fit(poi="sm", data=perfect)
    statistic = again.twice_nll - again.twice_nll_saturated
    # The constraint terms are off their centres by nothing, because the auxiliary data follow the parameters.
    assert statistic == pytest.approx(0.0, abs=1e-6)
    statistics = goodness.toy_statistics(likelihood, result.minimum, 20)
    assert np.mean(statistics) == pytest.approx(N_BINS - 1, abs=4.0 * math.sqrt(2.0 * N_BINS / 20))


def test_intervals_are_nested_and_one_sided_tests_are_roots() -> None:
    result = fit.fit(poi="sm")
    assert result.interval_95[0] < result.interval_68[0] < result.mu < result.interval_68[1] < result.interval_95[1]
    profile = minimise.minimise(official(), STANDARD_MODEL, strength=result.interval_95[1])
    assert profile.twice_nll - result.twice_nll == pytest.approx(intervals.RISE_95, abs=1e-3)
    assert result.z_discovery == pytest.approx(3.46, abs=0.01)


# --- pyhf itself ---


def replaced(template: Array) -> Any:
    """The published workspace with its signal samples multiplied by a template, and its data."""
    spec = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    first = 0
    for channel, info in zip(sorted(spec["channels"], key=lambda one: one["name"]), CHANNELS, strict=True):
        part = template[first : first + info.n_bins]
        first += info.n_bins
        for sample in channel["samples"]:
            if not any(modifier["name"] == "mu" for modifier in sample["modifiers"]):
                continue
            sample["data"] = (part * sample["data"]).tolist()
            for modifier in sample["modifiers"]:
                if modifier["type"] == "histosys":
                    modifier["data"] = {key: (part * value).tolist() for key, value in modifier["data"].items()}
                elif modifier["type"] == "staterror":
                    modifier["data"] = (part * modifier["data"]).tolist()
    return spec


@pytest.mark.parametrize("name", ["wet", "fermion_dm"])
def test_pyhf_finds_the_same(name: str) -> None:
    """pyhf.infer.mle.fit with scipy, on a workspace that holds the model instead of the SM."""
    template = points.point(named(name)).template
    ours = fit.fit(template, poi="wet")
    spec = replaced(template)
    before = pyhf.get_backend()
    try:
        pyhf.set_backend("jax", pyhf.optimize.scipy_optimizer(tolerance=1e-9, maxiter=2000))
        model = pyhf.Model({"channels": spec["channels"]}, poi_name="mu", validate=False)
        data = pyhf.Workspace(spec, validate=False).data(model)
        best, value = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
        mu, twice_nll = float(best[model.config.poi_index]), float(value)
    finally:
        pyhf.set_backend(*before)
    assert ours.mu == pytest.approx(mu, rel=1e-3)
    assert ours.twice_nll == pytest.approx(twice_nll, abs=1e-4)


# --- command line ---


def invoke(*arguments: str) -> Any:
    """`bkgen fit` in this process."""
    if "fit" not in {command.callback.__name__ for command in cli.app.registered_commands if command.callback}:
        register(cli.app)
    return CliRunner().invoke(cli.app, ["fit", *arguments])


def test_command_line_with_parameters() -> None:
    done = invoke(
        str(CARDS / "wet.yaml"), "--poi", "C_VL,C_SL", "--poi", "C_TL", "--form-factors", "official", "--json"
    )
    assert done.exit_code == 0
    found = json.loads(done.stdout)["quantities"]
    single = {"twice_nll_saturated", "p_value", "converged", "edm", "BR(fit)", "z_sm", "covariance(C_VL, C_TL)"}
    of_each = {f"interval_{level}({name})" for level in (68, 95) for name in COEFFICIENTS}
    assert {*COEFFICIENTS, *single, *of_each} <= set(found)
    assert found["C_VL"]["value"] + 4.65 == pytest.approx(11.05, abs=0.3)


def test_command_line_refusals_are_one_line() -> None:
    done = invoke(str(CARDS / "wet.yaml"), "--poi", "C_VL,C_VR")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_toys_on_request() -> None:
    found, _ = commands.fitted(named("sm"), toys=3)
    p = {quantity.name: quantity for quantity in found}["p_value(toys)"]
    assert isinstance(p.value, float)
    assert 0.0 <= p.value <= 1.0
    assert p.uncertainty is not None


def test_plain_signals_have_no_further_parameters(likelihood: Likelihood) -> None:
    signal = Signal(1.0, np.ones(N_BINS))
    np.testing.assert_array_equal(likelihood.slots(signal), [likelihood.poi])
    assert likelihood.bounds(signal)[0] is likelihood.lower
