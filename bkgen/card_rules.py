"""Rules that link production, frame, channel and detector of a card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from .card_blocks import B_STAR_THRESHOLD, BELLE2_ONLY, Beam, Detector
from .channels import Channel
from .constants import Constants
from .errors import Problem

BELLE2_CHANNEL = "B+ -> K+"
"""The channel for which efficiencies of Belle II are known."""


def rule_problems(
    decay: Channel, constants: Constants, beam: Literal["rest"] | Beam, frame: str, detector: Detector
) -> Iterator[Problem]:
    """Everything that does not go together."""
    yield from detector.problems()
    yield from _beam_problems(decay, constants, beam)
    at_rest = beam == "rest"
    if at_rest and frame == "Y4S":
        yield Problem(("frame",), "there is no Y(4S) with beam: rest, use lab or B", frame)
    if detector.name in BELLE2_ONLY:
        yield from _belle2_problems(decay, at_rest, detector.name)


def _beam_problems(decay: Channel, constants: Constants, beam: Literal["rest"] | Beam) -> Iterator[Problem]:
    if beam == "rest":
        return
    if decay.production is None:
        yield Problem(("beam",), f"{decay.name} is not produced at the Y(4S), write beam: rest")
        return
    threshold = 2.0 * decay.m_B(constants)
    if not threshold < beam.sqrt_s < B_STAR_THRESHOLD:
        message = (
            f"must lie between 2 m_B = {threshold:.6g} and m_B + m_B* = {B_STAR_THRESHOLD} GeV, "
            "where e+e- makes B pairs alone"
        )
        yield Problem(("beam", "sqrt_s"), message, beam.sqrt_s)


def _belle2_problems(decay: Channel, at_rest: bool, name: str) -> Iterator[Problem]:
    path = ("detector",)
    if decay.name != BELLE2_CHANNEL:
        yield Problem(path, f"exists for {BELLE2_CHANNEL} only, use ideal or custom for {decay.name}", name)
    if at_rest:
        yield Problem(path, "needs B mesons from the Y(4S), use ideal or custom with beam: rest", name)
