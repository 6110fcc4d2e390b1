"""What `bkgen cite` prints: an entry for every source that is named, the right ones for a card, sound BibTeX."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

import bkgen
from bkgen import cli
from bkgen.citations import arxiv_keys, citations, entries, source_keys
from bkgen.constants import data_path, named_sets
from bkgen.formfactors import available, form_factor_set
from bkgen.models import registry

ROOT = Path(__file__).parent.parent
CARDS = sorted((ROOT / "cards").glob("*.yaml"))
TABLES = ("dark_higgs_widths", "r_ratio")
FOLDERS = sorted(path.parent.name for path in data_path().glob("form_factors_*/SOURCE.toml"))
FOLDERS += ["constants", "belle2_efficiency", "gstar", *TABLES]


def keys(**changes: Any) -> set[str]:
    """Keys that a card of the SM with these changes cites."""
    card = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+", **changes}
    return {found.key for found in citations(bkgen.load_card(card))}


@pytest.mark.parametrize("name", registry())
def test_every_paper_of_a_model_has_an_entry(name: str) -> None:
    """Those in the docstrings of the class and of its methods."""
    cls = registry()[name]
    texts = [inspect.getdoc(cls), *(inspect.getdoc(item) for item in vars(cls).values())]
    named = arxiv_keys("\n".join(text or "" for text in texts))
    assert set(named) <= set(entries())


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_source_of_a_table_has_an_entry(folder: str) -> None:
    """Folders that `cite` reads."""
    assert set(source_keys(folder)) <= set(entries())


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_tables_of_models_are_among_them(path: Path) -> None:
    assert set(bkgen.load_card(path).model.tables) <= set(TABLES)


def test_form_factors_and_sets_of_constants_have_entries() -> None:
    """A form-factor set names the paper of its SOURCE.toml; EOS and flavio are cited for their inputs."""
    for transition, folder in {"K": "BK", "Kst": "BKst", "phi": "Bsphi"}.items():
        for name in available(transition):
            of_set = arxiv_keys(form_factor_set(name, transition).source)
            assert len(of_set) == 1
            assert source_keys(f"form_factors_{folder}_{name}") == of_set
    cited = {name: arxiv_keys(found.source) for name, found in named_sets().items()}
    assert all(cited.values())
    assert {key for named in cited.values() for key in named} <= set(entries())
    assert cited["eos"] == ("arXiv:2111.15428",)


def test_entries_are_well_formed() -> None:
    """One key each, balanced braces, the key is the number; an author, and a title or a note."""
    text = "".join(path.read_text(encoding="utf-8") for path in data_path("citations").glob("*.bib"))
    assert len(re.findall(r"^@", text, re.MULTILINE)) == len(entries())
    for key, entry in entries().items():
        assert entry.count("{") == entry.count("}"), key
        assert entry.isascii(), key
        assert "  author " in entry, key
        assert re.search(r"^  (title|note) ", entry, re.MULTILINE), key
        lines = entry.splitlines()[1:-1]
        assert all(line.endswith("},") for line in lines[:-1]), key
        assert lines[-1].endswith("}"), key
        if key.startswith("arXiv:"):
            assert f"  eprint        = {{{key.removeprefix('arXiv:')}}}" in entry
        elif key.startswith("doi:"):
            assert f"  doi           = {{{key.removeprefix('doi:')}}}" in entry


def test_the_entry_of_bkgen_is_that_of_the_citation_file() -> None:
    about = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    entry = entries()["bkgen"]
    for value in (about["title"], about["authors"][0]["name"], str(about["version"])):
        assert f"{{{value}}}" in entry
    assert about["version"] == bkgen.__version__


def test_what_a_card_cites() -> None:
    """The dark Higgs paper and widths, HPQCD, PDG, Belle II; g* and Planck only where there is a relic density."""
    card = bkgen.load_card(ROOT / "cards" / "dark_higgs_z3.yaml")
    found = {entry.key: entry.reason for entry in citations(card)}
    assert found["arXiv:2401.10112"] == "model dark_higgs"
    assert found["arXiv:1904.10447"] == "model dark_higgs, table dark_higgs_widths"
    assert found["arXiv:2207.12468"] == "form factors HPQCD2022"
    assert found["arXiv:2311.14647"] == "measurement and likelihood, detector belle2-ita"
    assert found["arXiv:1803.01038"] == found["arXiv:1807.06209"] == "relic density"
    assert {"doi:10.1103/PhysRevD.110.030001", "doi:10.17182/hepdata.166082", "bkgen", "pyhf", "uproot"} <= set(found)
    assert "arXiv:1803.01038" not in keys()
    assert all(entry.url.startswith("https://") for entry in citations(card) if entry.key != "bkgen")


def test_what_a_card_does_not_use_is_not_cited() -> None:
    belle2 = {"arXiv:2311.14647", "doi:10.17182/hepdata.166082", "pyhf", "pyhf_joss"}
    assert belle2 <= keys()
    assert not belle2 & keys(channel="B0 -> K*0")
    assert "arXiv:1503.05534" in keys(channel="B0 -> K*0")
    assert "arXiv:2305.06301" in keys(form_factors="GRvDV2023")
    assert "arXiv:2207.12468" not in keys(form_factors="GRvDV2023")
    assert "arXiv:2207.12468" not in keys(model={"name": "sm", "component": "long_distance"})
    assert "uproot" not in keys(output={"format": "null"})
    assert "arXiv:1810.08132" in keys(inputs={"set": "flavio"})
    photon = YAML(typ="safe").load((ROOT / "cards" / "dark_photon.yaml").read_text(encoding="utf-8"))["model"]
    assert "doi:10.1093/ptep/ptaa104" in keys(model=photon)
    assert "doi:10.1093/ptep/ptaa104" not in keys(model={**photon, "r_ratio": 2.0})


def test_a_paper_without_an_entry_is_cited_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a model of another package."""
    monkeypatch.setattr(registry()["sm"], "__doc__", "A model.  Source: arXiv:2999.12345.")
    (entry,) = (found for found in citations(bkgen.load_card(ROOT / "cards" / "sm.yaml")) if "2999" in found.key)
    assert (entry.key, entry.url) == ("arXiv:2999.12345", "https://arxiv.org/abs/2999.12345")
    assert "eprint        = {2999.12345}" in entry.bibtex
    assert "model sm" in entry.bibtex


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_the_command(path: Path) -> None:
    """Every card: exit code 0, standard output is BibTeX and is what the function gives."""
    result = CliRunner().invoke(cli.app, ["cite", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout == bkgen.cite(bkgen.load_card(path))
    assert result.stdout.startswith("% this program\n@software{bkgen,\n")
    assert len(set(re.findall(r"^@\w+\{(.*),$", result.stdout, re.MULTILINE))) == result.stdout.count("\n@")


def test_bad_cards_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("schema: 1\n")
    result = CliRunner().invoke(cli.app, ["cite", str(tmp_path / "bad.yaml")], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (2, "")
