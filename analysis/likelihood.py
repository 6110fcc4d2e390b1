"""The published Belle II likelihood of B+ -> K+ nu nubar, compiled once per process.

pyhf builds the model and stays the only source of the expected yields and of the constraint terms; JAX
differentiates and compiles them.  pyhf's yields are exactly linear in the signal strength,

    lambda(theta) = B(theta) + S(theta) s,    s = mu_SM + mu_NP r for one strength of new physics,

so a model enters only through the multiples s of the official signal, one number per bin and an argument of the
compiled functions: no rebuilding and no recompilation per model point, and new physics inherits every nuisance
parameter of the official signal sample.  How s depends on parameters of interest and on further nuisance parameters
is the business of `bkgen_analysis.signals`; the chain rule joins the two.

Source: pyhf workspace of arXiv:2507.12393, HEPData doi:10.17182/hepdata.166082.  Importing pyhf's JAX backend
switches JAX to double precision for the whole process; pyhf's own backend is left as it was found.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from bkgen.errors import MissingExtra

from .responses import CHANNELS, N_BINS, Array, data_file
from .signals import BACKGROUND, NUISANCE_BOUND, STANDARD_MODEL, Signal, SignalModel

try:
    import jax
    import jax.numpy as jnp
    import pyhf
    from jax.scipy.special import gammaln as jax_gammaln
    from jax.scipy.special import xlogy as jax_xlogy
except ImportError as error:
    raise MissingExtra("analysis", "pyhf and jax") from error

__all__ = ["BACKGROUND", "STANDARD_MODEL", "Data", "Evaluation", "Likelihood", "Signal", "SignalModel", "official"]

POI = "mu"


@dataclass(frozen=True, eq=False)
class Data:
    """Observed events (n_bins,) and auxiliary measurements of the nuisance parameters (n_auxiliary,).

    further: (n_nuisances,) auxiliary measurements of a signal's own nuisance parameters, zeros by default.
    """

    main: Array
    auxiliary: Array
    further: Array | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """-2 ln L at one point: value, gradient (n_parameters,), and the yields B and S (n_bins,) in events.

    The value is infinite where an expected yield is negative, or zero with events observed.
    """

    twice_nll: float
    gradient: Array
    background: Array
    unit_signal: Array


class Likelihood:
    """A pyhf workspace, differentiated and compiled.

    `parameters` is pyhf's vector whose slot `poi` holds the first parameter of interest of the signal, the strength mu
    of a `Signal`; the other entries are the nuisance parameters.  Behind it come the further parameters of interest
    and the nuisance parameters of the signal, if it has any (`slots`).  -2 ln L is in pyhf's normalisation: all
    Poisson terms with their factorials and all normalised constraint terms.  The nuisance parameters of a signal enter
    with alpha^2 and no constant, those that it prunes with no term at all.

    names: pyhf's parameter names.  poi: index of the strength.  lower, upper: pyhf's suggested bounds of the
    nuisance parameters; the strength is unbounded, because data may fluctuate below the prediction and -2 ln
    L itself diverges where an expected yield that faces data would vanish.  start: pyhf's initial values with
    strength 0. observed: the published data.  curvature: (n_pyhf,) second derivatives of the constraint
    terms of -2 ln L.
    """

    def __init__(self, workspace: Mapping[str, Any]) -> None:
        """Build and compile.  Raises ValueError if the workspace and the response do not match."""
        # A model built under NumPy holds its constants as NumPy arrays, which are free to trace; built under
        # JAX, each of them costs a compilation of its own.
        with _pyhf_backend("numpy"):
            model = _model(workspace)
            data = np.asarray(pyhf.Workspace(workspace, validate=False).data(model), dtype=np.float64)
        config = model.config
        _check_layout(config.channel_nbins)
        self.names: tuple[str, ...] = tuple(config.par_names)
        self.poi: int = config.poi_index
        self.start: Array = np.asarray(config.suggested_init(), dtype=np.float64)
        bounds = np.asarray(config.suggested_bounds(), dtype=np.float64)
        self.lower: Array = bounds[:, 0].copy()
        self.upper: Array = bounds[:, 1].copy()
        self.start[self.poi], self.lower[self.poi], self.upper[self.poi] = 0.0, -np.inf, np.inf
        self.observed = Data(data[:N_BINS], data[N_BINS:])
        self._auxiliary_index, self.curvature = _constraints(config)
        for array in (self.start, self.lower, self.upper, self.curvature, data):
            array.flags.writeable = False
        self._objective, self._jacobian = _compile(model, self.observed)
        self._model = model

    def slots(self, signal: SignalModel) -> NDArray[np.int64]:
        """Indices (n,) of the parameters of interest and the nuisance parameters of a signal in `parameters`."""
        further = len(signal.pois) - 1 + signal.n_nuisances
        return np.concatenate(([self.poi], np.arange(len(self.names), len(self.names) + further)))

    def bounds(self, signal: SignalModel) -> tuple[Array, Array]:
        """Lower and upper bounds (n_parameters,) with those of the signal."""
        n_pois, n_nuisances = len(signal.pois), signal.n_nuisances
        if n_pois == 1 and not n_nuisances and signal.lower[0] == self.lower[self.poi]:
            return self.lower, self.upper
        slots, wide = self.slots(signal), np.full(n_nuisances, NUISANCE_BOUND)
        lower, upper = self._extended(self.lower, signal), self._extended(self.upper, signal)
        lower[slots] = np.concatenate((signal.lower, -wide))
        upper[slots] = np.concatenate((np.full(n_pois, np.inf), wide))
        return lower, upper

    def free(self, signal: SignalModel) -> NDArray[np.bool_]:
        """(n_parameters,) parameters that a fit may move: all but those that the signal prunes."""
        free = np.ones(len(self.names) + len(signal.pois) - 1 + signal.n_nuisances, dtype=np.bool_)
        free[self._pruned(signal)] = False
        return free

    def first_point(self, signal: SignalModel) -> Array:
        """(n_parameters,) pyhf's initial values, everything of the signal at 0 and what it prunes at 0."""
        point = self._extended(self.start, signal)
        point[self._pruned(signal)] = 0.0
        return point

    def evaluate(self, parameters: Array, signal: SignalModel, data: Data | None = None) -> Evaluation:
        """-2 ln L, its reverse-mode gradient and the yields at `parameters` (n_parameters,).

        data: the observed data by default.
        """
        data = self.observed if data is None else data
        n_pyhf, slots = len(self.names), self.slots(signal)
        values = parameters[slots]
        strengths = signal.strengths(values)
        (value, parts), pyhf_gradient = self._objective(parameters[:n_pyhf], strengths, data.main, data.auxiliary)
        background, unit_signal = np.asarray(parts[0]), np.asarray(parts[1])
        yields = background + unit_signal * strengths
        gradient = np.zeros(parameters.size)
        gradient[:n_pyhf] = pyhf_gradient
        # Where nothing was observed the Poisson term alone would go on through zero.
        if not (np.isfinite(value) and np.all(yields >= 0.0)):
            return Evaluation(np.inf, gradient, background, unit_signal)
        ratio = np.divide(data.main, yields, out=np.zeros_like(yields), where=yields > 0.0)
        gradient[slots] = (2.0 * (1.0 - ratio) * unit_signal) @ signal.slopes(values)
        twice_nll = float(value)
        if signal.n_nuisances:
            alpha = slots[len(signal.pois) :]
            pull = parameters[alpha] - (0.0 if data.further is None else data.further)
            twice_nll += float(pull @ pull)
            gradient[alpha] += 2.0 * pull
        pruned = self._pruned(signal)
        if pruned.size:
            twice_nll -= self._constraint(parameters, data, pruned)
            gradient[pruned] = 0.0
        return Evaluation(twice_nll, gradient, background, unit_signal)

    def jacobian(self, parameters: Array, signal: SignalModel) -> tuple[Array, Array]:
        """Expected events (n_bins,) and their derivatives (n_bins, n_parameters)."""
        n_pyhf, slots = len(self.names), self.slots(signal)
        strengths = signal.strengths(parameters[slots])
        yields, unit_signal, pyhf_jacobian = self._jacobian(parameters[:n_pyhf], strengths)
        jacobian = np.zeros((N_BINS, parameters.size))
        jacobian[:, :n_pyhf] = pyhf_jacobian
        jacobian[:, slots] = np.asarray(unit_signal)[:, np.newaxis] * signal.slopes(parameters[slots])
        return np.asarray(yields), jacobian

    def gauss_newton(self, parameters: Array, signal: SignalModel, data: Data | None = None) -> Array:
        """Hessian of -2 ln L (n_parameters, n_parameters) without the second derivatives of the yields.

        Positive, cheap, and close enough to the Hessian to precondition and to judge a minimisation.
        """
        data = self.observed if data is None else data
        yields, jacobian = self.jacobian(parameters, signal)
        # The floor keeps bins in which nothing was observed from dropping out.
        weights = 2.0 * np.maximum(data.main, np.minimum(yields, 0.5)) / yields**2
        curvature = self._extended(self.curvature, signal)
        curvature[self.slots(signal)[len(signal.pois) :]] = 2.0
        return np.asarray(jacobian.T @ (weights[:, np.newaxis] * jacobian) + np.diag(curvature))

    def hessian(self, parameters: Array, signal: SignalModel, data: Data | None = None) -> Array:
        """Full Hessian of -2 ln L (n_parameters, n_parameters): central differences of the exact gradient
        (0.3 s).

        Steps are a thousandth of each parameter's uncertainty, so the relative error is of order 1e-6.
        """
        steps = 1e-3 / np.sqrt(np.diag(self.gauss_newton(parameters, signal, data)))
        columns = np.empty((parameters.size, parameters.size))
        for k, step in enumerate(steps):
            shift = np.zeros_like(parameters)
            shift[k] = step
            above = self.evaluate(parameters + shift, signal, data).gradient
            below = self.evaluate(parameters - shift, signal, data).gradient
            columns[:, k] = (above - below) / (2.0 * step)
        return 0.5 * (columns + columns.T)

    def backgrounds(self, parameters: Array) -> dict[str, Array]:
        """Expected events (n_bins,) of each background sample of the workspace, by its published name.

        Their sum is the background of `evaluate`; a sample is zero in the channels that it is not part of.
        """
        pyhf_part = parameters[: len(self.names)]
        with _pyhf_backend("numpy"):
            by_sample = np.asarray(self._model.main_model.expected_data(pyhf_part, return_by_sample=True))
        named = zip(self._model.config.samples, by_sample, _signal_samples(self._model), strict=True)
        return {name: yields for name, yields, is_signal in named if not is_signal}

    def asimov(self, parameters: Array, signal: SignalModel) -> Data:
        """The data expected at `parameters` (n_parameters,): no fluctuations, auxiliary data at their values."""
        yields, _ = self.jacobian(parameters, signal)
        alpha = self.slots(signal)[len(signal.pois) :]
        return Data(yields, parameters[self._auxiliary_index], parameters[alpha] if alpha.size else None)

    def toy(self, parameters: Array, signal: SignalModel, rng: np.random.Generator) -> Data:
        """Pseudo-data at `parameters` (n_parameters,): Poisson counts, auxiliary data from their constraints."""
        expected = self.asimov(parameters, signal)
        width = np.sqrt(2.0 / self.curvature[self._auxiliary_index])
        auxiliary = rng.normal(expected.auxiliary, width)
        further = None if expected.further is None else rng.normal(expected.further, 1.0)
        return Data(rng.poisson(expected.main).astype(np.float64), auxiliary, further)

    def saturated(self, signal: SignalModel, data: Data | None = None) -> float:
        """-2 ln L of the saturated model: yields equal to the data, every constraint term at its centre."""
        data = self.observed if data is None else data
        poisson = xlogy(data.main, data.main) - data.main - gammaln(data.main + 1.0)
        kept = np.setdiff1d(self._auxiliary_index, self._pruned(signal))
        return float(-2.0 * poisson.sum() + np.log(4.0 * np.pi / self.curvature[kept]).sum())

    def _extended(self, array: Array, signal: SignalModel) -> Array:
        return np.concatenate((array, np.zeros(len(signal.pois) - 1 + signal.n_nuisances)))

    def _pruned(self, signal: SignalModel) -> NDArray[np.int64]:
        return np.array([self.names.index(name) for name in signal.pruned], dtype=np.int64)

    def _constraint(self, parameters: Array, data: Data, which: NDArray[np.int64]) -> float:
        """Normalised constraint terms of -2 ln L of these parameters of the workspace."""
        measured = np.zeros(len(self.names))
        measured[self._auxiliary_index] = data.auxiliary
        half = 0.5 * self.curvature[which]
        return float(np.sum(half * (parameters[which] - measured[which]) ** 2 + np.log(2.0 * np.pi / half)))

    @property
    def auxiliary_widths(self) -> Array:
        """(n_auxiliary,) standard deviations of the auxiliary measurements."""
        return np.asarray(np.sqrt(2.0 / self.curvature[self._auxiliary_index]))


