"""The contract of a model: a frozen pydantic class that is card schema, documentation and physics at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticUndefined

from ..channels import Channel
from ..dark_matter import DarkMatter, DecayMode, Widths
from ..errors import Problem
from ..formfactors import Inputs
from ..observables import Observable
from ..results import Quantity
from ..spectrum import Array, Spectrum


def parameter(
    doc: str,
    *,
    unit: str = "1",
    default: Any = PydanticUndefined,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> Any:
    """A field of a model or block: one line of documentation, a unit, bounds and perhaps a default."""
    bounds = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    return Field(default=default, description=doc, json_schema_extra={"unit": unit}, **given)


Complex = float | tuple[float, float]
"""A coupling in a card: a number, or [re, im]."""


def as_complex(value: Complex) -> complex:
    """The number that a card gives as a number or as [re, im]."""
    return complex(*value) if isinstance(value, tuple) else complex(value)


class Block(BaseModel):
    """A group of parameters inside a model; infinities and NaN are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Model(Block, ABC):
    """A model of B -> K(*) + invisible.

    Subclasses declare `name: Literal["..."]` and their parameters, and return tables, never code that runs per event.
    Third-party models register under the entry-point group `bkgen.models`.
    """

    channels: ClassVar[tuple[str, ...]]
    """Names of the channels in which the model can be used."""

    mediator: ClassVar[str] = "inv"
    """Name of the invisible system in quantities: BR(B+ -> K+ <mediator>)."""

    mediator_pdg: ClassVar[int] = 0
    """PDG code of an X that is a particle but has no `widths`, 0 if it has none."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Folders of `bkgen/data` whose tables this point uses, besides form factors and constants; for `cite`."""
        return ()

    @property
    def uses_form_factors(self) -> bool:
        """Whether rates depend on form factors and have their uncertainties."""
        return True

    @property
    def contains_sm(self) -> bool:
        """Whether the rate includes that of the Standard Model, B -> K(*) nu nubar; else it comes on top of it."""
        return False

    @abstractmethod
    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Rate, q2 shape and angular coefficients of B -> hadron X in one object."""

    @abstractmethod
    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Decays of X; the branching fractions sum to 1 (on lines and in the continuum, see `DecayMode`)."""

    def widths(self, inputs: Inputs) -> Widths | None:
        """Partial widths of the mediator, or None when X is not a particle."""
        return None

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """How the model's dark matter gets its relic density, or None when the model does not predict it.

        Raises InputError where the model predicts it in general, but not at this point.
        """
        return None

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Problems of this point that bounds on single fields cannot see (thresholds, missing alternatives).

        Paths are relative to the model block.  Called before `spectrum`, which may rely on it.
        """
        if channel.name not in self.channels:
            yield Problem(
                ("channel",), f"model {self.describe_name()} has no {channel.name}, only {' | '.join(self.channels)}"
            )

    def events_refused(self, channel: Channel) -> str | None:
        """Why events of this point cannot be generated although its rate is known, or None."""
        return None

    def further_rates(self, channel: Channel, inputs: Inputs) -> dict[str, float]:
        """Branching fractions by name, beside those of the whole spectrum; form factors make them uncertain."""
        return {}

    def derived(self, inputs: Inputs) -> tuple[Quantity, ...]:
        """Further named results of this point that do not depend on form factors; `rates` shows them last."""
        return ()

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """What experiments or cosmology bound, beside `spectrum`, `widths`, `derived` and `dark_matter`.

        `bkgen constraints` compares it with the limits of that name, see the documentation of limits.
        """
        yield from ()

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """One line for each approximation that is used outside its range."""
        yield from ()

    @classmethod
    def describe_name(cls) -> str:
        """The name that selects the model in a card."""
        (name,) = get_args(cls.model_fields["name"].annotation)
        return str(name)


class PairModel(Model):
    """A model of an invisible pair without a mediator on its mass shell: one continuum, one decay mode.

    Subclasses name their couplings, give the masses of the pair and its angular coefficients at q2.
    """

    operators: ClassVar[tuple[str, ...]]
    """Names of the couplings; at least one must not vanish."""

    mass_key: ClassVar[str]
    """The parameter that a problem with the threshold points to."""

    @property
    @abstractmethod
    def masses(self) -> tuple[float, float]:
        """Masses of the pair [GeV]."""

    @abstractmethod
    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """Angular coefficients (n, 3) or (n, 12) [GeV^-1] at q2 (n,) [GeV^2], see `bkgen.spectrum`."""

    @property
    def vanishing(self) -> frozenset[str]:
        """Names of the operators that vanish at this point because the particles are their own antiparticles."""
        return frozenset()

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """The threshold, operators that vanish identically, and a rate that does not."""
        yield from super().check(channel, inputs)
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        given = [name for name in self.operators if as_complex(getattr(self, name))]
        vanishing = [name for name in given if name in self.vanishing]
        for name in vanishing:
            yield Problem((name,), "vanishes for a particle that is its own antiparticle", getattr(self, name))
        if sum(self.masses) >= limit:
            message = f"the pair must be lighter than m_B - m_hadron = {limit:.5f} GeV"
            yield Problem((self.mass_key,), message, getattr(self, self.mass_key))
        elif not given:
            yield Problem((), f"at least one coupling is required: {', '.join(self.operators)}")
        elif channel.name in self.channels and not vanishing and not self.spectrum(channel, inputs).rate() > 0.0:
            yield Problem((), f"these couplings give no rate in {channel.name}")

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Spectrum in q2 with all angles, from threshold to the end point."""
        return Spectrum.from_density(
            lambda q2: self.density(q2, channel, inputs), sum(self.masses) ** 2, channel.q2_max(inputs.constants)
        )
