"""What to cite for a card: BibTeX entries of everything its results rest on.

The entries are in `data/citations`.  Which of them a card needs is read where the numbers are described: docstrings of
models, sources of form factors and constants, `SOURCE.toml` of tables.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from .card import Card
from .constants import data_path, named_sets, read_toml
from .errors import InputError

_ARXIV = re.compile(r"\b(\d{4}\.\d{4,5}|hep-(?:ph|ex)/\d{7})")
_BELLE2_DATA = "B+ -> K+"
"""The channel of the published likelihood."""
_ROOT_FILES = ("root", "rntuple")


class Citation(NamedTuple):
    """One publication or program: key of its BibTeX entry, what of a result it stands for, and the entry."""

    key: str
    reason: str
    bibtex: str

    @property
    def url(self) -> str:
        """Address of the publication; empty for a program without DOI."""
        if self.key.startswith("arXiv:"):
            return f"https://arxiv.org/abs/{self.key.removeprefix('arXiv:')}"
        doi = _field("doi", self.bibtex)
        return f"https://doi.org/{doi}" if doi else ""


def cite(card: Card) -> str:
    """BibTeX of everything that results of a card rest on; a comment before each entry says for what.

    That is bkgen, papers and tables of the model, form factors, constants, the Belle II measurement, likelihood and
    detector where the card uses them, relic density, and the main programs.
    """
    return "\n".join(f"% {found.reason}\n{found.bibtex}\n" for found in citations(card))


def citations(card: Card) -> tuple[Citation, ...]:
    """The entries of `cite`, each once, with every reason for it."""
    reasons: dict[str, list[str]] = {}
    for reason, keys in _used(card):
        for key in keys:
            known = reasons.setdefault(key, [])
            if reason not in known:
                known.append(reason)
    return tuple(Citation(key, ", ".join(why), _entry(key, why[0])) for key, why in reasons.items())


def arxiv_keys(text: str) -> tuple[str, ...]:
    """Keys of the arXiv numbers in a text, in their order, each once."""
    return tuple(dict.fromkeys(f"arXiv:{number}" for number in _ARXIV.findall(text)))


def source_keys(folder: str, file: str | None = None) -> tuple[str, ...]:
    """Keys of the publications that `SOURCE.toml` in a folder of `bkgen/data` names, of all its files or of one.

    A DOI is left out where it belongs to an arXiv number.
    """
    found: list[str] = []
    for name, source in read_toml(data_path(folder, "SOURCE.toml")).items():
        if file in (None, name):
            found += arxiv_keys(source.get("arxiv", ""))
            found += [_key_of_doi(doi.strip()) for doi in source.get("doi", "").split(",") if doi]
    return tuple(dict.fromkeys(found))


@cache
def entries() -> dict[str, str]:
    """All BibTeX entries by key."""
    found = {}
    for path in sorted(data_path("citations").glob("*.bib")):
        text = path.read_text(encoding="utf-8")
        found.update({match[1]: match[0] for match in re.finditer(r"^@\w+\{([^,]+),\n.*?^\}", text, re.M | re.S)})
    return found


def _used(card: Card) -> Iterator[tuple[str, Iterable[str]]]:
    """Reasons and keys, in the order of the answer."""
    model, inputs = card.model, card.physics_inputs
    name = model.describe_name()
    yield "this program", ("bkgen",)
    yield f"model {name}", arxiv_keys(inspect.getdoc(type(model)) or "")
    for folder in model.tables:
        yield f"table {folder}", source_keys(folder)
    form_factors = inputs.form_factors.get(card.decay.transition)
    if form_factors is not None and model.uses_form_factors:
        yield f"form factors {form_factors.name}", arxiv_keys(form_factors.source)
    yield "constants", source_keys("constants", "constants.toml")
    yield f"constants, set {card.inputs.set}", arxiv_keys(named_sets()[card.inputs.set].source)
    if card.channel == _BELLE2_DATA:
        yield "measurement and likelihood", source_keys("belle2_efficiency", "detector.toml")
    if card.detector.name.startswith("belle2") or card.detector.name == "kinematics":
        yield f"detector {card.detector.name}", source_keys("belle2_efficiency")
    if _has_relic_density(card):
        yield "relic density", (*source_keys("gstar", "saikawa_shirai.csv"), "arXiv:1807.06209")
    yield "events", ("numba", "awkward", *(("uproot",) if card.output.format in _ROOT_FILES else ()))
    if card.channel == _BELLE2_DATA:
        yield "likelihood", ("pyhf", "pyhf_joss")


def _has_relic_density(card: Card) -> bool:
    try:
        return card.model.dark_matter(card.physics_inputs) is not None
    except InputError:  # not at this point
        return False


def _entry(key: str, reason: str) -> str:
    """The entry of a key; a paper that only a model of another package names has its number alone."""
    number = key.removeprefix("arXiv:")
    return entries().get(
        key, f"@misc{{{key},\n  eprint        = {{{number}}},\n  archivePrefix = {{arXiv}},\n  note = {{{reason}}}\n}}"
    )


def _key_of_doi(doi: str) -> str:
    return next((key for key, entry in entries().items() if _field("doi", entry) == doi), f"doi:{doi}")


def _field(name: str, entry: str) -> str:
    match = re.search(rf"^  {name} *= \{{(.*)\}},?$", entry, re.MULTILINE)
    return match[1] if match else ""
