"""Whatever is written into a card, the commands answer with numbers, or with one line for each problem.

The short tests are always the same cases; `pytest -m fuzz tests/test_card_fuzz.py` tries 10,000, and 50 as processes.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from processes import bkgen
from typer.testing import CliRunner

from bkgen import cli
from bkgen.card import Card, card_from_dict, load_card
from bkgen.errors import InputError

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
FIXED = settings(derandomize=True, deadline=None, database=None, suppress_health_check=SLOW, phases=[Phase.generate])
LIMIT = 10.0  # s of CPU for each case
MEMORY = 3 << 30  # bytes of address space of a process

CARDS = sorted((Path(__file__).parent.parent / "cards").glob("*.yaml"))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**30), 0, 1, 2**63]),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["sm", "alp", "rest", "custom", "HPQCD2022", "Bs -> phi", "B0 -> K0", "\0", "x/\ud800"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(data, dict):
        return [path]
    return [path, *(place for key, item in data.items() for place in places(item, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    data = load_card(draw(st.sampled_from(CARDS))).resolved()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(places(data)[1:]))
        block = data
        for key in place[:-1]:
            block = block[key]
        action = draw(st.sampled_from(["replace", "delete", "add"]))
        if action == "replace":
            block[place[-1]] = draw(values)
        elif action == "delete":
            del block[place[-1]]
        else:
            block[draw(st.text(max_size=8))] = draw(values)
        if len(data) == 0:
            break
    return data


def card_or_problems(load: Callable[[], Card]) -> Card | list[str]:
    """The card, or its messages; any other exception fails the test."""
    try:
        return load()
    except InputError as error:
        return [str(problem) for problem in error.problems]


GOOD = "schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n"

words = st.sampled_from(
    [
        *("schema", "model", "name", "channel", "generate", "events", "output", "path", "detector", "inputs", "beam"),
        *(
            "1",
            "sm",
            "alp",
            "B+ -> K+",
            "1e400",
            "-0",
            "0x1F",
            "1_000",
            ".inf",
            ".nan",
            "~",
            "null",
            "yes",
            "2001-01-01",
        ),
        *(
            "&a",
            "*a",
            "<<",
            "!!python/object",
            "!!binary aGk=",
            "? ",
            "- ",
            "|",
            ">",
            "'",
            '"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
        ),
        *(
            "\n",
            "\n  ",
            "\n\t",
            " ",
            ": ",
            "#",
            "---",
            "...",
            "%YAML 1.1",
            "\ufeff",
            "\u2028",
            "\x85",
            "\x00",
            "é",
            "ż" * 5,
        ),
    ]
)


@st.composite
def mutated_text(draw: st.DrawFn) -> bytes:
    """The text of a card with a piece of it replaced."""
    text = draw(st.sampled_from(CARDS)).read_bytes()
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 20)))
    yaml_like = st.text(":-[]{}&*!?|>'\"#\t\n, 0e.~", max_size=8).map(str.encode)
    return text[:start] + draw(st.one_of(st.binary(max_size=8), yaml_like)) + text[end:]


@st.composite
def raw_text(draw: st.DrawFn) -> bytes:
    """Words and signs of YAML in any order, after a good card or alone, in any encoding."""
    text = draw(st.sampled_from(["", GOOD])) + "".join(draw(st.lists(words, max_size=40)))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"]))
    return text.encode(encoding, "replace")


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """A card whose numbers are others, so that many of them are points where something must be calculated."""
    data = load_card(draw(st.sampled_from(CARDS))).resolved()
    data["generate"]["events"] = 100
    model = data["model"]
    names = [key for key, value in model.items() if isinstance(value, float)]
    for key in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []:
        model[key] = draw(
            st.one_of(st.floats(1e-9, 10.0), st.floats(-300.0, 300.0).map(lambda x: 10.0**x), st.just(model[key]))
        )
    return data


def answers(path: Path, commands: tuple[str, ...]) -> None:
    """Every command answers, or refuses with exit code 2 and lines; in time and without traceback."""
    for command in commands:
        start = time.process_time()
        result = CliRunner().invoke(cli.app, [command, str(path)], catch_exceptions=False)
        assert time.process_time() - start < LIMIT, command
        assert_lines(result.exit_code, result.stdout, result.stderr)
        assert command != "check" or result.exit_code != 1


def assert_lines(code: int, out: str, err: str) -> None:
    """Numbers and exit code 0, or exit code 2 (1 for a point that cannot be calculated), nothing but lines of text."""
    assert code in (0, 1, 2)
    assert "Traceback" not in err
    assert "nan" not in out.split()
    if code:
        assert out == ""
        assert err.strip()
        assert all(text.isprintable() for text in err.split("\n"))


def text_is_answered(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card.yaml"
        card.write_bytes(content)
        result = card_or_problems(lambda: load_card(card))
        assert isinstance(result, Card) or all(text.startswith(str(card)) for text in result)
        answers(card, ("check", "rates", "constraints") if isinstance(result, Card) else ("check",))
        assert [item.name for item in Path(folder).iterdir()] == ["card.yaml"]


def values_are_answered(data: Any) -> None:
    result = card_or_problems(lambda: card_from_dict(data))
    if isinstance(result, Card):
        assert card_from_dict(result.resolved()) == result
    else:
        assert result
        assert all(len(text.splitlines()) == 1 for text in result)
        assert not any("Input should" in text or "Field required" in text for text in result)


def numbers_are_answered(data: Any) -> None:
    """JSON is YAML: the card as a file."""
    text_is_answered(json.dumps(data).encode())


# strategy, what must hold, number of cases in every run of the tests and with -m fuzz
CASES = [
    pytest.param(mutated(), values_are_answered, (200, 4000), id="values"),
    pytest.param(mutated_text(), text_is_answered, (100, 2000), id="changed text"),
    pytest.param(raw_text(), text_is_answered, (150, 3000), id="raw text"),
    pytest.param(numbers(), numbers_are_answered, (50, 1000), id="numbers"),
]


@pytest.mark.parametrize(("strategy", "check", "counts"), CASES)
def test_any_card_is_answered(
    strategy: st.SearchStrategy[Any], check: Callable[[Any], None], counts: tuple[int, int]
) -> None:
    settings(FIXED, max_examples=counts[0])(given(strategy)(check))()


@pytest.mark.fuzz
@pytest.mark.parametrize(("strategy", "check", "counts"), CASES)
def test_ten_thousand_cards_are_answered(
    strategy: st.SearchStrategy[Any], check: Callable[[Any], None], counts: tuple[int, int]
) -> None:
    settings(FIXED, max_examples=counts[1])(given(strategy)(check))()


# --- files that are no text


def laughs(width: int = 10, depth: int = 8) -> str:
    """Aliases of aliases: 10^8 values in a few lines."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * width)}]" for k in range(1, depth + 1)]
    return "\n".join(lines)


