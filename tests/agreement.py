"""The tables of docs/validation.md: written by running a test module as a script, compared by them.

Also a form-factor set in the parametrisation that both programs use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bkgen.formfactors import FormFactorSet

PAGE = Path(__file__).parent.parent / "docs" / "validation.md"
SHARED = {"f_0": "f_plus", "A_12": "A_0", "T_2": "T_1"}
"""Form factors whose first coefficient is fixed by another one at q2 = 0."""
POLES = {"f_plus": "1-", "f_T": "1-", "f_0": "0+", "V": "1-", "T_1": "1-", "A_0": "0-", "A_1": "1+", "A_12": "1+"}
POLES |= {"T_2": "1+", "T_23": "1+"}

Row = tuple[str, str, str, str, str]
"""Quantity, point, value of the other program, value of bkgen, tolerance of the test."""


def bsz_set(
    transition: str, m_B: float, m_M: float, poles: Mapping[str, float], a: Mapping[str, Mapping[int, float]]
) -> FormFactorSet:
    """BSZ form factors: coefficients by form factor and order, masses of z and of the poles by spin and parity."""
    names = {(f, k): f"a{k}_{f}" for f in a for k in a[f]}
    coefficients = {f: tuple(names[(SHARED[f], 0) if k == 0 and f in SHARED else (f, k)] for k in range(3)) for f in a}
    return FormFactorSet(
        name="other program",
        transition=transition,
        source="other program",
        parametrisation="BSZ",
        parameters=tuple(names.values()),
        central=tuple(a[f][k] for f, k in names),
        covariance=None,
        constants={"m_B": m_B, "m_M": m_M},
        poles={f: poles[POLES[f]] for f in a},
        coefficients=coefficients,
    )


def orders(form_factor: str) -> range:
    """Orders of the coefficients that are free."""
    return range(1 if form_factor in SHARED else 0, 3)


def table(program: str, rows: list[Row]) -> str:
    """Section of the page for one program."""
    return section(program, ("quantity", "point", program, "bkgen", "agree within"), rows)


def section(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], text: str = "") -> str:
    """Section of the page: a title, a paragraph, a table."""
    lines = (f"| {' | '.join(cells)} |" for cells in (header, ("---",) * len(header), *rows))
    return "\n".join([f"## {title}", "", *([text, ""] if text else []), *lines])


def sections() -> dict[str, str]:
    """Sections of the checked-in page by their program, the introduction under the empty name."""
    first, *rest = PAGE.read_text(encoding="utf-8").rstrip().split("\n## ")
    named = {part.partition("\n")[0]: f"## {part.rstrip()}" for part in rest}
    return {"": first.rstrip(), **named}


def write(section: str) -> None:
    """Replace the section of that program, or add it."""
    found = sections() | {section.partition("\n")[0].removeprefix("## "): section}
    PAGE.write_text("\n\n".join(found.values()) + "\n", encoding="utf-8")
