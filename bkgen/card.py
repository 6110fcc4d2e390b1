"""The run card: one frozen object that names a model, a channel and everything a result depends on.

`load_card` reads a YAML 1.2 file, `card_from_dict` takes values in memory; both report every problem at once.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from . import channels
from .card_blocks import (
    BEAM_PRESETS,
    TRANSITIONS,
    Beam,
    CardBlock,
    Detector,
    FormFactors,
    Generate,
    InputSet,
    Output,
    check_input_set,
    expand_beam,
    expand_detector,
    expand_form_factors,
    setting,
    with_suffix_of,
)
from .card_errors import refusal, refusals, translate
from .card_rules import rule_problems
from .channels import CHANNELS, Channel
from .constants import Constants
from .dark_matter import DecayMode
from .errors import InputError, Problem, RunError, calculating, suggestion
from .formfactors import Inputs, available, form_factor_set
from .models import Model, registry
from .spectrum import Spectrum
from .yaml_reader import Document, from_mapping, read_document

DEFAULT_LUMINOSITY = 362.0
"""Integrated luminosity of Belle II at the Y(4S) until 2022 [fb^-1]."""

_OPTIONAL = (
    "Kst_decay",
    "form_factors",
    "variation",
    "variations",
    "inputs",
    "luminosity",
    "generate",
    "beam",
    "frame",
    "detector",
    "output",
)


def _known_channel(value: Any) -> Any:
    if isinstance(value, str) and value in CHANNELS:
        return value
    what = "required" if value is None else "unknown channel"
    raise refusal(f"{what}, one of: {' | '.join(CHANNELS)}{suggestion(str(value), CHANNELS)}")


def _select_model(value: Any) -> Any:
    """The model of that name with its parameters."""
    if isinstance(value, Model):
        return value
    names = " | ".join(registry())
    if not isinstance(value, Mapping):
        what = "required" if value is None else "must be a block"
        raise refusal(f"{what}: 'name: ...' and the parameters of the model, one of: {names}")
    name = value.get("name")
    if name is None:
        raise refusals([Problem(("name",), f"required: the model, one of: {names}")])
    if not isinstance(name, str) or name not in registry():
        hint = suggestion(str(name), registry())
        raise refusals([Problem(("name",), f"unknown model{hint}, one of: {names}", name)])
    # As JSON, so that lists are accepted where a model asks for a tuple.
    return registry()[name].model_validate_json(json.dumps(value))


class Card(CardBlock):
    """A valid run card, every default filled in."""

    schema_version: Literal[1] = Field(alias="schema", description="version of the card format")
    model: Annotated[SerializeAsAny[Model], BeforeValidator(_select_model)] = setting("model of the invisible system")
    channel: Annotated[str, BeforeValidator(_known_channel)] = setting("decay channel")
    Kst_decay: str | None = setting("decay of the K*: K+ pi- | K0 pi0 (K*0), K0 pi+ | K+ pi0 (K*+)", default=None)
    form_factors: Annotated[FormFactors, BeforeValidator(expand_form_factors)] = setting(
        "form-factor sets", default=FormFactors()
    )
    variation: tuple[float, ...] = Field(
        default=(),
        strict=False,
        description="shift of the channel's form factors along the eigen-directions of their covariance, in sigma",
    )
    variations: Literal["none", "eigen"] = setting(
        "eigen: branches weight_ff_<i>_up, _down with the form factors one sigma along each eigen-direction",
        default="none",
    )
    inputs: Annotated[InputSet, BeforeValidator(check_input_set)] = setting("constants", default=InputSet())
    luminosity: float | None = setting(
        "integrated luminosity; none for Bs", unit="fb^-1", default=None, gt=0.0, le=1e12
    )
    generate: Generate = setting("sample", default=Generate())
    beam: Annotated[Literal["rest"] | Beam, BeforeValidator(expand_beam)] = setting(
        "collisions, or B at rest", default=Beam()
    )
    frame: Literal["lab", "Y4S", "B"] = setting("frame of the four-momenta", default="lab")
    detector: Annotated[Detector, BeforeValidator(expand_detector)] = setting("detector")
    output: Output = setting("output file")

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, data: Any, info: ValidationInfo) -> Any:
        """Defaults that depend on other keys or on the name of the card; an empty key counts as not given."""
        if not isinstance(data, Mapping):
            return data
        given = {key: value for key, value in data.items() if value is not None or key not in _OPTIONAL}
        filled = {"model": None, "channel": None, **given}
        decay = CHANNELS.get(str(filled.get("channel")))
        if decay is None or decay.production is not None:
            filled.setdefault("luminosity", DEFAULT_LUMINOSITY)
        at_belle2 = filled.get("channel") == "B+ -> K+" and filled.get("beam") != "rest"
        filled.setdefault("detector", "belle2-ita" if at_belle2 else "ideal")
        output = filled.get("output", {})
        if isinstance(output, Mapping) and output.get("path") is None:
            stem = (info.context or {}).get("stem", "card")
            filled["output"] = {**output, "path": with_suffix_of(f"outputs/{stem}.root", str(output.get("format")))}
        return filled

    @property
    def decay(self) -> Channel:
        """The decay channel, with the chosen decay of the K*."""
        channel = channels.channel(self.channel)
        known = [decay.name for decay in channel.decays]
        return channel.with_decay(self.Kst_decay) if self.Kst_decay in known else channel

    @cached_property
    def physics_inputs(self) -> Inputs:
        """Constants and form factors of this card."""
        constants = Constants.named(self.inputs.set, **self.inputs.overrides)
        sets = self.form_factors.sets().items()
        inputs = Inputs(constants, {transition: form_factor_set(name, transition) for transition, name in sets})
        if not self.variation or any(self._variation_problems()):
            return inputs
        transition = self.decay.transition
        shifts = inputs.form_factor(transition).eigen_shifts()
        padded = np.zeros(len(shifts))
        padded[: len(self.variation)] = self.variation
        return inputs.with_shift(transition, padded @ shifts)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Approximations that the model uses outside their range, and events that it cannot make."""
        refusal = self.model.events_refused(self.decay)
        notes = tuple(self.model.warnings(self.decay, self.physics_inputs))
        return notes if refusal is None else (*notes, f"no events can be generated: {refusal}")

    @property
    def at_rest(self) -> bool:
        """Whether B mesons are at rest instead of coming from the Y(4S)."""
        return self.beam == "rest"

    def problems(self) -> Iterator[Problem]:
        """Contradictions between keys, and what the model refuses at this point."""
        yield from self._kst_decay_problems()
        yield from self._variation_problems()
        constants = self.physics_inputs.constants
        yield from rule_problems(self.decay, constants, self.beam, self.frame, self.detector)
        yield from self.output.problems()
        if self.decay.production is None and self.luminosity is not None:
            message = f"{self.channel} is not produced at the Y(4S), leave luminosity out"
            yield Problem(("luminosity",), message, self.luminosity)
        transition = self.decay.transition
        if self.model.uses_form_factors and transition not in self.form_factors.sets():
            yield Problem(("form_factors", transition), f"required in {self.channel}, see 'bkgen models'")
            return
        for problem in self._model_problems():
            own = problem.path[:1] != ("channel",)
            path = ("model", *problem.path) if own else problem.path
            yield Problem(path, problem.message, problem.value)

    def _model_problems(self) -> list[Problem]:
        try:
            with calculating("its rate"):
                return list(self.model.check(self.decay, self.physics_inputs))
        except RunError as error:
            return [Problem((), str(error))]

    def _kst_decay_problems(self) -> Iterator[Problem]:
        decays = [decay.name for decay in self.decay.decays] if self.decay.prefix == "Kst" else []
        if self.Kst_decay is not None and self.Kst_decay not in decays:
            allowed = f"must be {' | '.join(decays)}" if decays else f"there is no K* in {self.channel}, leave it out"
            yield Problem(("Kst_decay",), f"{allowed}{suggestion(self.Kst_decay, decays)}", self.Kst_decay)

    def _variation_problems(self) -> Iterator[Problem]:
        """A variation needs a set with covariance, and at most one number for each of its parameters."""
        if not self.variation and self.variations == "none":
            return
        key = "variation" if self.variation else "variations"
        name = self.form_factors.sets().get(self.decay.transition)
        form_factors = None if name is None else form_factor_set(name, self.decay.transition)
        if not self.model.uses_form_factors:
            yield Problem((key,), "the rate of this model does not depend on form factors")
        elif form_factors is None or form_factors.covariance is None:
            yield Problem((key,), f"the form factors {name} have no covariance", name)
        elif len(self.variation) > len(form_factors.parameters):
            count = len(form_factors.parameters)
            yield Problem((key,), f"{name} has {count} eigen-directions, found {len(self.variation)} numbers")

    def resolved(self) -> dict[str, Any]:
        """The card with every default filled in, as JSON values, from which `card_from_dict` rebuilds it."""
        return self.model_dump(mode="json", by_alias=True)

    def with_model(self, changes: Mapping[str, Any] | None = None, /, **parameters: Any) -> Card:
        """The card at another point of its model: `with_model(m_a=1.5)`, `with_model({"Zp.g_X": 1e-4})`.

        Checked like a new card, but only the model is read again, which makes scans fast.  Raises InputError with every
        problem.
        """
        data = self.model.model_dump()
        for path, value in {**(changes or {}), **parameters}.items():
            *blocks, key = path.split(".")
            block = data
            for name in blocks:
                inner = block.get(name)
                block[name] = dict(inner) if isinstance(inner, Mapping) else {}
                block = block[name]
            block[key] = value.item() if isinstance(value, np.generic) else value
        try:
            model = type(self.model).model_validate_json(json.dumps(data))
        except ValidationError:
            return card_from_dict({**self.resolved(), "model": data})
        card = self.model_copy(update={"model": model})
        for name in ("warnings",) if not self.variation else ("warnings", "physics_inputs"):
            card.__dict__.pop(name, None)  # what depends on the model is computed again
        problems = list(card.problems())
        if problems:
            raise InputError(problems)
        return card

    def override(
        self,
        events: float | str | None = None,
        seed: float | str | None = None,
        format: str | None = None,
        path: str | Path | None = None,
    ) -> Card:
        """The card with single settings replaced, checked like a card in a file.

        A path without a format, or a format without a path, changes the other one as well.
        """
        data = self.resolved()
        path, format = self.output.moved(None if path is None else str(path), format)
        for block, key, value in (
            ("generate", "events", events),
            ("generate", "seed", seed),
            ("output", "format", format),
            ("output", "path", path),
        ):
            if value is not None:
                data[block][key] = value
        return card_from_dict(data, "command line")