@functools.cache
def official() -> Likelihood:
    """The published likelihood, built and compiled at the first call of the process (a few seconds)."""
    with data_file("likelihood.json").open(encoding="utf-8") as file:
        return Likelihood(json.load(file))


@contextmanager
def _pyhf_backend(name: str) -> Iterator[None]:
    """Select a pyhf backend and put the old one back; existing models are not told and keep theirs."""
    tensorlib, optimizer = pyhf.get_backend()
    pyhf.events.disable("tensorlib_changed")
    try:
        pyhf.set_backend(name)
        yield
    finally:
        pyhf.set_backend(tensorlib, optimizer)
        pyhf.events.enable("tensorlib_changed")


def _model(workspace: Mapping[str, Any]) -> Any:
    """The pyhf model of the first measurement, without the slow schema validation."""
    parameters = workspace["measurements"][0]["config"]["parameters"]
    return pyhf.Model({"channels": workspace["channels"], "parameters": parameters}, poi_name=POI, validate=False)


def _check_layout(channel_nbins: Mapping[str, int]) -> None:
    found = list(channel_nbins.items())
    expected = [(channel.prefix, channel.n_bins) for channel in CHANNELS]
    if len(found) != len(expected) or any(
        not name.startswith(prefix) or n_found != n_expected
        for (name, n_found), (prefix, n_expected) in zip(found, expected, strict=True)
    ):
        raise ValueError(f"workspace channels {found} are not the channels of the response, {expected}")


