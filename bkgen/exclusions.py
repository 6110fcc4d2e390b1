"""Every limit that applies to the point of a card: prediction, limit and verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .card import Card
from .channels import CHANNELS
from .dark_matter import OMEGA_H2, FreezeIn, Widths
from .errors import InputError, calculating
from .formfactors import Inputs
from .limits import Limit, all_limits
from .models.sm import StandardModel
from .observables import Observable
from .quantities import branching_fractions, total_name
from .recombination import F_EFF, annihilation_parameter
from .results import Quantity, number
from .units import C, width_from_lifetime

Verdict = Literal["allowed", "excluded", "indicative", "no limit"]
"""indicative: beyond a limit that does not decide, or no farther than the accuracy of the prediction;
no limit: a prediction that no shipped limit bounds."""

EXCLUDED, STRONGEST = "excluded", "strongest ratio"
"""Names of the two main results among quantities; `ratio_name` gives the others."""

_MUONS = "mu+ mu-"
_AVERAGES = {"BR(B -> K inv)": ("B+ -> K+", "B0 -> K0"), "BR(B -> K* inv)": ("B+ -> K*+", "B0 -> K*0")}
_KAON_DECAYS = ("K+ -> pi+", "K_L -> pi0")


@dataclass(frozen=True)
class Check:
    """A prediction against a limit.

    limit: None, with value None and the verdict "no limit", where no limit bounds the prediction.
    ratio: prediction over limit, or limit over prediction for a bound from below: above 1 the point is beyond it.
    """

    observable: Observable
    limit: Limit | None
    value: float | None
    ratio: float | None
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """The row of the JSON answer."""
        limit, observable = self.limit, self.observable
        return {
            "limit_id": None if limit is None else limit.id,
            "observable": observable.name,
            "prediction": observable.value if math.isfinite(observable.value) else None,
            "unit": observable.unit,
            "mass": observable.mass,
            "limit": self.value,
            "bound": None if limit is None else limit.bound,
            "cl": None if limit is None else limit.cl,
            "ratio": self.ratio,
            "verdict": self.verdict,
            "experiment": "" if limit is None else limit.name,
            "reference": "" if limit is None else limit.reference,
            "status": "" if limit is None else limit.status,
            "superseded_by": "" if limit is None else limit.superseded_by,
            "note": "; ".join(self.notes),
            "source": observable.source,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about prediction and limit."""
        limit = self.limit
        found = [self.observable.caveat, "" if limit is None else limit.note]
        if limit is not None and limit.superseded_by:
            found.append(f"superseded by {limit.superseded_by}")
        return tuple(text for text in found if text)


@dataclass(frozen=True)
class Constraints:
    """All checks of a card, those with the largest ratio first, and one line for each thing to know."""

    card: Card
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]

    @property
    def excluded(self) -> bool:
        """Whether the point is beyond a limit that decides."""
        return any(check.verdict == "excluded" for check in self.checks)

    @property
    def current(self) -> tuple[Check, ...]:
        """The checks without those of limits that later ones from the same data supersede."""
        return tuple(check for check in self.checks if check.limit is None or not check.limit.superseded_by)

    @property
    def strongest(self) -> Check | None:
        """The check with the largest ratio among limits that decide, None if there is none."""
        return next((c for c in self.checks if c.limit is not None and c.limit.decides), None)

    @property
    def verdict(self) -> str:
        """The whole in a sentence."""
        beyond = [check for check in self.checks if check.verdict == "excluded"]
        hints = [check for check in self.current if check.verdict == "indicative"]
        if beyond:
            text = f"excluded by {_ids(beyond)}"
            if all(check.limit is not None and check.limit.sm_shape for check in beyond) and not _like_sm(self.card):
                text += " (searches that assume the q2 spectrum of the SM)"
        else:
            decisive = sum(check.limit is not None and check.limit.decides for check in self.checks)
            text = f"allowed by all {decisive} limits that decide"
        return f"{text}; indications against it: {_ids(hints)}" if hints else text

    def quantities(self) -> list[Quantity]:
        """Verdict, strongest ratio, and the largest ratio to each limit."""
        strongest = self.strongest
        found = [Quantity(EXCLUDED, self.excluded, "1", None, "limits that decide")]
        if strongest is not None and strongest.ratio is not None and strongest.limit is not None:
            found.append(Quantity(STRONGEST, strongest.ratio, "1", None, strongest.limit.id))
        ratios: dict[str, Quantity] = {}
        for check in self.checks:
            if check.limit is not None and check.ratio is not None:  # the largest ratio of a limit comes first
                name = ratio_name(check.limit.id)
                ratios.setdefault(name, Quantity(name, check.ratio, "1", None, check.limit.reference))
        return [*found, *ratios.values()]

    def to_dict(self) -> dict[str, Any]:
        """What the JSON answer has beside the quantities."""
        return {"verdict": self.verdict, "constraints": [check.to_dict() for check in self.checks]}


