"""The page of `bkgen report`: contents, structure, safety, and what a browser makes of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer
from bkgen_analysis import report
from browser import Browser
from typer.testing import CliRunner

from bkgen import __version__, api, cli
from bkgen.errors import InputError, RunError

CARDS = Path(__file__).parent.parent / "cards"
VOID = {"meta", "link", "img", "br"}
CHEAP = ("warnings", "card", "model", "rates", "provenance", "cite")
HOSTILE = """# <script>document.title = "hostile"</script>
# </code></pre><img src="x" onerror="document.title='hostile'"><svg onload="document.title='hostile'">
# {{ 7 * 7 }} {% raw %} {# comment #} &lt; &amp; " ' \\ $x$ <!-- \u202e
schema: 1
model: {name: sm}
channel: B+ -> K+
"""


def runner(*words: object) -> Any:
    """The command `bkgen` with the commands of the analysis."""
    app = typer.Typer(cls=cli.Commands)
    cli.add_plugins(app)
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


def check_structure(page: Page) -> None:
    """What holds for every page: no scripts, nothing from outside, working anchors, words for every image."""
    assert not {"script", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert set(ids.values()) == {1}
    for link in page.all("a"):
        target = link["href"] or ""
        assert target[1:] in ids if target.startswith("#") else target.startswith("https://")
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/svg+xml;base64,")
        assert len(image["alt"] or "") > 20
    assert [attributes["href"] for attributes in page.all("link")] == ["data:,"]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert len(page.all("caption")) == len(page.all("table")) == len(page.all("thead"))
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"


@pytest.fixture(scope="module")
def of_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the dark Higgs card, written by the command."""
    path = tmp_path_factory.mktemp("report") / "new" / "dark_higgs.html"
    result = runner("report", CARDS / "dark_higgs.yaml", "-o", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [str(path)]
    assert list(path.parent.iterdir()) == [path]
    return path


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the sections without figures."""
    monkeypatch.setattr(report, "SECTIONS", [entry for entry in report.SECTIONS if entry[0] in CHEAP])


def test_report_of_a_card(of_card: Path) -> None:
    """Card with its comments, model, rates, five pictures, fit, provenance and citations."""
    page = Page(of_card.read_text(encoding="utf-8"))
    check_structure(page)
    assert len(page.all("img")) == 5
    written = (CARDS / "dark_higgs.yaml").read_text().rstrip("\n")
    for words in (
        written,
        "BR(B+ -> K+ H1)",
        "interval_68",
        "0.996363",
        "BR(obs)",
        "excluded by neff_planck, belle_kst0_sl",
        "arXiv:2301.10731",
        __version__,
        "arXiv:2401.10112",
        "2207.12468",
    ):
        assert words in page.text, words
    card = api.load_card(CARDS / "dark_higgs.yaml")
    assert card.physics_inputs.sha256 in page.text
    assert "622c5eafb314b9264d9a5acd63136f413d21c36600db45b9d4c53decbd25ce43" in page.text
    titles = [title for _, title, _ in report.SECTIONS if title not in ("Events", "Relic density")]
    assert all(f">{title}</h2>" in of_card.read_text(encoding="utf-8") for title in titles)
    assert of_card.stat().st_size < 4_000_000


def test_existing_reports_are_kept(tmp_path: Path) -> None:
    """Exit code 2 and one line without --force, before any work."""
    path = tmp_path / "page.html"
    path.write_text("before")
    result = runner("report", CARDS / "sm.yaml", "-o", path)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "--force" in result.stderr
    assert path.read_text() == "before"


def test_report_of_an_event_file(tmp_path: Path) -> None:
    """Facts of the file, the number of events, pictures from its events; K* has no data."""
    card = api.load_card(
        {"schema": 1, "model": {"name": "sm"}, "channel": "B0 -> K*0", "generate": {"events": 3000, "seed": 5}}
    )
    source = tmp_path / "events.root"
    made = api.run(card.override(path=source))
    assert report.write(source, tmp_path / "events.html") == []
    page = Page((tmp_path / "events.html").read_text(encoding="utf-8"))
    check_structure(page)
    assert len(page.all("img")) == 2
    for words in ("3,000", made.content_sha256, "no data are shown for B0 -> K*0", "Events", "from the 3,000 events"):
        assert words in page.text, words


@pytest.mark.usefixtures("cheap")
def test_hostile_cards_and_names_are_text(tmp_path: Path) -> None:
    """Comments of a card and names of files cannot become markup or template code."""
    source = tmp_path / "\"><b onclick='x'>{{ 1 + 1 }}&amp;.yaml"
    source.write_text(HOSTILE, encoding="utf-8")
    report.write(source, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    check_structure(page)
    assert HOSTILE.rstrip("\n") in page.text
    assert source.name in page.text
    assert not page.all("b")


@pytest.mark.parametrize("text", ["<b>", "\"'", "{{ x }}", "]]>", "-->", "</style>", "\x07", "\udcff", "&#60;"])
def test_every_block_escapes_its_text(text: str, tmp_path: Path) -> None:
    """Whatever a section holds."""
    blocks = (
        report.Text(text),
        report.Text(text, warning=True),
        report.Table(text, (text,), ((text, text),)),
        report.Code(text, text),
        report.Items(((text, ""), (text, "https://example.org"))),
        report.Picture("data:image/svg+xml;base64,", f"alternative text of a picture {text}", text),
    )
    about = report.subject(CARDS / "sm.yaml")
    page = Page(report.render(about, [report.Section("card", text, blocks)]))
    check_structure(page)
    assert page.text.count(text) >= 12


@pytest.mark.usefixtures("cheap")
def test_a_section_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the page is made, and the reason is among the warnings at the top."""

    def fail(about: report.Subject) -> Iterator[report.Block]:
        yield report.Text("before")
        raise RunError("the fit fell <over>")

    entry: tuple[str, str, Callable[[report.Subject], Iterator[report.Block]]] = ("fit", "Fit", fail)
    monkeypatch.setattr(report, "SECTIONS", [*report.SECTIONS, entry])
    about = report.subject(CARDS / "sm.yaml")
    made = report.sections(about)
    assert made[-1].blocks == (report.Text("the fit fell <over>", warning=True),)
    assert made[0].blocks == (report.Items((("Fit: the fit fell <over>", ""),), warning=True),)
    assert about.warnings == ["Fit: the fit fell <over>"]


@pytest.mark.usefixtures("cheap")
def test_warnings_of_the_model_are_shown(tmp_path: Path) -> None:
    """On the page and on standard error."""
    card = tmp_path / "light.yaml"
    card.write_text("schema: 1\nmodel: {name: alp, m_a: 1.0, f_a: 1e8}\nchannel: B+ -> K+\n")
    result = runner("report", card, "-o", tmp_path / "page.html")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: m_a = 1.0 GeV")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(r'<li class="warning">m_a = 1\.0 GeV', page)


@pytest.mark.parametrize("name", ["none.yaml", "none.root", "bad.yaml", "folder.html"])
def test_bad_sources_and_targets_are_one_line(name: str, tmp_path: Path) -> None:
    """Exit code 2, and nothing is written."""
    (tmp_path / "bad.yaml").write_text("schema: 1\n")
    (tmp_path / "folder.html").mkdir()
    source = CARDS / "sm.yaml" if name == "folder.html" else tmp_path / name
    target = tmp_path / ("folder.html" if name == "folder.html" else "page.html")
    result = runner("report", source, "-o", target, "--force")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == (2 if name == "bad.yaml" else 1)
    assert not (tmp_path / "page.html").exists()
    with pytest.raises(InputError):
        report.subject(tmp_path / "none.yaml")


# --- in a browser

MEASURE = """({
  width: document.documentElement.scrollWidth,
  height: document.documentElement.scrollHeight,
  images: [...document.images].map(image => image.complete && image.naturalWidth > 0),
  overflowing: [...document.querySelectorAll("body *")]
    .filter(e => !e.closest(".scroll, pre, .skip") && e.getBoundingClientRect().right > innerWidth + 0.5)
    .map(e => e.tagName),
})"""


@pytest.mark.browser
def test_the_page_in_a_browser(of_card: Path, tmp_path: Path) -> None:
    """Images load, nothing is wider than the window, nothing is complained about, keys work, and it can be printed."""
    with Browser() as browser:
        for width, dark in ((360, False), (1200, False), (1200, True)):
            browser.open(of_card, width, dark=dark)
            found = browser.value(MEASURE)
            assert found["width"] <= width
            assert found["overflowing"] == []
            assert found["images"] == [True] * 5
            assert 3000 < found["height"] < 15_000
        picture = browser.screenshot()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 100_000
        browser.value("document.querySelector('.skip').focus()")
        assert browser.value("document.querySelector('.skip').getBoundingClientRect().left") >= 0
        printed = browser.pdf()
        assert printed.startswith(b"%PDF")
        assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 16
        assert browser.messages == []


@pytest.mark.browser
@pytest.mark.usefixtures("cheap")
def test_a_hostile_card_in_a_browser(tmp_path: Path) -> None:
    """Nothing of the card runs."""
    source = tmp_path / "hostile.yaml"
    source.write_text(HOSTILE, encoding="utf-8")
    report.write(source, tmp_path / "page.html")
    with Browser() as browser:
        browser.open(tmp_path / "page.html", 800)
        assert browser.value("document.title") == "hostile.yaml - bkgen report"
        assert browser.value("document.querySelectorAll('script, img, svg').length") == 0
        assert HOSTILE.rstrip("\n") in browser.value("document.querySelector('pre').textContent")
        assert browser.messages == []


def test_relic_density_of_a_report(tmp_path: Path) -> None:
    """Shares and picture; a model without prediction has no section, a point without it says why."""
    page, warned = tmp_path / "page.html", report.write(CARDS / "alp_freeze_in.yaml", tmp_path / "page.html")
    text = Page(page.read_text(encoding="utf-8")).text
    assert "Omega h2" in text
    assert "late fraction" in text
    assert not any("relic" in line for line in warned)
