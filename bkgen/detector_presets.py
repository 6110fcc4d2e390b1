"""Settings of a detector and the presets that fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from .constants import data_path, read_toml

DetectorName = Literal["ideal", "kinematics", "belle2-ita", "belle2-hta", "custom"]

EFFICIENCY_OF: dict[str, str] = {"kinematics": "ita", "belle2-ita": "ita", "belle2-hta": "hta"}
"""Which published efficiency a preset uses: inclusive (ita) or hadronic (hta) tag."""


@dataclass(frozen=True)
class Detector:
    """A preset with its numbers.

    L_det: radius [m] beyond which a decay of X is not seen; geometry of that surface; sigma_q2_rec [GeV^2], None to
    read it from the efficiency file; misreconstruction: fraction of events with a random q2_rec; q2_rec_min [GeV^2],
    None for no cut; efficiency: CSV file, for `custom` only.
    """

    name: str = "ideal"
    L_det: float = 3.5
    geometry: str = "sphere"
    sigma_q2_rec: float | None = 0.0
    misreconstruction: float = 0.0
    q2_rec_min: float | None = None
    efficiency: str | None = None

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Detector:
        """The preset of that name with single numbers replaced."""
        return cls(name=name, **{**preset_numbers()[name], **changes})


@cache
def detector_table() -> Mapping[str, Any]:
    """Numbers of the Belle II analyses, from `data/belle2_efficiency/detector.toml`."""
    return read_toml(data_path("belle2_efficiency", "detector.toml"))


@cache
def preset_numbers() -> dict[str, dict[str, float | None]]:
    """sigma_q2_rec, misreconstruction and q2_rec_min of each preset."""
    ita, hta = detector_table()["ita"], detector_table()["hta"]
    off: dict[str, float | None] = {"sigma_q2_rec": 0.0, "misreconstruction": 0.0, "q2_rec_min": None}
    return {
        "ideal": off,
        "kinematics": {**off, "q2_rec_min": ita["q2_rec_min"]},
        "belle2-ita": {key: ita[key] for key in off},
        "belle2-hta": {**off, "sigma_q2_rec": hta["sigma_q2_rec"]},
        "custom": {**off, "sigma_q2_rec": None},
    }
