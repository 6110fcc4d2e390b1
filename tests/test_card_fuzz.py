"""Whatever is written into a card, the answer is a card or an InputError."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bkgen.card import Card, card_from_dict, load_card
from bkgen.errors import InputError

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


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_any_mutation_gives_a_card_or_an_input_error(data: Any) -> None:
    result = card_or_problems(lambda: card_from_dict(data))
    if isinstance(result, Card):
        assert card_from_dict(result.resolved()) == result
    else:
        assert result
        assert all(len(text.splitlines()) == 1 for text in result)
        assert not any("Input should" in text or "Field required" in text for text in result)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CARDS), st.data())
def test_any_change_of_the_text_gives_a_card_or_an_input_error(path: Path, data: st.DataObject) -> None:
    text = path.read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    yaml_like = st.text(":-[]{}&*!?|>'\"#\t\n, 0e.~", max_size=8).map(str.encode)
    noise = data.draw(st.one_of(st.binary(max_size=8), yaml_like))
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card.yaml"
        card.write_bytes(text[:start] + noise + text[end:])
        result = card_or_problems(lambda: load_card(card))
        assert isinstance(result, Card) or all(text.startswith(str(card)) for text in result)
