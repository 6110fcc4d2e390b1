"""The named quantities of a card: branching fractions, widths and lifetimes, with form-factor uncertainties."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .card import Card
from .channels import Channel
from .dark_matter import Widths, invisible_fraction
from .errors import RunError, calculating
from .formfactors import FormFactorSet, Inputs
from .kinematics import p_B_upsilon4S, two_body_momentum
from .results import Quantity
from .spectrum import Array, Spectrum
from .units import width_from_lifetime

_ANGLE_X, _ANGLE_W = np.polynomial.legendre.leggauss(48)

_LARGEST_EXPONENT = 745.0  # exp(-x) is 0 beyond

Probability = Callable[[Array], Array]
"""Mean p_invisible at q2 (n,) [GeV^2]."""


@calculating("the rates")
def rates(card: Card, uncertainties: bool = True) -> list[Quantity]:
    """Branching fractions of the channel, then widths, branching fractions and ctau of the mediator, then `derived`.

    Uncertainties are those of the form factors, propagated linearly along the principal axes of their covariance;
    widths of the mediator do not depend on them.  Without `uncertainties` the values are the same, but faster.
    Raises RunError for a point whose rates are not finite numbers.
    """
    source = card.model.describe_name()
    form_factors = _form_factors(card)
    if form_factors is not None:
        source += f", form factors {form_factors.name}"
    widths = card.model.widths(card.physics_inputs)
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    unseen = _remembered(_unseen_probability(card, card.physics_inputs, widths, spectrum))

    def values(inputs: Inputs) -> dict[str, float]:
        named = _branching_fractions(card, inputs, card.model.spectrum(card.decay, inputs), unseen)
        return named | card.model.further_rates(card.decay, inputs)

    central = _branching_fractions(card, card.physics_inputs, spectrum, unseen)
    central |= card.model.further_rates(card.decay, card.physics_inputs)
    errors = form_factor_uncertainties(card, values) if uncertainties else {}
    quantities = [Quantity(name, value, "1", errors.get(name), source) for name, value in central.items()]
    quantities += [*_mediator_quantities(card, widths), *card.model.derived(card.physics_inputs)]
    for quantity in quantities:
        if not np.all(np.isfinite([quantity.value, quantity.uncertainty or 0.0])):
            raise RunError(f"the rates cannot be calculated at this point: {quantity.name} is not a finite number")
    return quantities


def branching_fractions(card: Card, inputs: Inputs) -> dict[str, float]:
    """BR(B -> hadron X), and with X unseen by the detector, by name."""
    spectrum = card.model.spectrum(card.decay, inputs)
    return _branching_fractions(card, inputs, spectrum, unseen_probability(card, inputs))


def total_name(card: Card) -> str:
    """Name of the branching fraction of the card's channel, whatever X does: BR(B+ -> K+ a)."""
    return f"BR({card.decay.name} {card.model.mediator})"


def _branching_fractions(
    card: Card, inputs: Inputs, spectrum: Spectrum, unseen: Probability | None
) -> dict[str, float]:
    channel = card.decay
    Gamma_B = width_from_lifetime(channel.tau_B(inputs.constants))
    whole = spectrum.rate() / Gamma_B
    invisible = spectrum.integral(unseen) / Gamma_B
    values = {total_name(card): whole, f"BR({channel.name} inv)": invisible}
    if channel.name == "B0 -> K0":  # a K0 is a K_S half of the time
        values["BR(B0 -> K_S inv)"] = 0.5 * invisible
    return values


def _remembered(function: Probability | None) -> Probability | None:
    """The function with its values kept: shifted form factors ask for the same q2 again."""
    if function is None:
        return None
    known: dict[bytes, Array] = {}

    def value(q2: Array) -> Array:
        key = q2.tobytes()
        if key not in known:
            known[key] = function(q2)
        return known[key]

    return value


def form_factor_uncertainties(card: Card, values: Callable[[Inputs], dict[str, float]]) -> dict[str, float]:
    """One-sigma form-factor uncertainty of each value: sqrt(sum_i ((v(+i) - v(-i))/2)^2) over the eigen-directions."""
    form_factors = _form_factors(card)
    if form_factors is None or form_factors.covariance is None:
        return {}
    inputs, transition = card.physics_inputs, card.decay.transition
    variance: dict[str, float] = {}
    for shift in form_factors.eigen_shifts():
        up, down = values(inputs.with_shift(transition, shift)), values(inputs.with_shift(transition, -shift))
        for name in up:
            variance[name] = variance.get(name, 0.0) + (0.5 * (up[name] - down[name])) ** 2
    return {name: math.sqrt(value) for name, value in variance.items()}


def _form_factors(card: Card) -> FormFactorSet | None:
    """The set that the card's rates depend on."""
    return card.physics_inputs.form_factors.get(card.decay.transition) if card.model.uses_form_factors else None


def invisible_branching(card: Card, edges: NDArray[np.float64], inputs: Inputs | None = None) -> Array:
    """Branching fraction with X unseen in each bin of true q2: exact integrals of density times mean p_invisible.

    edges: (n+1,) [GeV^2]; inputs: other ones than the card's, e.g. shifted form factors.  Returns (n,).
    """
    inputs = inputs or card.physics_inputs
    spectrum = card.model.spectrum(card.decay, inputs)
    Gamma_B = width_from_lifetime(card.decay.tau_B(inputs.constants))
    return spectrum.bin_integrals(edges, unseen_probability(card, inputs)) / Gamma_B


def unseen_probability(card: Card, inputs: Inputs) -> Probability | None:
    """Mean p_invisible as a function of q2, or None where X is never seen."""
    return _unseen_probability(card, inputs, card.model.widths(inputs))