STRANGE = {
    "aliases": (GOOD + laughs(), "more than 1000 values"),
    "long list": (GOOD + "variation: [" + "1, " * 5000 + "1]", "more than 1000 values"),
    "many keys": ("".join(f"k{k}: 1\n" for k in range(2000)), "more than 1000 values"),
    "deep": (GOOD + "a: " + "[" * 10_000, "nested too deeply"),
    "large": (GOOD + "#" * 100_000, "larger than 64 kB"),
    "digits": (GOOD + "luminosity: " + "9" * 50_000, "luminosity = 999"),
    "hexadecimal": (GOOD + "luminosity: 0x" + "f" * 50_000, "luminosity = 0xfff"),
    "exponent": (GOOD + "luminosity: 1e999999999", "must be a finite number"),
    "NUL": (GOOD + "\0", "not a text file"),
    "UTF-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "latin-1": (GOOD.encode() + b"# \xe9", "not UTF-8"),
    "binary": (random.Random(1).randbytes(10_000), "not UTF-8"),
    "tag": ("!!python/object {model: sm}", "YAML tag tag:yaml.org,2002:python/object is not allowed"),
    "itself": (GOOD + "a: &a [*a]", "a block cannot contain itself"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_files(kind: str, tmp_path: Path) -> None:
    content, problem = STRANGE[kind]
    card = tmp_path / "card.yaml"
    card.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.process_time()
    result = card_or_problems(lambda: load_card(card))
    assert time.process_time() - start < LIMIT
    assert isinstance(result, list)
    assert any(problem in text for text in result)
    assert all(text.startswith(str(card)) for text in result)


def test_strange_paths(tmp_path: Path) -> None:
    """Links to nothing and in a circle, pipes that nobody writes to, devices without end: refused at once."""
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text(GOOD)
    problems = {
        "dangling": "no such file",
        "circle": "cannot be read",
        "pipe": "a pipe or a device",
        "/dev/zero": "a pipe or a device",
        "/dev/null": "a pipe or a device",
        ".": "is a folder",
        "x" * 300: "cannot be read",
        "a\0b": "not a valid file name",
        "file/card.yaml": "cannot be read",
    }
    for name, problem in problems.items():
        (text,) = card_or_problems(lambda name=name: load_card(tmp_path / name))  # type: ignore[misc]
        assert problem in text, name
    for name in ("with space.yaml", "müon ż 日本.yaml", "-n", "a'b\"c$d.yaml"):
        (tmp_path / name).write_text("\ufeff" + GOOD)
        (tmp_path / "link").symlink_to(name)
        assert load_card(tmp_path / name).resolved() == {
            **load_card(tmp_path / "link").resolved(),
            "output": {
                **load_card(tmp_path / "link").resolved()["output"],
                "path": f"outputs/{(tmp_path / name).stem}.root",
            },
        }
        (tmp_path / "link").unlink()


@pytest.mark.fuzz
def test_fifty_cards_as_processes(tmp_path: Path) -> None:
    """As a user would start them, with little memory: no case takes longer or more than it may."""
    dice = random.Random(50)
    card = tmp_path / "card.yaml"
    for _ in range(50):
        content = dice.choice(CARDS).read_bytes()
        if dice.random() < 0.7:
            start = dice.randrange(len(content))
            content = content[:start] + dice.randbytes(dice.randint(0, 8)) + content[start + dice.randint(0, 20) :]
        card.write_bytes(content)
        done = subprocess.run(
            bkgen([dice.choice(["check", "rates", "constraints"]), str(card)], RLIMIT_AS=MEMORY, RLIMIT_CPU=int(LIMIT)),
            capture_output=True,
            cwd=tmp_path,
        )
        assert_lines(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert [item.name for item in tmp_path.iterdir()] == ["card.yaml"]
