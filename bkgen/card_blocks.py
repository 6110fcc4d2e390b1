"""The blocks of a run card around the model: production, detector, sample, output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticUndefined

from .card_errors import refusal, refusals
from .constants import problems
from .detector_presets import DetectorName, detector_table, preset_numbers
from .errors import InputError, Problem, suggestion
from .formfactors import DEFAULT_SETS, available
from .models.base import Block

MAX_EVENTS = 10**12
MAX_SEED = 2**63 - 1
B_STAR_THRESHOLD: float = detector_table()["beam"]["B_star_threshold"]
"""Mass of B plus B* [GeV]: above, e+e- collisions no longer make B Bbar pairs alone."""

BELLE2_ONLY = ("kinematics", "belle2-ita", "belle2-hta")
"""Detector presets that use the efficiency of Belle II for B+ -> K+ at the Y(4S)."""

BEAM_PRESETS: dict[str, tuple[float, float, float]] = {"belle2-crossing": (0.0432, 0.0, 0.2840)}
TRANSITIONS = ("K", "Kst", "phi")
SUFFIXES: dict[str, tuple[str, ...]] = {
    "root": (".root",),
    "rntuple": (".root",),
    "hepmc3": (".hepmc", ".hepmc3", ".hepmc.gz", ".hepmc3.gz"),
    "lhe": (".lhe", ".lhe.gz"),
    "parquet": (".parquet",),
    "null": (),
}
"""File name endings of each output format, the usual one first; the first format with an ending is its default."""

RECORDS = ("hepmc3", "lhe")
"""Formats that record decay trees instead of columns."""


def _whole(value: Any) -> Any:
    """1e6 as 1000000; anything that is not a whole number stays what it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class CardBlock(Block):
    """A block of the card; infinities and NaN are refused everywhere."""

    model_config = ConfigDict(allow_inf_nan=False)


def setting(doc: str, *, unit: str = "", default: Any = PydanticUndefined, **limits: Any) -> Any:
    """A field of a block: one line of documentation, a unit, bounds and perhaps a default."""
    return Field(default=default, description=doc, json_schema_extra={"unit": unit}, **limits)


WholeNumber = Annotated[int, BeforeValidator(_whole)]


class FormFactors(CardBlock):
    """Form-factor set of each transition; null where there is none."""

    K: str | None = setting("set for B -> K", default=DEFAULT_SETS.get("K"))
    Kst: str | None = setting("set for B -> K*", default=DEFAULT_SETS.get("Kst"))
    phi: str | None = setting("set for Bs -> phi", default=DEFAULT_SETS.get("phi"))

    @field_validator("*")
    @classmethod
    def _exists(cls, name: str | None, info: Any) -> str | None:
        if name is not None and name not in available(info.field_name):
            raise refusal(unknown_set(name, (info.field_name,)))
        return name

    def sets(self) -> dict[str, str]:
        """Name of the set by transition, where there is one."""
        named = {transition: getattr(self, transition) for transition in TRANSITIONS}
        return {transition: name for transition, name in named.items() if name is not None}


def unknown_set(name: str, transitions: tuple[str, ...]) -> str:
    """Message about a form-factor set that does not exist for these transitions."""
    names = sorted({known for transition in transitions for known in available(transition)})
    allowed = f"available: {', '.join(names)}" if names else "none is available"
    return f"unknown form-factor set for {' | '.join(transitions)}{suggestion(name, names)}, {allowed}"


def expand_form_factors(value: Any) -> Any:
    """`form_factors: NAME` is that set for every transition that has it."""
    if not isinstance(value, str):
        return value
    named = {transition: value for transition in TRANSITIONS if value in available(transition)}
    if not named:
        raise refusal(unknown_set(value, TRANSITIONS))
    return named