def ratio_name(limit_id: str) -> str:
    """Name of the ratio of prediction to limit among quantities."""
    return f"ratio({limit_id})"


HEADER = ("prediction", "value", "limit", "CL", "ratio", "verdict", "unit", "experiment", "reference", "status", "note")


def table_rows(checks: Sequence[Check]) -> list[tuple[str, ...]]:
    """Cells of the table of checks under `HEADER`."""
    found: list[tuple[str, ...]] = []
    for check in checks:
        limit, o = check.limit, check.observable
        sign = ">" if limit is not None and limit.bound == "lower" else "<"
        found.append(
            (
                o.name,
                number(o.value, 4),
                "" if check.value is None else f"{sign} {number(check.value, 4)}",
                "" if limit is None or limit.cl is None else f"{limit.cl:.0%}",
                "" if check.ratio is None else number(check.ratio, 3),
                check.verdict,
                o.unit,
                "" if limit is None else limit.name,
                "" if limit is None else limit.reference,
                "" if limit is None else limit.status,
                "; ".join(check.notes),
            )
        )
    return found


@calculating("the constraints")
def constraints(card: Card) -> Constraints:
    """The point of a card against every limit that applies to it; limits that do not apply are left out."""
    warnings: list[str] = []
    predictions = _with_density(card, list(predict(card, warnings)))
    checks = [check for observable in predictions for check in _checks(observable)]
    checks.sort(key=lambda check: -math.inf if check.ratio is None else check.ratio, reverse=True)
    if any(c.verdict == "excluded" and c.limit is not None and c.limit.sm_shape for c in checks) and not _like_sm(card):
        warnings.append("limits on B -> K(*) nu nubar assume the q2 spectrum of the SM: `bkgen recast`, `bkgen fit`")
    return Constraints(card, tuple(checks), tuple(dict.fromkeys(warnings)))


def predict(card: Card, warnings: list[str]) -> Iterator[Observable]:
    """Every prediction of a card that a limit may bound; what cannot be predicted is added to the warnings."""
    inputs, model = card.physics_inputs, card.model
    widths = model.widths(inputs)
    totals = {name: _in_channel(card, name) for name in _searched(card)}
    yield from _invisible(card, totals, inputs)
    derived = model.derived(inputs)
    if widths is not None:
        yield from _resonances(totals, widths)
        yield from _kaons(derived, widths)
        if widths.total > 0.0 and not widths.partial.keys() <= widths.invisible:
            yield Observable(f"tau({widths.name})", widths.ctau / C, "s", "tau", mass=widths.mass)
    for quantity in derived:
        if quantity.name in ("BR(h -> inv)", "Delta a_mu") and isinstance(quantity.value, float):
            yield Observable(quantity.name, quantity.value, quantity.unit, source=quantity.source)
    yield from model.observables(inputs)
    yield from _dark_matter(card, warnings)


def _searched(card: Card) -> Iterator[str]:
    """Names of the channels at B factories in which the card's model has a rate at this point."""
    inputs, model = card.physics_inputs, card.model
    for name in model.channels:
        there = CHANNELS[name]
        known = there.transition in inputs.form_factors or not model.uses_form_factors
        if there.production is not None and known and not any(model.check(there, inputs)):
            yield name


def _in_channel(card: Card, name: str) -> tuple[float, float]:
    """(BR whatever X does, BR with X unseen) of the card's model in a channel."""
    there = card if name == card.channel else card.model_copy(update={"channel": name, "Kst_decay": None})
    values = branching_fractions(there, card.physics_inputs)
    return values[total_name(there)], values[f"BR({name} inv)"]


def _invisible(card: Card, totals: dict[str, tuple[float, float]], inputs: Inputs) -> Iterator[Observable]:
    """BR(B -> K(*) inv) of model and SM together, in each charge state and averaged over them."""
    standard = StandardModel(name="sm")
    found = {}
    for name, (_, unseen) in totals.items():
        sm = 0.0
        if not card.model.contains_sm:
            Gamma_B = width_from_lifetime(CHANNELS[name].tau_B(inputs.constants))
            sm = standard.spectrum(CHANNELS[name], inputs).rate() / Gamma_B
        caveat = "" if card.model.contains_sm else f"with {number(sm, 3)} of the SM"
        found[name] = Observable(
            f"BR({name} inv)", unseen + sm, caveat=caveat, source=f"{card.model.describe_name()} and short-distance SM"
        )
    yield from found.values()
    for key, (first, second) in _AVERAGES.items():
        if first in found and second in found:
            yield replace(found[first], name=key, value=0.5 * (found[first].value + found[second].value), caveat="")


