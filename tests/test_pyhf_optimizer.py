"""Fisher scoring as pyhf optimizer: the same minima as pyhf's own optimizers, in few iterations."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyhf
import pytest
from bkgen_analysis.pyhf_optimizer import FisherScoring
from bkgen_analysis.responses import data_file

from bkgen.errors import InputError


@pytest.fixture(autouse=True)
def backend() -> Iterator[None]:
    """Leave pyhf as it was found."""
    before = pyhf.get_backend()
    pyhf.set_backend("numpy")
    yield
    pyhf.set_backend(*before)


@functools.cache
def two_bins() -> tuple[Any, tuple[float, ...]]:
    """Signal and background in two bins, with uncorrelated (Poisson) uncertainties of the background."""
    model = pyhf.simplemodels.uncorrelated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_uncertainty=[3.0, 7.0], validate=False
    )
    return model, (60.0, 65.0, *model.config.auxdata)


@functools.cache
def many_kinds() -> tuple[Any, tuple[float, ...]]:
    """Three bins with every kind of constraint: normsys, histosys, staterror, lumi, shapesys, and a free normfactor."""
    correlated = [
        {"name": "scale", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}},
        {"name": "shape", "type": "histosys", "data": {"hi_data": [52.0, 40.0, 33.0], "lo_data": [48.0, 41.0, 27.0]}},
        {"name": "mc", "type": "staterror", "data": [2.0, 2.5, 1.5]},
        {"name": "lumi", "type": "lumi", "data": None},
    ]
    samples = [
        {
            "name": "signal",
            "data": [5.0, 10.0, 2.0],
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "background", "data": [50.0, 40.0, 30.0], "modifiers": correlated},
        {
            "name": "other",
            "data": [20.0, 5.0, 9.0],
            "modifiers": [
                {"name": "free", "type": "normfactor", "data": None},
                {"name": "own", "type": "shapesys", "data": [2.0, 1.0, 0.0]},
            ],
        },
    ]
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]], "inits": [1.0]}
    spec = {"channels": [{"name": "c", "samples": samples}], "parameters": [lumi]}
    model = pyhf.Model(spec, poi_name="mu", validate=False)
    return model, (88.0, 61.0, 39.0, *model.config.auxdata)


def fitted(optimizer: Any, model: Any, data: tuple[float, ...], **options: Any) -> tuple[np.ndarray, float, Any]:
    """Parameters, -2 ln L and result object of a fit with JAX."""
    pyhf.set_backend("jax", optimizer)
    x, value, result = pyhf.infer.mle.fit(list(data), model, return_fitted_val=True, return_result_obj=True, **options)
    return np.asarray(x), float(value), result


@pytest.mark.parametrize("build", [two_bins, many_kinds])
def test_minimum_is_that_of_the_other_optimizers(build: Any) -> None:
    """mu to 1e-3 and -2 ln L to 1e-4 of scipy and minuit."""
    model, data = build()
    x, value, result = fitted(FisherScoring(), model, data)
    assert result.success
    assert result.edm < 1e-7
    assert result.nit <= 15
    for other in (pyhf.optimize.scipy_optimizer(tolerance=1e-10), pyhf.optimize.minuit_optimizer(tolerance=1e-4)):
        there, other_value, _ = fitted(other, model, data)
        assert x[model.config.poi_index] == pytest.approx(there[model.config.poi_index], abs=1e-3)
        assert value == pytest.approx(other_value, abs=1e-4)


def test_official_workspace() -> None:
    """mu = 4.60 and -2 ln L = -23.3343 of arXiv:2507.12393, as with scipy."""
    spec = json.loads(data_file("likelihood.json").read_text(encoding="utf-8"))
    parameters = spec["measurements"][0]["config"]["parameters"]
    model = pyhf.Model({"channels": spec["channels"], "parameters": parameters}, poi_name="mu", validate=False)
    data = pyhf.Workspace(spec, validate=False).data(model)
    x, value, result = fitted(FisherScoring(), model, data)
    assert result.nit <= 12
    assert value == pytest.approx(-23.3343, abs=1e-4)
    assert x[model.config.poi_index] == pytest.approx(4.599, abs=1e-3)
    there, other_value, _ = fitted(pyhf.optimize.scipy_optimizer(tolerance=1e-9), model, data)
    assert x[model.config.poi_index] == pytest.approx(there[model.config.poi_index], abs=1e-3)
    assert value == pytest.approx(other_value, abs=1e-4)


def test_strength_at_its_bound() -> None:
    """Fewer events than background: mu is pressed against 0."""
    model, observed = two_bins()
    data = (40.0, 45.0, *observed[2:])
    x, value, result = fitted(FisherScoring(), model, data)
    _, other, _ = fitted(pyhf.optimize.scipy_optimizer(tolerance=1e-10), model, data)
    assert x[model.config.poi_index] == 0.0
    assert result.jac[model.config.poi_index] > 0.0
    assert value == pytest.approx(other, abs=1e-4)


def test_fixed_parameters_and_limits() -> None:
    """Conditional fits, test statistics and CLs of pyhf.infer work as with scipy."""
    model, data = two_bins()
    values = []
    for optimizer in (FisherScoring(), pyhf.optimize.scipy_optimizer(tolerance=1e-10)):
        pyhf.set_backend("jax", optimizer)
        conditional = np.asarray(pyhf.infer.mle.fixed_poi_fit(0.7, list(data), model))
        assert conditional[model.config.poi_index] == 0.7
        values.append(float(pyhf.infer.hypotest(1.0, list(data), model, test_stat="qtilde")))
    assert values[0] == pytest.approx(values[1], abs=1e-4)


def test_uncertainties_are_those_of_minuit() -> None:
    """Parabolic uncertainties and correlations from the Gauss-Newton Hessian."""
    model, data = many_kinds()
    pyhf.set_backend("jax", FisherScoring())
    ours, correlations = pyhf.infer.mle.fit(list(data), model, return_uncertainties=True, return_correlations=True)
    pyhf.set_backend("jax", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    theirs = pyhf.infer.mle.fit(list(data), model, return_uncertainties=True)
    mu = model.config.poi_index
    assert float(ours[mu][1]) == pytest.approx(float(theirs[mu][1]), rel=0.05)
    held = np.array(model.config.suggested_fixed())  # the uncertainty of an empty bin
    np.testing.assert_allclose(np.diag(correlations), ~held, atol=1e-12)


def test_parameter_without_effect() -> None:
    """A flat direction does not stop the fit."""
    spec = {"name": "idle", "data": [0.0, 0.0], "modifiers": [{"name": "nothing", "type": "normfactor", "data": None}]}
    model, data = two_bins()
    channels = copy.deepcopy(model.spec["channels"])
    channels[0]["samples"].append(spec)
    wide = pyhf.Model({"channels": channels}, poi_name="mu", validate=False)
    _, value, result = fitted(FisherScoring(), wide, data)
    _, expected, _ = fitted(FisherScoring(), two_bins()[0], data)
    assert result.success
    assert value == pytest.approx(expected, abs=1e-7)


def test_failures() -> None:
    """Other backends, unknown options and fits that end early are errors."""
    model, data = two_bins()
    pyhf.set_backend("numpy", FisherScoring())
    with pytest.raises(InputError, match=r"needs pyhf\.set_backend"):
        pyhf.infer.mle.fit(list(data), model)
    pyhf.set_backend("jax", FisherScoring())
    with pytest.raises(pyhf.exceptions.Unsupported, match="method"):
        pyhf.infer.mle.fit(list(data), model, method="SLSQP")
    pyhf.set_backend("jax", FisherScoring(maxiter=1))
    with pytest.raises(pyhf.exceptions.FailedMinimization):
        pyhf.infer.mle.fit(list(data), model)
