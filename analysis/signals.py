"""How the expected signal of every bin depends on the parameters of interest and on further nuisance parameters.

The official signal yields S(theta) of the likelihood are multiplied, bin by bin, with

    s_x(phi, alpha) = sum_m c_m(phi) [R_mx + sum_k alpha_k D_mkx],

phi the parameters of interest, c_m monomials up to second order, alpha_k nuisance parameters with unit-Gaussian
constraints, for example the eigen-directions of a form-factor set.  `Signal` is the shape with one strength,
`Polynomial` the general one, `Reevaluated` a model whose template is computed again at every phi.  All are arguments
of the same compiled functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .responses import N_BINS, Array

NUISANCE_BOUND = 5.0
"""Largest |alpha| of the further nuisance parameters, as pyhf has it for its own."""


class SignalModel(Protocol):
    """What the likelihood asks of a signal; `values` is (phi, alpha), (n_pois + n_nuisances,)."""

    @property
    def pois(self) -> tuple[str, ...]:
        """Names of the parameters of interest."""

    @property
    def n_nuisances(self) -> int:
        """Number of further nuisance parameters."""

    @property
    def pruned(self) -> tuple[str, ...]:
        """Nuisance parameters of the workspace that are held at 0 without constraint term."""

    @property
    def lower(self) -> Array:
        """(n_pois,) lower bounds of the parameters of interest."""

    def strengths(self, values: Array) -> Array:
        """(n_bins,) multiples of the official signal; NaN outside the range of the model."""

    def slopes(self, values: Array) -> Array:
        """(n_bins, n_pois + n_nuisances) derivatives of `strengths`."""

    def standard_model(self, values: Array) -> Array:
        """(n_bins,) part of `strengths` that is held fixed beside the parameters of interest."""


@dataclass(frozen=True, eq=False)
class Signal:
    """What multiplies the official signal yields: fixed + mu * template, with mu the fitted strength.

    `Signal(0.0, ones)` is the official fit of mu_SM, `Signal(1.0, r)` new physics on top of the SM,
    `Signal(0.0, r)` a total that replaces the SM.  template: (n_bins,).
    """

    fixed: float
    template: Array

    def __post_init__(self) -> None:
        _check_template(self.template)

    @property
    def pois(self) -> tuple[str, ...]:
        """The strength."""
        return ("mu",)

    @property
    def n_nuisances(self) -> int:
        """None."""
        return 0

    @property
    def pruned(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def lower(self) -> Array:
        """(1,) no bound: data may fluctuate below what is held fixed."""
        return np.array([-np.inf])

    def strengths(self, values: Array) -> Array:
        """(n_bins,) fixed + mu * template."""
        return np.asarray(self.fixed + values[0] * self.template)

    def slopes(self, values: Array) -> Array:
        """(n_bins, 1) the template."""
        return self.template[:, np.newaxis]

    def standard_model(self, values: Array) -> Array:
        """(n_bins,) the fixed part."""
        return np.full(N_BINS, self.fixed)


@dataclass(frozen=True, eq=False)
class Polynomial:
    """s_x = sum_m c_m(phi) [R_mx + sum_k alpha_k D_mkx], c_m = prod_i phi_i^powers[m, i].

    pois: names.  powers: (n_terms, n_pois), rows that sum to 2 at most; the row of zeros is the constant, what is held
    fixed.  responses: R (n_terms, n_bins).  shifts: D (n_terms, n_nuisances, n_bins).  lower: (n_pois,).
    pruned: see `SignalModel`.
    """

    pois: tuple[str, ...]
    powers: NDArray[np.int64]
    responses: Array
    shifts: Array
    lower: Array
    pruned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_terms = len(self.powers)
        shapes = self.powers.shape, self.responses.shape, (*self.shifts.shape[:1], *self.shifts.shape[2:])
        if shapes != ((n_terms, len(self.pois)), (n_terms, N_BINS), (n_terms, N_BINS)):
            raise ValueError(
                f"signal of inconsistent shape: {len(self.pois)} parameters, powers {self.powers.shape}, "
                f"responses {self.responses.shape}, shifts {self.shifts.shape}"
            )
        if np.any(self.powers < 0) or np.any(self.powers.sum(axis=1) > 2):
            raise ValueError("the terms of a signal are monomials up to second order")
        if not (np.all(np.isfinite(self.responses)) and np.all(np.isfinite(self.shifts))):
            raise ValueError("template has entries that are not finite")

    @classmethod
    def linear(
        cls,
        pois: tuple[str, ...],
        fixed: tuple[Array, Array],
        parts: list[tuple[Array, Array]],
        *,
        lower: float = -np.inf,
        pruned: tuple[str, ...] = (),
    ) -> Polynomial:
        """A fixed part and one part for each parameter; each part is R (n_bins,) and D (n_nuisances, n_bins)."""
        powers = np.vstack([np.zeros((1, len(pois)), dtype=np.int64), np.eye(len(pois), dtype=np.int64)])
        every = [fixed, *parts]
        responses, shifts = np.array([part[0] for part in every]), np.array([part[1] for part in every])
        return cls(pois, powers, responses, shifts, np.full(len(pois), lower), pruned)

    @property
    def n_nuisances(self) -> int:
        """Number of alpha_k."""
        return int(self.shifts.shape[1])

    def strengths(self, values: Array) -> Array:
        """(n_bins,) the sum of all terms."""
        phi, alpha = self._split(values)
        return np.asarray(self._monomials(phi) @ self._terms(alpha))

    def slopes(self, values: Array) -> Array:
        """(n_bins, n_pois + n_nuisances) derivatives in phi, then in alpha."""
        phi, alpha = self._split(values)
        in_phi = self._monomial_slopes(phi).T @ self._terms(alpha)
        in_alpha = np.einsum("m,mkx->kx", self._monomials(phi), self.shifts)
        return np.concatenate((in_phi, in_alpha)).T

    def standard_model(self, values: Array) -> Array:
        """(n_bins,) the terms without phi."""
        _, alpha = self._split(values)
        constant = (self.powers.sum(axis=1) == 0).astype(np.float64)
        return np.asarray(constant @ self._terms(alpha))

    def _split(self, values: Array) -> tuple[Array, Array]:
        return values[: len(self.pois)], values[len(self.pois) :]

    def _terms(self, alpha: Array) -> Array:
        """(n_terms, n_bins) the brackets."""
        return np.asarray(self.responses + np.einsum("k,mkx->mx", alpha, self.shifts))

    def _monomials(self, phi: Array) -> Array:
        return np.asarray(np.prod(phi**self.powers, axis=1))

    def _monomial_slopes(self, phi: Array) -> Array:
        """(n_terms, n_pois)"""
        slopes = np.empty(self.powers.shape)
        for i in range(len(self.pois)):
            lowered = self.powers.copy()
            lowered[:, i] = np.maximum(lowered[:, i] - 1, 0)
            slopes[:, i] = self.powers[:, i] * np.prod(phi**lowered, axis=1)
        return slopes


@dataclass(frozen=True, eq=False)
class Reevaluated:
    """A template that is computed again for every phi, with numerical derivatives, on top of a fixed part.

    s_x = F_x + sum_k alpha_k G_kx + r_x(phi) (1 + sum_k alpha_k d_kx).

    template: phi (n_pois,) -> r (n_bins,), NaN outside the range of the model.  steps: (n_pois,) smallest steps of the
    derivatives; they grow with phi.  fixed: F (n_bins,) and G (n_nuisances, n_bins).  relative: d (n_nuisances,
    n_bins).  The parameters of interest are not negative.
    """

    pois: tuple[str, ...]
    template: Callable[[Array], Array]
    steps: Array
    fixed: tuple[Array, Array]
    relative: Array
    pruned: tuple[str, ...] = ()
    _known: dict[bytes, Array] = field(default_factory=dict, init=False)

    @property
    def n_nuisances(self) -> int:
        """Number of alpha_k."""
        return len(self.relative)

    @property
    def lower(self) -> Array:
        """(n_pois,) zeros."""
        return np.zeros(len(self.pois))

    def strengths(self, values: Array) -> Array:
        """(n_bins,) fixed part and template."""
        phi, alpha = self._split(values)
        return np.asarray(self.standard_model(values) + self._at(phi) * (1.0 + alpha @ self.relative))

    def slopes(self, values: Array) -> Array:
        """(n_bins, n_pois + n_nuisances); central differences in phi, one-sided at an end of the range."""
        phi, alpha = self._split(values)
        template, factor = self._at(phi), 1.0 + alpha @ self.relative
        columns = [self._slope(phi, template, i) * factor for i in range(len(phi))]
        return np.concatenate((np.array(columns), self.fixed[1] + template * self.relative)).T

    def standard_model(self, values: Array) -> Array:
        """(n_bins,) the fixed part."""
        _, alpha = self._split(values)
        return np.asarray(self.fixed[0] + alpha @ self.fixed[1])

    def _split(self, values: Array) -> tuple[Array, Array]:
        return values[: len(self.pois)], values[len(self.pois) :]

    def _at(self, phi: Array) -> Array:
        key = phi.tobytes()
        if key not in self._known:
            self._known[key] = self.template(phi)
        return self._known[key]

    def _slope(self, phi: Array, here: Array, i: int) -> Array:
        step = np.zeros_like(phi)
        step[i] = max(self.steps[i], 1e-4 * phi[i])
        above = self._at(phi + step)
        below = self._at(phi - step) if phi[i] >= step[i] else np.full(N_BINS, np.nan)
        if np.all(np.isfinite(above)) and np.all(np.isfinite(below)):
            return np.asarray((above - below) / (2.0 * step[i]))
        return np.asarray((above - here if np.all(np.isfinite(above)) else here - below) / step[i])


def _check_template(template: Array) -> None:
    if template.shape != (N_BINS,):
        raise ValueError(f"template has shape {template.shape}, expected ({N_BINS},): one number per bin")
    if not np.all(np.isfinite(template)):
        raise ValueError("template has entries that are not finite")


BACKGROUND = Signal(0.0, np.zeros(N_BINS))
STANDARD_MODEL = Signal(0.0, np.ones(N_BINS))