def load_card(path: str | Path) -> Card:
    """Read and check a card.  Raises InputError with every problem, one line each."""
    return _validated(read_document(Path(path)), Path(path).stem, files=True)


def card_from_dict(data: Mapping[str, Any], source: str = "<card>") -> Card:
    """Check a card given as values.  Raises InputError with every problem, one line each."""
    return _validated(from_mapping(data, source), "card")


def json_schema() -> dict[str, Any]:
    """JSON schema of the card, with every installed model."""
    schema = Card.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema["$defs"]
    definitions.pop("Model", None)
    references = {}
    for name, cls in registry().items():
        model = TypeAdapter(cls).json_schema(ref_template="#/$defs/{model}")
        definitions.update(model.pop("$defs", {}))
        definitions[cls.__name__] = model
        references[name] = f"#/$defs/{cls.__name__}"
    properties = schema["properties"]
    properties["model"] = {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "name", "mapping": references},
    }
    properties["channel"]["enum"] = list(CHANNELS)
    properties["beam"].setdefault("anyOf", []).append({"enum": list(BEAM_PRESETS)})
    for key in ("form_factors", "detector"):
        properties[key] = {"anyOf": [{"type": "string"}, properties[key]]}
    definitions["Output"]["required"] = []
    definitions["Detector"]["required"] = ["name"]
    schema["required"] = ["schema", "model", "channel"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "bkgen run card"}


