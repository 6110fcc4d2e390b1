"""Damage to files and to JSON values, by dice with a seed: what a bad copy, a full disk or another program leaves."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import uproot

from bkgen.io.root import METADATA, TREE

STRANGE: tuple[Any, ...] = (
    *(None, True, "", "x", "sm", "\x00", "float128", -1, 0, 1, 2.5, 1e308, -1e30, 10**400, 2**63, 131_073),
    *([], [1], [0, 2], ["a"], [[]], {}, {"a": 1}, {"path": None}, float("nan"), float("inf")),
)
"""Values that hardly any place of a file can hold."""


def truncated(content: bytes, dice: random.Random) -> bytes:
    """The beginning of a file."""
    return content[: dice.randrange(len(content))]


def flipped(content: bytes, dice: random.Random) -> bytes:
    """A few bytes with other values."""
    damaged = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        damaged[dice.randrange(len(damaged))] ^= dice.randint(1, 255)
    return bytes(damaged)


def overwritten(content: bytes, dice: random.Random) -> bytes:
    """A block of zeros or noise inside."""
    start = dice.randrange(len(content))
    length = min(dice.randint(1, 512), len(content) - start)
    block = bytes(length) if dice.random() < 0.5 else dice.randbytes(length)
    return content[:start] + block + content[start + length :]


def other(content: bytes, dice: random.Random) -> bytes:
    """Something else under that name."""
    return dice.choice((b"", b"\n", b"{}", b"[]", b"null", b"root", b"PAR1PAR1", b"schema: 1\n", dice.randbytes(300)))


DAMAGES = (truncated, flipped, overwritten, other)


def damaged(content: bytes, dice: random.Random) -> bytes:
    """One kind of damage."""
    return dice.choice(DAMAGES)(content, dice)


def mutated(data: Any, dice: random.Random) -> Any:
    """JSON values of which up to three are replaced, deleted or repeated."""
    data = copy.deepcopy(data)
    for _ in range(dice.randint(1, 3)):
        block = data
        while True:
            keys = list(block) if isinstance(block, dict) else list(range(len(block)))
            if not keys:
                break
            key = dice.choice(keys)
            if isinstance(block[key], dict | list) and block[key] and dice.random() < 0.7:
                block = block[key]
                continue
            change = dice.choice(("replace", "replace", "delete", "double"))
            if change == "replace":
                block[key] = copy.deepcopy(dice.choice(STRANGE))
            elif change == "delete":
                del block[key]
            elif isinstance(block, list):
                block.append(copy.deepcopy(block[key]))
            else:
                block[f"{key}_"] = copy.deepcopy(block[key])
            break
    return data


def write_root(path: Path, columns: dict[str, Any], metadata: Any) -> None:
    """A ROOT file of the layout of bkgen with any metadata."""
    with uproot.recreate(path) as file:
        file.mktree(TREE, {name: values.dtype for name, values in columns.items()}).extend(columns)
        file[METADATA] = json.dumps(metadata)
