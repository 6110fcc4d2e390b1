"""Form-factor sets with covariance, and `Inputs`, the constants and form factors of one calculation.

A set is a folder ``data/form_factors_*`` with a ``form_factors.toml``; a parametrisation is one function in
``PARAMETRISATIONS``.  Definitions for B -> P (P = K), with M2 = m_B^2 - m_P^2, q = p_B - p_P, p = p_B + p_P:

    <P|s g^mu b|B> = f_plus (p - (M2/q2) q)^mu + f_0 (M2/q2) q^mu,   <P|s b|B> = f_0 M2/(m_b - m_s),
    <P|s sigma^{mu nu} b|B> = i f_T/(m_B + m_P) (p^mu q^nu - p^nu q^mu).

B -> V (V = K*, phi) has V, A_0, A_1, A_12 (vector and axial current) and T_1, T_2, T_23 (tensor current) as defined in
arXiv:1503.05534; A_2 and T_3 follow from them.  Form factors of tensor currents are at the scale m_b.
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

DEFAULT_SETS = {"K": "HPQCD2022", "Kst": "BSZ2015", "phi": "BSZ2015"}
"""Form-factor set used for a transition unless another one is asked for."""


@dataclass(frozen=True, slots=True)
class FormFactorSet:
    """Form factors of one transition as functions of q2 [GeV^2], with the covariance of their parameters.

    ``constants`` are numbers fixed in the fit (m_B and m_M define z), ``poles`` the resonance masses [GeV] of the
    form factors that have a pole, ``coefficients`` the parameters of each form factor in rising powers of z.  A
    parameter that two form factors share is an exact relation between them, such as f_plus(0) = f_0(0),
    T_1(0) = T_2(0) or 8 m_B m_V A_12(0) = (m_B^2 - m_V^2) A_0(0); it holds for shifted parameters too.
    ``covariance`` is None for a set that was published without one.
    """

    name: str
    transition: str
    source: str
    parametrisation: str
    parameters: tuple[str, ...]
    central: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...] | None
    constants: Mapping[str, float]
    poles: Mapping[str, float]
    coefficients: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        n = len(self.parameters)
        covariance = np.zeros((n, n)) if self.covariance is None else np.asarray(self.covariance)
        if len(self.central) != n or covariance.shape != (n, n):
            raise ValueError(f"{self.name}: central values and covariance do not match {n} parameters")
        if not (np.isfinite(covariance).all() and np.array_equal(covariance, covariance.T)):
            raise ValueError(f"{self.name}: the covariance must be finite and symmetric")
        if self.parametrisation not in PARAMETRISATIONS:
            raise ValueError(
                f"{self.name}: unknown parametrisation {self.parametrisation!r}"
                f"{hint(self.parametrisation, PARAMETRISATIONS)}"
            )

    @property
    def form_factors(self) -> tuple[str, ...]:
        """Names that ``value`` takes: the fitted form factors, then those that follow from them."""
        derived = (name for name, (regular, other, _) in _DERIVED.items() if {regular, other} <= set(self.coefficients))
        return (*self.coefficients, *derived)

    def q2_limit(self, form_factor: str) -> float:
        """First singularity of ``form_factor`` [GeV^2], at which its domain ends.

        That is its pole or the cut at (m_B + m_M)^2, and for A_2 and T_3 the end point (m_B - m_M)^2 of the fit.
        """
        names = _DERIVED[form_factor][:2] if form_factor in _DERIVED else (form_factor,)
        end = self.t_minus if form_factor in _DERIVED else self.t_plus
        return min(end, *(self.poles.get(name, math.inf) ** 2 for name in names))

    def value(self, form_factor: str, q2: Real) -> Real:
        """Form factor ``form_factor``, one of ``form_factors``, at ``q2`` [GeV^2]; dimensionless.

        A float gives a float, an array an array of the same shape.  Raises ValueError for a form factor the set does
        not have, for non-finite q2 and for q2 at or above ``q2_limit``, where the expansion has no meaning.
        """
        if form_factor not in self.form_factors:
            raise ValueError(
                f"{self.name} has no form factor {form_factor!r} for the transition to {self.transition}"
                f"{hint(form_factor, self.form_factors)}"
            )
        x = np.asarray(q2, dtype=np.float64)
        limit = self.q2_limit(form_factor)
        valid = -math.inf < q2 < limit if isinstance(q2, float) else np.all(np.isfinite(x) & (x < limit))
        if not valid:
            regular = f"; {_DERIVED[form_factor][1]} is regular there" if form_factor in _DERIVED else ""
            raise ValueError(f"{form_factor} of {self.name} needs finite q2 < {limit:.6g} GeV^2, got {q2}{regular}")
        result = self._evaluate(form_factor, x)
        return result if isinstance(q2, np.ndarray) else float(result)

    def _evaluate(self, form_factor: str, q2: FloatArray) -> FloatArray:
        if form_factor not in _DERIVED:
            return PARAMETRISATIONS[self.parametrisation](self, form_factor, q2)
        first, second, relation = _DERIVED[form_factor]
        return relation(self, q2, self._evaluate(first, q2), self._evaluate(second, q2))

    def f_plus(self, q2: Real) -> Real:
        """Vector form factor f_plus at q2 [GeV^2], see ``value``."""
        return self.value("f_plus", q2)

    def f_0(self, q2: Real) -> Real:
        """Scalar form factor f_0 at q2 [GeV^2], see ``value``."""
        return self.value("f_0", q2)

    def f_T(self, q2: Real) -> Real:
        """Tensor form factor f_T at q2 [GeV^2], at the scale m_b, see ``value``."""
        return self.value("f_T", q2)

    def V(self, q2: Real) -> Real:
        """Vector form factor V at q2 [GeV^2], see ``value``."""
        return self.value("V", q2)

    def A_0(self, q2: Real) -> Real:
        """Timelike axial (pseudoscalar) form factor A_0 at q2 [GeV^2], see ``value``."""
        return self.value("A_0", q2)

    def A_1(self, q2: Real) -> Real:
        """Transverse axial form factor A_1 at q2 [GeV^2], see ``value``."""
        return self.value("A_1", q2)

    def A_2(self, q2: Real) -> Real:
        """Axial form factor A_2 at q2 [GeV^2] from A_1 and A_12 with the masses of the fit, see ``value``.

        It diverges at the end point of the fit, where A_12 is regular: densities up to the end point take A_12.
        """
        return self.value("A_2", q2)

    def A_12(self, q2: Real) -> Real:
        """Longitudinal axial form factor A_12 at q2 [GeV^2], see ``value``."""
        return self.value("A_12", q2)

    def T_1(self, q2: Real) -> Real:
        """Tensor form factor T_1 at q2 [GeV^2], at the scale m_b, see ``value``."""
        return self.value("T_1", q2)

    def T_2(self, q2: Real) -> Real:
        """Tensor form factor T_2 at q2 [GeV^2], at the scale m_b, see ``value``."""
        return self.value("T_2", q2)

    def T_3(self, q2: Real) -> Real:
        """Tensor form factor T_3 at q2 [GeV^2] from T_2 and T_23 with the masses of the fit, see ``value``.

        It diverges at the end point of the fit, where T_23 is regular: densities up to the end point take T_23.
        """
        return self.value("T_3", q2)

    def T_23(self, q2: Real) -> Real:
        """Longitudinal tensor form factor T_23 at q2 [GeV^2], at the scale m_b, see ``value``."""
        return self.value("T_23", q2)

    @property
    def t_plus(self) -> float:
        """Start of the cut (m_B + m_M)^2 [GeV^2], with the masses of the fit."""
        return (self.constants["m_B"] + self.constants["m_M"]) ** 2

    @property
    def t_minus(self) -> float:
        """End point (m_B - m_M)^2 [GeV^2], with the masses of the fit."""
        return (self.constants["m_B"] - self.constants["m_M"]) ** 2

    def z(self, q2: FloatArray, t_0: float) -> FloatArray:
        """Conformal variable z(q2, t_0), q2 and t_0 [GeV^2], with the masses of the fit."""
        root, root_0 = np.sqrt(self.t_plus - q2), math.sqrt(self.t_plus - t_0)
        return (root - root_0) / (root + root_0)

    def central_coefficients(self, form_factor: str) -> tuple[float, ...]:
        """Central values of the coefficients of one form factor, in rising powers of z."""
        return tuple(self.central[self.parameters.index(name)] for name in self.coefficients[form_factor])

    def eigen_shifts(self) -> FloatArray:
        """One-sigma shifts along the principal axes of the covariance, (n_par, n_par), one shift per row.

        Row i is sqrt(eigenvalue_i) times its eigenvector: largest eigenvalue first, the component of largest
        modulus positive.  The sum of their outer products is the covariance.
        Raises ValueError when the set has no covariance, or one that is not positive semi-definite within its rounding.
        """
        if self.covariance is None:
            raise ValueError(f"{self.name} was published without covariance: its uncertainty is not known")
        eigenvalues, vectors = np.linalg.eigh(np.asarray(self.covariance))
        if eigenvalues[0] < -1e-8 * eigenvalues[-1]:
            raise ValueError(f"the covariance of {self.name} is not positive semi-definite")
        shifts = (vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))).T[::-1]
        largest = shifts[np.arange(len(shifts)), np.argmax(np.abs(vectors.T[::-1]), axis=1)]
        return np.asarray(np.where(largest < 0.0, -1.0, 1.0)[:, np.newaxis] * shifts)

    def shifted(self, vector: Sequence[float] | FloatArray) -> FormFactorSet:
        """The same set with ``vector`` (n_par,) added to the central values.

        Raises ValueError unless the shift is finite and has one entry per parameter.
        """
        shift = np.asarray(vector, dtype=np.float64)
        if shift.shape != (len(self.parameters),) or not np.isfinite(shift).all():
            raise ValueError(f"{self.name} needs a finite shift of {len(self.parameters)} parameters")
        shifted = object.__new__(FormFactorSet)  # the checks of a new set were passed by this one
        for name in self.__slots__:
            object.__setattr__(shifted, name, getattr(self, name))
        object.__setattr__(shifted, "central", tuple((np.asarray(self.central) + shift).tolist()))
        return shifted

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """``n`` normally distributed shifts of the parameters, (n, n_par), for use with ``shifted``.

        Raises ValueError as ``eigen_shifts`` does.
        """
        return rng.standard_normal((n, len(self.parameters))) @ self.eigen_shifts()

    def to_dict(self) -> dict[str, Any]:
        """All content as plain values."""
        return asdict(self)


def _z_expansion(ff: FormFactorSet, form_factor: str, q2: FloatArray, t_0: float, a: tuple[float, ...]) -> FloatArray:
    """Pole times z expansion of N terms, for f_plus and f_T with the z^N term that the cut fixes."""
    N = len(a)
    # A p-wave vanishes at the cut faster than an s-wave, which fixes the z^N term of f_plus and f_T.
    last = 0.0 if form_factor == "f_0" else -sum((-1) ** (n - N) * n / N * a_n for n, a_n in enumerate(a))
    series = np.polynomial.polynomial.polyval(ff.z(q2, t_0), (*a, last))
    return np.asarray(series / (1.0 - q2 / ff.poles[form_factor] ** 2))


def _hpqcd(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """HPQCD 2022: pole times modified z expansion with t_0 = 0.  Source: arXiv:2207.12468."""
    return ff.constants["L"] * _z_expansion(ff, form_factor, q2, 0.0, ff.central_coefficients(form_factor))


def _bcl(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """Bourrely, Caprini, Lellouch with the t_0 of FLAG; the last term of f_0 is fixed by f_0(0) = f_plus(0).

    Sources: arXiv:0807.2722, arXiv:2111.09849.
    """
    m_B, m_M = ff.constants["m_B"], ff.constants["m_M"]
    t_0 = (m_B + m_M) * (math.sqrt(m_B) - math.sqrt(m_M)) ** 2
    a = ff.central_coefficients(form_factor)
    if form_factor == "f_0":
        zero = np.zeros(())
        z = ff.z(zero, t_0)
        rest = _bcl(ff, "f_plus", zero) - np.polynomial.polynomial.polyval(z, a)
        a = (*a, float(rest / z ** len(a)))
    return _z_expansion(ff, form_factor, q2, t_0, a)


def _kmpw(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """Khodjamirian et al. 2010: value at q2 = 0 and slope; f_0 has no pole.  Source: arXiv:1006.4945 eq. (8.8)."""
    at_zero, slope = ff.central_coefficients(form_factor)
    t_0 = ff.t_plus * (1.0 - math.sqrt(1.0 - ff.t_minus / ff.t_plus))
    z, z_0 = ff.z(q2, t_0), ff.z(np.zeros(()), t_0)
    series = at_zero * (1.0 + slope * (z - z_0 + 0.5 * (z * z - z_0 * z_0)))
    return np.asarray(series / (1.0 - q2 / ff.poles.get(form_factor, math.inf) ** 2))


def _bsz(ff: FormFactorSet, form_factor: str, q2: FloatArray) -> FloatArray:
    """Simplified series expansion of Bharucha, Straub, Zwicky.  Source: arXiv:1503.05534."""
    a = ff.central_coefficients(form_factor)
    # Sharing the first coefficient of A_0 stands for the relation at q2 = 0, which has this factor.
    if form_factor == "A_12" and ff.coefficients["A_12"][:1] == ff.coefficients.get("A_0", ())[:1]:
        m_B, m_V = ff.constants["m_B"], ff.constants["m_M"]
        a = (a[0] * (m_B**2 - m_V**2) / (8.0 * m_B * m_V), *a[1:])
    t_0 = ff.t_plus * (1.0 - math.sqrt(1.0 - ff.t_minus / ff.t_plus))
    z = ff.z(q2, t_0) - ff.z(np.zeros(()), t_0)
    series = np.polynomial.polynomial.polyval(z, a)
    return np.asarray(series / (1.0 - q2 / ff.poles[form_factor] ** 2))


PARAMETRISATIONS: dict[str, Callable[[FormFactorSet, str, FloatArray], FloatArray]] = {
    "HPQCD": _hpqcd,
    "BCL": _bcl,
    "KMPW": _kmpw,
    "BSZ": _bsz,
}


def _A_2(ff: FormFactorSet, q2: FloatArray, A_1: FloatArray, A_12: FloatArray) -> FloatArray:
    """A_2 from A_1 and A_12.  Source: arXiv:1503.05534."""
    m_B, m_V = ff.constants["m_B"], ff.constants["m_M"]
    total = m_B + m_V
    numerator = total**2 * (m_B**2 - m_V**2 - q2) * A_1 - 16.0 * m_B * m_V**2 * total * A_12
    return np.asarray(numerator / ((ff.t_minus - q2) * (ff.t_plus - q2)))


def _T_3(ff: FormFactorSet, q2: FloatArray, T_2: FloatArray, T_23: FloatArray) -> FloatArray:
    """T_3 from T_2 and T_23.  Source: arXiv:1503.05534."""
    m_B, m_V = ff.constants["m_B"], ff.constants["m_M"]
    difference = m_B**2 - m_V**2
    numerator = difference * (m_B**2 + 3.0 * m_V**2 - q2) * T_2 - 8.0 * m_B * m_V**2 * (m_B - m_V) * T_23
    return np.asarray(numerator / ((ff.t_minus - q2) * (ff.t_plus - q2)))


# The fits do not impose the relations that would make A_2 and T_3 finite at the end point, where lambda = 0.
_DERIVED: dict[str, tuple[str, str, Callable[[FormFactorSet, FloatArray, FloatArray, FloatArray], FloatArray]]] = {
    "A_2": ("A_1", "A_12", _A_2),
    "T_3": ("T_2", "T_23", _T_3),
}


def available(transition: str) -> tuple[str, ...]:
    """Names of the form-factor sets that exist for ``transition`` ('K', 'Kst' or 'phi')."""
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
    """Vector form factor f_plus at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_plus(q2)