def _validated(document: Document, stem: str, files: bool = False) -> Card:
    card, problems = _structure(document.data, stem)
    if card is None:
        problems += _what_else(document.data, problems)
    else:
        problems += card.problems()
        problems += card.detector.unusable_files() if files else []
    problems = document.problems + problems + _uncovered_channel(document.data)
    if problems or card is None:
        unique = {str(problem): problem for problem in map(document.located, problems)}
        raise InputError(sorted(unique.values(), key=operator.attrgetter("line")))
    return card


def _structure(data: dict[str, Any], stem: str) -> tuple[Card | None, list[Problem]]:
    try:
        return Card.model_validate(data, context={"stem": stem}), []
    except ValidationError as error:
        return None, translate(error, Card, data)


def _what_else(data: dict[str, Any], known: list[Problem]) -> list[Problem]:
    """Contradictions between those keys of a broken card that are themselves correct."""
    broken = {problem.path[0] for problem in known if problem.path}
    rest = {key: value for key, value in data.items() if key not in broken}
    if "model" in broken:
        rest["model"] = _AnyModel(name="?")
    card, _ = _structure({"schema": 1, **rest}, "card")
    return [] if card is None else list(card.problems())


def _uncovered_channel(data: dict[str, Any]) -> list[Problem]:
    """`form_factors: NAME` must be a set for the transition of the channel, if any set is."""
    decay, name = CHANNELS.get(str(data.get("channel"))), data.get("form_factors")
    sets = available(decay.transition) if decay is not None else ()
    known = any(name in available(transition) for transition in TRANSITIONS)
    if decay is None or not isinstance(name, str) or not known or not sets or name in sets:
        return []
    message = f"has no form factors for {decay.name}, available: {', '.join(sets)}"
    return [Problem(("form_factors",), message, name)]


class _AnyModel(Model):
    """Stands for a model that could not be read, while the rest of the card is checked."""

    name: Literal["?"]
    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        raise RunError("the model of this card could not be read")

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        raise RunError("the model of this card could not be read")