def _constraints(config: Any) -> tuple[NDArray[np.int64], Array]:
    """Parameter index of each auxiliary measurement, and the diagonal Hessian of the constraint terms."""
    index: list[int] = []
    curvature = np.zeros(config.npars)
    for name in config.auxdata_order:
        parameter = config.param_set(name)
        if parameter.pdf_type != "normal":
            raise ValueError(f"parameter {name} has a {parameter.pdf_type} constraint; only Gaussian ones are known")
        where = config.par_slice(name)
        index.extend(range(where.start, where.stop))
        curvature[where] = 2.0 / np.square(np.asarray(parameter.width(), dtype=np.float64))
    return np.asarray(index, dtype=np.int64), curvature


def _signal_samples(model: Any) -> NDArray[np.bool_]:
    """Mask over the model's samples: those that the official signal strength multiplies."""
    scaled = {
        sample["name"]
        for channel in model.spec["channels"]
        for sample in channel["samples"]
        if any(modifier["name"] == POI for modifier in sample["modifiers"])
    }
    return np.asarray([name in scaled for name in model.config.samples])


def _compile(model: Any, data: Data) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile -2 ln L with its gradient, and the yields with their Jacobian, for fixed shapes.

    The compiled objects refuse other shapes instead of compiling again, and no longer call pyhf.
    """
    poi = model.config.poi_index
    is_signal = _signal_samples(model)

    def yields(parameters: Any, strengths: Any) -> Any:
        # One evaluation at unit strength, split by sample, is both B and S.
        by_sample = model.main_model.expected_data(parameters.at[poi].set(1.0), return_by_sample=True)
        background = by_sample[~is_signal].sum(axis=0)
        unit_signal = by_sample[is_signal].sum(axis=0)
        return background + unit_signal * strengths, (background, unit_signal)

    def twice_nll(parameters: Any, strengths: Any, main: Any, auxiliary: Any) -> Any:
        expected, parts = yields(parameters, strengths)
        poisson = jax_xlogy(main, expected) - expected - jax_gammaln(main + 1.0)
        return -2.0 * (poisson.sum() + model.constraint_logpdf(auxiliary, parameters)), parts

    def jacobian(parameters: Any, strengths: Any) -> Any:
        expected, pullback, parts = jax.vjp(lambda x: yields(x, strengths), parameters, has_aux=True)
        # Reverse mode: far fewer bins than parameters.
        (rows,) = jax.vmap(pullback)(jnp.eye(N_BINS))
        return expected, parts[1], rows

    point = (np.zeros(model.config.npars), np.zeros(N_BINS))
    with _pyhf_backend("jax"):
        lowered = [
            jax.jit(jax.value_and_grad(twice_nll, has_aux=True)).lower(*point, data.main, data.auxiliary),
            jax.jit(jacobian).lower(*point),
        ]
    with ThreadPoolExecutor() as pool:
        objective, derivatives = pool.map(lambda function: function.compile(), lowered)
    return objective, derivatives