class InputSet(BaseModel):
    """A named set of constants and single values that replace it."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float]

    set: str = setting("named set of constants, see 'bkgen models inputs'", default="default")

    @property
    def overrides(self) -> dict[str, float]:
        """Constants given one by one."""
        return dict(self.__pydantic_extra__)


def check_input_set(value: Any) -> Any:
    """Every unknown or impossible constant at once."""
    if isinstance(value, InputSet):
        return value
    if not isinstance(value, Mapping):
        raise refusal("must be a block such as {set: default, m_b: 4.18}")
    name = value.get("set", "default")
    if not isinstance(name, str):
        return value
    found = problems(name, {key: item for key, item in value.items() if key != "set"})
    if found:
        raise refusals(found)
    return value


class Generate(CardBlock):
    """Size of the sample and seed of its random numbers."""

    events: WholeNumber = setting("number of events of the whole sample", default=100_000, ge=1, le=MAX_EVENTS)
    seed: WholeNumber = setting("seed of the random numbers", default=1, ge=0, le=MAX_SEED)


class Beam(CardBlock):
    """e+e- collisions at the Y(4S)."""

    sqrt_s: float = setting("centre-of-mass energy", unit="GeV", default=10.579, gt=0.0)
    boost: Annotated[tuple[float, float, float], Field(strict=False)] = setting(
        "beta gamma (x, y, z) of the Y(4S) in the lab", default=(0.0, 0.0, 0.284)
    )

    @field_validator("boost")
    @classmethod
    def _possible(cls, boost: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(abs(component) <= 100.0 for component in boost):
            raise refusal("must be a list of 3 numbers between -100 and 100")
        return boost


def expand_beam(value: Any) -> Any:
    """`beam: NAME` is one of the presets."""
    if not isinstance(value, str) or value == "rest":
        return value
    if value not in BEAM_PRESETS:
        names = ("rest", *BEAM_PRESETS)
        hint = suggestion(value, names)
        raise refusal(f"must be {' | '.join(names)} or a block with sqrt_s and boost{hint}")
    return {"boost": BEAM_PRESETS[value]}


class Detector(CardBlock):
    """Reconstruction of q2_rec, efficiency and size of the detector; a preset fills what is not given."""

    name: DetectorName = setting("preset")
    L_det: float = setting("distance within which a decay of X is seen", unit="m", default=3.5, gt=0.0, le=1e6)
    geometry: Literal["sphere"] = setting("shape of the detector", default="sphere")
    sigma_q2_rec: float | None = setting(
        "resolution of q2_rec, from the CSV file if empty", unit="GeV^2", default=None, ge=0.0, le=100.0
    )
    misreconstruction: float = setting("fraction of events with random q2_rec", default=0.0, ge=0.0, le=1.0)
    q2_rec_min: float | None = setting(
        "smallest accepted q2_rec, none if empty", unit="GeV^2", default=None, ge=-1000.0, le=1000.0
    )
    efficiency: str | None = setting("CSV file of the efficiency in q2 (custom only)", default=None)

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        preset = preset_numbers().get(str(data.get("name")), {})
        return {**preset, **{key: value for key, value in data.items() if value is not None}}

    def problems(self) -> list[Problem]:
        """Settings that contradict the preset."""
        found = []
        if self.name == "custom" and self.efficiency is None:
            message = "required with custom: a CSV file of the efficiency"
            found.append(Problem(("detector", "efficiency"), message))
        if self.name != "custom" and self.efficiency is not None:
            message = f"{self.name} has its own efficiency, use name: custom for another one"
            found.append(Problem(("detector", "efficiency"), message, self.efficiency))
        if self.name in ("ideal", "kinematics"):
            for key, value in preset_numbers()[self.name].items():
                if (given := getattr(self, key)) != value:
                    without = "none" if value is None else f"{value:g}"
                    message = f"is {without} in {self.name}, use name: custom for another value"
                    found.append(Problem(("detector", key), message, given))
        return found

    def unusable_files(self) -> Sequence[Problem]:
        """What is wrong with the efficiency file, if there is one."""
        if self.efficiency is None:
            return []
        from .detector import read_efficiency  # compiles kernels, and few cards need it

        try:
            read_efficiency(self.efficiency)
        except InputError as error:
            return error.problems
        return []


def expand_detector(value: Any) -> Any:
    """`detector: NAME` is the preset of that name."""
    if not isinstance(value, str):
        return value
    names = get_args(DetectorName)
    if value not in names:
        raise refusal(f"must be {' | '.join(names)} or a block with name{suggestion(value, names)}")
    return {"name": value}


class Output(CardBlock):
    """The file that is written."""

    path: str = setting("file, relative to the working directory")
    format: Literal["root", "rntuple", "hepmc3", "lhe", "parquet", "null"] = setting(
        "file format, by default that of the ending of path; null writes nothing", default="root"
    )
    dtype: Literal["float64", "float32"] = setting("precision of the numbers", default="float64")
    columns: Literal["all", "slim"] = setting("which branches are written", default="all")

    @field_validator("path")
    @classmethod
    def _usable(cls, path: str) -> str:
        if not path.strip() or not path.isprintable() or path.endswith(("/", "\\")):
            raise refusal("must be the name of a file")
        return path

    @model_validator(mode="before")
    @classmethod
    def _infer_format(cls, data: Any) -> Any:
        """The format from the ending of the path, where it is not given."""
        if not isinstance(data, Mapping) or data.get("format") is not None:
            return data
        return {**data, "format": format_of(str(data.get("path")))}

    def moved(self, path: str | None, format: str | None) -> tuple[str | None, str | None]:
        """Path and format of another output, None where they stay; one alone brings the other with it."""
        if path is None and format is not None:
            return with_suffix_of(self.path, format), format
        suffixes = SUFFIXES[self.format]
        if path is not None and format is None and suffixes and not path.endswith(suffixes):
            return path, format_of(path, self.format)
        return path, format

    def problems(self) -> list[Problem]:
        """A file name that contradicts the format, and columns that the format does not have."""
        found = []
        suffixes = SUFFIXES[self.format]
        if suffixes and not self.path.endswith(suffixes):
            message = f"format: {self.format} writes files that end in {' | '.join(suffixes)}"
            if self.format == "root":  # also the format of an ending that is none
                others = dict.fromkeys(ending for endings in SUFFIXES.values() for ending in endings)
                message += f"; known endings: {' | '.join(others)}"
            found.append(Problem(("output", "path"), message, self.path))
        if self.format in RECORDS:
            what = f"format: {self.format} records all four-momenta in double precision, leave it out"
            for key, plain in (("dtype", "float64"), ("columns", "all")):
                if (given := getattr(self, key)) != plain:
                    found.append(Problem(("output", key), what, given))
        return found


def format_of(path: str, otherwise: str = "root") -> str:
    """The format of the files with the ending of that name."""
    return next((name for name, suffixes in SUFFIXES.items() if suffixes and path.endswith(suffixes)), otherwise)


def with_suffix_of(path: str, format: str) -> str:
    """The path with the usual ending of a format, in the place of that of another one."""
    if not SUFFIXES.get(format) or path.endswith(SUFFIXES[format]):
        return path
    known = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes if path.endswith(suffix)]
    return path.removesuffix(max(known, key=len, default="")) + SUFFIXES[format][0]