def _unseen_probability(
    card: Card, inputs: Inputs, widths: Widths | None, spectrum: Spectrum | None = None
) -> Probability | None:
    """As `unseen_probability`; on the lines of a spectrum without continuum the widths say all, which is quicker."""
    if widths is None or not math.isfinite(widths.ctau):
        return None
    on_line = widths.invisible_fraction if spectrum is not None and spectrum.continuum is None else None
    modes = card.model.modes(inputs) if on_line is None else ()
    if all(mode.invisible for mode in modes) if on_line is None else on_line >= 1.0:
        return None
    ctau, L_det = widths.ctau, card.detector.L_det
    beam = None if card.beam == "rest" else card.beam
    sqrt_s = None if beam is None else beam.sqrt_s
    boost = (0.0, 0.0, 0.0) if beam is None else beam.boost

    def unseen(q2: Array) -> Array:
        invisible = invisible_fraction(modes, q2) if on_line is None else np.full(len(q2), on_line)
        some = invisible < 1.0
        if np.any(some):
            survival = mean_survival(q2[some], card.decay, inputs, ctau, L_det, sqrt_s, boost)
            invisible[some] += (1.0 - invisible[some]) * survival
        return invisible

    return unseen


def mean_survival(
    q2: Array,
    channel: Channel,
    inputs: Inputs,
    ctau: float,
    L_det: float,
    sqrt_s: float | None,
    boost: tuple[float, float, float],
    production: Literal["sine_squared", "isotropic"] = "sine_squared",
) -> Array:
    """Probability that X flies farther than L_det, averaged over the directions of B and X.

    <exp(-L_det/(beta gamma ctau))> with beta gamma = |p_lab|/sqrt(q2).  The B is distributed like `production` about z
    in the Y(4S) frame, X is isotropic in the B frame; their mean is a product of two Gauss-Legendre sums, because the
    angle between X and the boost has the density (1/2)[1 - P2(cos alpha) P2(cos delta) P2(c)], alpha between X and B,
    delta between boost and z.

    q2: (n,) [GeV^2]; ctau, L_det [m]; sqrt_s [GeV], None for a B at rest; boost: beta gamma of the Y(4S).
    Source: arXiv:2502.04900 eq. (11).
    """
    constants = inputs.constants
    m_B, m_H = channel.m_B(constants), channel.m_H(constants)
    if _stays_inside(q2, m_B, ctau, L_det, sqrt_s, boost):
        return np.zeros_like(q2)
    m_X = np.sqrt(q2)[:, None, None]
    k = two_body_momentum(m_B, m_H, m_X)
    E_X = np.sqrt(k**2 + m_X**2)
    along_B, along_boost = _ANGLE_X[:, None], _ANGLE_X[None, :]
    p_B = 0.0 if sqrt_s is None else p_B_upsilon4S(sqrt_s, m_B)
    E_B = math.sqrt(m_B**2 + p_B**2)
    E = (E_B * E_X + p_B * k * along_B) / m_B
    p = np.sqrt(np.maximum(E**2 - m_X**2, 0.0))
    cos_alpha = np.divide(E_B * k * along_B + p_B * E_X, m_B * p, out=np.zeros_like(p), where=p > 0.0)
    beta_gamma = math.hypot(*boost)
    cos_delta = boost[2] / beta_gamma if beta_gamma > 0.0 else 0.0
    correlation = _P2(cos_alpha) * _P2(cos_delta) * _P2(along_boost) if production == "sine_squared" else 0.0
    E_lab = math.sqrt(1.0 + beta_gamma**2) * E + beta_gamma * p * along_boost
    p_lab = np.sqrt(np.maximum(E_lab**2 - m_X**2, 0.0))
    with np.errstate(divide="ignore"):
        survival = np.exp(-L_det * m_X / (p_lab * ctau))
    return np.asarray(np.einsum("nij,i,j->n", survival * (1.0 - correlation), 0.5 * _ANGLE_W, 0.5 * _ANGLE_W))


def _stays_inside(
    q2: Array, m_B: float, ctau: float, L_det: float, sqrt_s: float | None, boost: tuple[float, float, float]
) -> bool:
    """Whether exp(-L_det/(beta gamma ctau)) underflows for any X: beta gamma is below E_B/m_X, boosted."""
    beta_gamma = math.hypot(*boost)
    E_lab = (math.hypot(1.0, beta_gamma) + beta_gamma) * max(m_B, sqrt_s or 0.0)
    return bool(L_det > _LARGEST_EXPONENT * ctau * E_lab / math.sqrt(max(float(np.min(q2)), 1e-300)))


def _P2(x: Array | float) -> Array:
    return np.asarray(1.5 * np.square(x) - 0.5)


def _mediator_quantities(card: Card, widths: Widths | None) -> list[Quantity]:
    if widths is None:
        return []
    X, source = widths.name, card.model.describe_name()
    quantities = [
        Quantity(f"Gamma({X} -> {name})", width, "GeV", None, source) for name, width in widths.partial.items()
    ]
    quantities.append(Quantity(f"Gamma({X})", widths.total, "GeV", None, source))
    if widths.total > 0.0:
        quantities += [
            Quantity(f"BR({X} -> {name})", width / widths.total, "1", None, source)
            for name, width in widths.partial.items()
        ]
    quantities.append(Quantity(f"BR({X} -> inv)", widths.invisible_fraction, "1", None, source))
    if math.isfinite(widths.ctau):
        quantities.append(Quantity(f"ctau({X})", widths.ctau, "m", None, source))
    return quantities