def _resonances(totals: dict[str, tuple[float, float]], widths: Widths) -> Iterator[Observable]:
    """BR(B -> K(*) X) BR(X -> mu+ mu-)."""
    if not widths.partial.get(_MUONS, 0.0) > 0.0:
        return
    to_muons, X = widths.partial[_MUONS] / widths.total, widths.name
    for name, (whole, _) in totals.items():
        yield Observable(
            f"BR({name} {X}) BR({X} -> {_MUONS})",
            whole * to_muons,
            known_as=f"BR({name} X) BR(X -> {_MUONS})",
            mass=widths.mass,
            lifetime=widths.ctau / C,
        )


def _kaons(derived: Sequence[Quantity], widths: Widths) -> Iterator[Observable]:
    """BR(K -> pi X) where the model gives it."""
    names = {f"BR({decay} {widths.name})": f"BR({decay} X)" for decay in _KAON_DECAYS}
    for quantity in derived:
        if quantity.name in names and isinstance(quantity.value, float):
            yield Observable(
                quantity.name,
                quantity.value,
                known_as=names[quantity.name],
                mass=widths.mass,
                lifetime=widths.ctau / C,
                invisible=widths.invisible_fraction,
                source=quantity.source,
            )


def _dark_matter(card: Card, warnings: list[str]) -> Iterator[Observable]:
    """Annihilation at recombination, and the mass of frozen-in dark matter."""
    try:
        candidate = card.model.dark_matter(card.physics_inputs)
        if candidate is None:
            return
        if isinstance(candidate, FreezeIn):
            yield Observable("m(freeze-in)", candidate.mass, "GeV", mass=candidate.mass, caveat=candidate.name)
            return
        p_ann = annihilation_parameter(candidate)
    except (InputError, ValueError) as error:
        reason = "; ".join(str(error).splitlines())
        warnings.append(f"no limits from the annihilation or production of dark matter: {reason}")
        return
    yield Observable(
        "p_ann",
        p_ann,
        "cm^3/s/GeV",
        mass=candidate.mass,
        density_power=2,
        caveat=f"f_eff = {F_EFF:g} of visible energy",
        source="sigma v at rest",
    )


def _with_density(card: Card, predictions: list[Observable]) -> list[Observable]:
    """Predictions for the share of the dark matter that the relic density of the candidate is, at most all of it.

    Where there is no relic density the candidate is taken for all of the dark matter, and the caveat says so.
    """
    if not any(observable.density_power for observable in predictions):
        return predictions
    from .relic_density import PLANCK, relic  # loads the compiled integrators

    try:
        density = next(q.value for q in relic(card, shares=False).quantities if q.name == OMEGA_H2)
    except InputError:
        density = None
    share = min(float(density) / PLANCK, 1.0) if isinstance(density, float) else None
    found = []
    for observable in predictions:
        power = observable.density_power
        if power and share is None:
            observable = _with_caveat(observable, "if it is all of the dark matter")
        elif power and share is not None and share < 1.0:
            observable = replace(observable, value=observable.value * share**power)
            observable = _with_caveat(observable, f"for {share:.3g} of the dark matter, by its relic density")
        found.append(observable)
    return found


def _with_caveat(observable: Observable, text: str) -> Observable:
    return replace(observable, caveat="; ".join(filter(None, (observable.caveat, text))))


def _checks(observable: Observable) -> list[Check]:
    """The observable against each limit that applies; itself with "no limit" if it is informative and there is none."""
    found = []
    for limit in all_limits():
        if limit.observable != observable.key:
            continue
        value = limit.at(observable)
        if value is not None:
            found.append(_check(observable, limit, value))
    if not found and observable.informative:
        return [Check(observable, None, None, None, "no limit")]
    return found


def _check(observable: Observable, limit: Limit, value: float) -> Check:
    upper = limit.bound == "upper"
    ratio = observable.value / value if upper else value / observable.value
    verdict: Verdict = "allowed"
    if ratio > 1.0:
        decided = abs(observable.value - value) > observable.accuracy and limit.decides
        verdict = "excluded" if decided else "indicative"
    return Check(observable, limit, value, ratio, verdict)


def _like_sm(card: Card) -> bool:
    """Whether the q2 spectrum is that which the searches assume."""
    return card.model.describe_name() == "sm"


def _ids(checks: Sequence[Check]) -> str:
    return ", ".join(check.limit.id for check in checks if check.limit is not None)