def f_0(q2: Real, set: str = "HPQCD2022", transition: str = "K") -> Real:
    """Scalar form factor f_0 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_0(q2)


def f_T(q2: Real, set: str = "HPQCD2022", transition: str = "K") -> Real:
    """Tensor form factor f_T at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).f_T(q2)


def V(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Vector form factor V at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).V(q2)


def A_0(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Timelike axial (pseudoscalar) form factor A_0 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).A_0(q2)


def A_1(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Transverse axial form factor A_1 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).A_1(q2)


def A_2(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Axial form factor A_2 at q2 [GeV^2] of the named set, see ``FormFactorSet.A_2``."""
    return form_factor_set(set, transition).A_2(q2)


def A_12(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Longitudinal axial form factor A_12 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).A_12(q2)


def T_1(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Tensor form factor T_1 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).T_1(q2)


def T_2(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Tensor form factor T_2 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).T_2(q2)


def T_3(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Tensor form factor T_3 at q2 [GeV^2] of the named set, see ``FormFactorSet.T_3``."""
    return form_factor_set(set, transition).T_3(q2)


def T_23(q2: Real, set: str = "BSZ2015", transition: str = "Kst") -> Real:
    """Longitudinal tensor form factor T_23 at q2 [GeV^2] of the named set, see ``FormFactorSet.value``."""
    return form_factor_set(set, transition).T_23(q2)


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
        """The same inputs with the form-factor parameters of ``transition`` shifted by ``vector`` (n_par,)."""
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
        "covariance": tuple(tuple(row) for row in raw["covariance"]) if "covariance" in raw else None,
        "coefficients": {name: tuple(terms) for name, terms in raw["coefficients"].items()},
    }
    return FormFactorSet(**{**raw, **tuples})
