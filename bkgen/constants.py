"""Physical constants as named, immutable input sets.  Every value is read from ``data/constants``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .errors import Problem, suggestion


class ConstantInfo(NamedTuple):
    """One row of the table of constants."""

    name: str
    value: float
    unit: str
    description: str
    source: str


class NamedSet(NamedTuple):
    """A named set of inputs: the values in which it differs from the default table."""

    name: str
    description: str
    source: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Constants:
    """Input values of a calculation: masses and widths in GeV, lifetimes in s, G_F in GeV^-2.

    Cosmology: M_Pl in GeV, s_0 in cm^-3, rho_c_h2 in GeV cm^-3, T_0 in K.

    ``Constants.named`` builds one; units, descriptions and sources are listed by ``describe``.
    Raises ValueError when a value is not finite or not positive.
    """

    m_Bp: float
    m_B0: float
    m_Bs: float
    m_Kp: float
    m_K0: float
    m_Kst0: float
    m_Kstp: float
    m_phi: float
    m_pip: float
    m_pi0: float
    m_e: float
    m_mu: float
    m_tau: float
    m_u: float
    m_d: float
    m_s: float
    m_c: float
    m_b: float
    m_t: float
    m_W: float
    m_Z: float
    m_h: float
    Gamma_h: float
    BR_h_4nu: float
    tau_Bp: float
    tau_B0: float
    tau_Bs: float
    tau_tau: float
    tau_Kp: float
    tau_KL: float
    G_F: float
    alpha_0: float
    alpha_MZ_inv: float
    s2w: float
    alpha_s_MZ: float
    alpha_s_thermal: float
    X_t: float
    VtbVts: float
    VtsVtd: float
    Re_VtsVtd: float
    Vub: float
    Vus_f_K: float
    Vus: float
    f_Kst: float
    f_B: float
    f_Bs: float
    m_N: float
    f_N: float
    f_pm: float
    f_00: float
    N_BB_per_fb: float
    M_Pl: float
    s_0: float
    rho_c_h2: float
    T_0: float

    def __post_init__(self) -> None:
        _raise_problems(_value_problems(asdict(self)))

    @classmethod
    def named(cls, name: str = "default", **overrides: float) -> Constants:
        """The named set ``name`` with single values replaced by ``overrides``.

        Raises ValueError that lists every unknown name (with a suggestion) and every value that is not a
        finite positive number; ``problems`` gives the same list without raising.
        """
        _raise_problems(problems(name, overrides))
        values = {row.name: row.value for row in describe()}
        values.update(named_sets()[name].values)
        values.update({key: float(value) for key, value in overrides.items()})
        return cls(**values)

    @property
    def alpha_MZ(self) -> float:
        """Electromagnetic coupling at the scale of the electroweak inputs."""
        return 1.0 / self.alpha_MZ_inv

    @property
    def v_EW(self) -> float:
        """Higgs vacuum expectation value (sqrt(2) G_F)^(-1/2) [GeV].  Source: PDG review, electroweak model."""
        return float((math.sqrt(2.0) * self.G_F) ** -0.5)

    @property
    def C_SM_nu(self) -> float:
        """Standard Model coefficient X_t/s2w of b -> s nu nubar, to be used with ``alpha_MZ``."""
        return self.X_t / self.s2w

    def to_dict(self) -> dict[str, float]:
        """All values by name."""
        return asdict(self)


def problems(name: str, overrides: Mapping[str, object]) -> list[Problem]:
    """Everything wrong with asking for the named set ``name`` with ``overrides``, one entry per problem."""
    found = []
    if name not in named_sets():
        found.append(Problem(("set",), f"unknown input set {name!r}{hint(name, named_sets())}", name))
    return found + _value_problems(overrides)


def named_sets() -> dict[str, NamedSet]:
    """All named input sets by name, ``default`` first."""
    return dict(_load_sets())


def describe() -> tuple[ConstantInfo, ...]:
    """Name, default value, unit, description and source of every constant, in the order of the fields."""
    return tuple(
        ConstantInfo(name, row["value"], row["unit"], row["description"], row["source"])
        for name, row in _load_table().items()
    )


def hint(word: str, allowed: Iterable[str]) -> str:
    """End of a message about an unknown name: the close allowed name, or all allowed names."""
    names = sorted(allowed)
    return suggestion(word, names) or f"; allowed: {', '.join(names)}"


def data_path(*parts: str) -> Path:
    """Path of a file shipped in ``bkgen/data``."""
    return Path(__file__).parent.joinpath("data", *parts)


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file."""
    with path.open("rb") as stream:
        return tomllib.load(stream)


def _value_problems(values: Mapping[str, object]) -> list[Problem]:
    table = _load_table()
    found = []
    for key, value in values.items():
        if key not in table:
            message = f"unknown constant {key!r}{hint(key, table)}"
        elif isinstance(value, bool) or not isinstance(value, int | float):
            message = f"{key} must be a number, got {value!r}"
        elif not (math.isfinite(value) and value > 0.0):
            message = f"{key} must be finite and positive, got {value!r}"
        elif value > table[key].get("max", math.inf):
            message = f"{key} must not exceed {table[key]['max']}, got {value!r}"
        else:
            continue
        found.append(Problem((key,), message, value))
    return found


def _raise_problems(found: list[Problem]) -> None:
    if found:
        raise ValueError("\n".join(problem.message for problem in found))


@cache
def _load_table() -> dict[str, dict[str, Any]]:
    table = read_toml(data_path("constants", "constants.toml"))
    names = [field.name for field in fields(Constants)]
    if sorted(table) != sorted(names):
        raise ValueError(f"constants.toml and Constants differ in {sorted(set(table) ^ set(names))}")
    return {name: table[name] for name in names}


@cache
def _load_sets() -> dict[str, NamedSet]:
    raw = read_toml(data_path("constants", "sets.toml"))
    sets = {name: NamedSet(name, **row) for name, row in raw.items()}
    for named in sets.values():
        _raise_problems(_value_problems(named.values))
    return sets
