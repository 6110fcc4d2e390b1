"""From a card to the generator: the plain objects that fix a sample."""

from __future__ import annotations

from .card import Card
from .detector_presets import Detector
from .errors import calculating
from .formfactors import Inputs
from .generator import Beam, Job, Sample


def job_of(card: Card) -> Job:
    """Everything of the card that the generator needs."""
    beam = Beam(at_rest=True) if card.beam == "rest" else Beam(card.beam.sqrt_s, card.beam.boost)
    detector = Detector(**{name: getattr(card.detector, name) for name in Detector.__dataclass_fields__})
    return Job(
        model=card.model,
        channel=card.decay,
        inputs=card.physics_inputs,
        events=card.generate.events,
        seed=card.generate.seed,
        luminosity=card.luminosity,
        beam=beam,
        frame=card.frame,
        detector=detector,
        dtype=card.output.dtype,
        columns=card.output.columns,
        variations=_eigen_variations(card),
    )


def _eigen_variations(card: Card) -> dict[str, Inputs]:
    """ff_<i>_up and ff_<i>_down: form factors one sigma along each eigen-direction, i from 1, largest first."""
    if card.variations == "none":
        return {}
    inputs, transition = card.physics_inputs, card.decay.transition
    shifts = enumerate(inputs.form_factor(transition).eigen_shifts(), start=1)
    pairs = {f"ff_{i}": shift for i, shift in shifts}
    return {
        f"{name}_{direction}": inputs.with_shift(transition, sign * shift)
        for name, shift in pairs.items()
        for direction, sign in (("up", 1.0), ("down", -1.0))
    }


@calculating("the spectrum")
def sample_of(card: Card) -> Sample:
    """The sample that the card describes, its physics evaluated."""
    return Sample(job_of(card))
