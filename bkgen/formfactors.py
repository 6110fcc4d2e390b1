"""Form-factor sets with covariance, and `Inputs`, the constants and form factors of one calculation.

A set is a folder ``data/form_factors_*`` with a ``form_factors.toml``; a parametrisation is one function in
``PARAMETRISATIONS``.  Definitions for B -> P (P = K), with M2 = m_B^2 - m_P^2, q = p_B - p_P, p = p_B + p_P:

    <P|s g^mu b|B> = f_plus (p - (M2/q2) q)^mu + f_0 (M2/q2) q^mu,   <P|s b|B> = f_0 M2/(m_b - m_s),
    <P|s sigma^{mu nu} b|B> = i f_T/(m_B + m_P) (p^mu q^nu - p^nu q^mu).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from .constants import Constants, data_path, hint, read_toml
from .kinematics import FloatArray, Real

DEFAULT_SETS = {"K": "HPQCD2022"}
"""Form-factor set used for a transition unless another one is asked for."""


@dataclass(frozen=True, slots=True)
class FormFactorSet:
    """Form factors of one transition as functions of q2 [GeV^2], with the covariance of their parameters.

    ``constants`` are numbers fixed in the fit (m_B and m_M define z), ``poles`` the resonance masses [GeV],
    ``coefficients`` the parameters of each form factor in rising powers of z.  A parameter that two form
    factors share is an exact relation between them, such as f_plus(0) = f_0(0).
    """

    name: str
    transition: str
    source: str
    parametrisation: str
    parameters: tuple[str, ...]
    central: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    constants: Mapping[str, float]
    poles: Mapping[str, float]
    coefficients: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        n = len(self.parameters)
        covariance = np.asarray(self.covariance)
        if len(self.central) != n or covariance.shape != (n, n):
            raise ValueError(f"{self.name}: central values and covariance do not match {n} parameters")
        if not (np.isfinite(covariance).all() and np.array_equal(covariance, covariance.T)):
            raise ValueError(f"{self.name}: the covariance must be finite and symmetric")
        if self.parametrisation not in PARAMETRISATIONS:
            raise ValueError(
                f"{self.name}: unknown parametrisation {self.parametrisation!r}"
                f"{hint(self.parametrisation, PARAMETRISATIONS)}"
            )

    def value(self, form_factor: str, q2: Real) -> Real:
        """Form factor ``form_factor`` at ``q2`` [GeV^2]; a float gives a float, an array an array.

        Raises ValueError for a form factor the set does not have, for non-finite q2 and for q2 at or above
        the first singularity (the pole or the cut at (m_B + m_M)^2), where the expansion has no meaning.
        """
        if form_factor not in self.coefficients:
            raise ValueError(
                f"{self.name} has no form factor {form_factor!r} for the transition to {self.transition}"
                f"{hint(form_factor, self.coefficients)}"
            )
        x = np.asarray(q2, dtype=np.float64)
        limit = min(self.t_plus, self.poles.get(form_factor, math.inf) ** 2)
        if not np.all(np.isfinite(x) & (x < limit)):
            raise ValueError(f"{form_factor} of {self.name} needs finite q2 < {limit:.6g} GeV^2, got {q2}")
        result = PARAMETRISATIONS[self.parametrisation](self, form_factor, x)
        return result if isinstance(q2, np.ndarray) else float(result)

    def f_plus(self, q2: Real) -> Real:
        """Vector form factor f_plus(q2), see ``value``."""
        return self.value("f_plus", q2)

    def f_0(self, q2: Real) -> Real:
        """Scalar form factor f_0(q2), see ``value``."""
        return self.value("f_0", q2)

    def f_T(self, q2: Real) -> Real:
        """Tensor form factor f_T(q2) at the scale m_b, see ``value``."""
        return self.value("f_T", q2)

    @property
    def t_plus(self) -> float:
        """Start of the cut (m_B + m_M)^2 [GeV^2], with the masses of the fit."""
        return (self.constants["m_B"] + self.constants["m_M"]) ** 2

    @property
    def t_minus(self) -> float:
        """End point (m_B - m_M)^2 [GeV^2], with the masses of the fit."""
        return (self.constants["m_B"] - self.constants["m_M"]) ** 2

    def z(self, q2: FloatArray, t_0: float) -> FloatArray:
        """Conformal variable z(q2, t_0) with the masses of the fit."""
        root, root_0 = np.sqrt(self.t_plus - q2), math.sqrt(self.t_plus - t_0)
        return (root - root_0) / (root + root_0)

    def central_coefficients(self, form_factor: str) -> tuple[float, ...]:
        """Central values of the coefficients of one form factor, in rising powers of z."""
        return tuple(self.central[self.parameters.index(name)] for name in self.coefficients[form_factor])

    def eigen_shifts(self) -> FloatArray:
        """One-sigma shifts along the principal axes of the covariance, (n_par, n_par), one shift per row.

        Row i is sqrt(eigenvalue_i) times its eigenvector: largest eigenvalue first, the component of largest
        modulus positive.  The sum of their outer products is the covariance.
        Raises ValueError when the covariance is not positive semi-definite within its rounding.
        """
        eigenvalues, vectors = np.linalg.eigh(np.asarray(self.covariance))
        if eigenvalues[0] < -1e-8 * eigenvalues[-1]:
            raise ValueError(f"the covariance of {self.name} is not positive semi-definite")
        shifts = (vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))).T[::-1]
        largest = shifts[np.arange(len(shifts)), np.argmax(np.abs(vectors.T[::-1]), axis=1)]
        return np.asarray(np.where(largest < 0.0, -1.0, 1.0)[:, np.newaxis] * shifts)

    def shifted(self, vector: Sequence[float] | FloatArray) -> FormFactorSet:
        """The same set with ``vector`` (n_par,) added to the central values."""
        shift = np.asarray(vector, dtype=np.float64)
        if shift.shape != (len(self.parameters),) or not np.isfinite(shift).all():
            raise ValueError(f"{self.name} needs a finite shift of {len(self.parameters)} parameters")
        return replace(self, central=tuple((np.asarray(self.central) + shift).tolist()))

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """``n`` normally distributed shifts of the parameters, (n, n_par), for use with ``shifted``."""
        return rng.standard_normal((n, len(self.parameters))) @ self.eigen_shifts()

    def to_dict(self) -> dict[str, Any]:
        """All content as plain values."""
        return asdict(self)


def _hpqcd(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """HPQCD 2022: pole times modified z expansion with t_0 = 0.  Source: arXiv:2207.12468."""
    a = ff.central_coefficients(form_factor)
    N = len(a)
    # A p-wave vanishes at the cut faster than an s-wave, which fixes the z^N term of f_plus and f_T.
    last = 0.0 if form_factor == "f_0" else -sum((-1) ** (n - N) * n / N * a_n for n, a_n in enumerate(a))
    series = np.polynomial.polynomial.polyval(ff.z(q2, t_0=0.0), (*a, last))
    return np.asarray(ff.constants["L"] * series / (1.0 - q2 / ff.poles[form_factor] ** 2))


def _bsz(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """Simplified series expansion of Bharucha, Straub, Zwicky.  Source: arXiv:1503.05534."""
    t_0 = ff.t_plus * (1.0 - math.sqrt(1.0 - ff.t_minus / ff.t_plus))
    z = ff.z(q2, t_0) - ff.z(np.zeros(()), t_0)
    series = np.polynomial.polynomial.polyval(z, ff.central_coefficients(form_factor))
    return np.asarray(series / (1.0 - q2 / ff.poles[form_factor] ** 2))


PARAMETRISATIONS: dict[str, Callable[[FormFactorSet, str, FloatArray], FloatArray]] = {
    "HPQCD": _hpqcd,
    "BSZ": _bsz,
}


def available(transition: str) -> tuple[str, ...]:
    """Names of the form-factor sets that exist for ``transition`` ('K', ...)."""
    return tuple(name for known, name in _load_sets() if known == transition)


def form_factor_set(name: str, transition: str) -> FormFactorSet:
    """The form-factor set ``name`` for ``transition``.

    Raises ValueError with the available names when there is none.
    """
    sets = _load_sets()
    if (transition, name) in sets:
        return sets[transition, name]
    transitions = {known for known, _ in sets}
    if transition not in transitions:
        raise ValueError(f"no form factors for the transition {transition!r}{hint(transition, transitions)}")
    known = hint(name, available(transition))
    raise ValueError(f"unknown form-factor set {name!r} for the transition to {transition}{known}")


def f_plus(q2: Real, set: str = "HPQCD2022", transition: str = "K") -> Real:
    """Vector form factor f_plus(q2) of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_plus(q2)


def f_0(q2: Real, set: str = "HPQCD2022", transition: str = "K") -> Real:
    """Scalar form factor f_0(q2) of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_0(q2)


def f_T(q2: Real, set: str = "HPQCD2022", transition: str = "K") -> Real:
    """Tensor form factor f_T(q2) of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_T(q2)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a rate depends on besides the couplings: constants and form factors by transition."""

    constants: Constants
    form_factors: Mapping[str, FormFactorSet]

    @classmethod
    def default(cls) -> Inputs:
        """Default constants and the default form-factor set of every transition."""
        sets = {transition: form_factor_set(name, transition) for transition, name in DEFAULT_SETS.items()}
        return cls(Constants.named("default"), sets)

    def form_factor(self, transition: str) -> FormFactorSet:
        """Form factors of ``transition``; raises ValueError when the inputs have none."""
        if transition not in self.form_factors:
            known = hint(transition, self.form_factors)
            raise ValueError(f"the inputs have no form factors for the transition {transition!r}{known}")
        return self.form_factors[transition]

    def with_shift(self, transition: str, vector: Sequence[float] | FloatArray) -> Inputs:
        """The same inputs with the form-factor parameters of ``transition`` shifted by ``vector``."""
        shifted = self.form_factor(transition).shifted(vector)
        return replace(self, form_factors={**self.form_factors, transition: shifted})

    def to_dict(self) -> dict[str, Any]:
        """All values, nested by ``constants`` and ``form_factors``."""
        form_factors = {transition: ff.to_dict() for transition, ff in sorted(self.form_factors.items())}
        return {"constants": self.constants.to_dict(), "form_factors": form_factors}

    @property
    def sha256(self) -> str:
        """Digest of the canonical JSON of all values."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@cache
def _load_sets() -> dict[tuple[str, str], FormFactorSet]:
    loaded = (_load(read_toml(path)) for path in sorted(data_path().glob("form_factors_*/form_factors.toml")))
    return {(ff.transition, ff.name): ff for ff in loaded}


def _load(raw: dict[str, Any]) -> FormFactorSet:
    tuples = {
        "parameters": tuple(raw["parameters"]),
        "central": tuple(raw["central"]),
        "covariance": tuple(tuple(row) for row in raw["covariance"]),
        "coefficients": {name: tuple(terms) for name, terms in raw["coefficients"].items()},
    }
    return FormFactorSet(**{**raw, **tuples})
