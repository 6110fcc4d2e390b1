"""Reads a YAML 1.2 file into plain values and remembers the line and the spelling of every key."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import InputError, Problem

Keys = tuple[str, ...]

MAX_BYTES = 64_000  # takes a few seconds to read, in the worst case; cards have a few thousand
MAX_VALUES = 1000  # aliases of aliases can stand for billions; cards have a few dozen
_TAG = "tag:yaml.org,2002:"
_KINDS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
_PLAIN_TAGS = {_TAG + kind for kind in _KINDS}
_EXPLANATIONS = (
    ("'\\t'", "a tab cannot be used for indentation, use spaces"),
    ("mapping values are not allowed here", "a key in an unexpected place: check indentation and quotes"),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("could not find expected ':'", "a key without ': value'"),
    ("another document", "more than one document: a card has no second '---'"),
    ("found undefined alias", "an alias (*name) without its anchor (&name)"),
)


@dataclass(frozen=True)
class LocatedProblem(Problem):
    """A problem together with the file and line where it was found."""

    location: str = ""
    line: int = 0

    def __str__(self) -> str:
        text = Problem(tuple(map(one_line, self.path)), one_line(self.message), self.value).__str__()
        return f"{self.location}: {text}" if self.location else text


@dataclass
class Document:
    """Plain values of a card, and where each of them was written."""

    source: str
    data: Any = None
    lines: dict[Keys, int] = field(default_factory=dict)
    texts: dict[Keys, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    size: int = 0

    def line(self, path: Keys) -> int:
        """Line of the key, or of the closest block around it; 0 if unknown."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1 if self.lines else 0

    def located(self, problem: Problem) -> LocatedProblem:
        """The problem with its file, line and value as written."""
        line = self.line(problem.path)
        location = f"{self.source}:{line}" if line else self.source
        return LocatedProblem(problem.path, problem.message, shown(self.written(problem)), location, line)

    def written(self, problem: Problem) -> object:
        """The value at the place of the problem, as it was written if that is known."""
        value = self.data
        for key in problem.path:
            if not isinstance(value, Mapping) or key not in value:
                return self.texts.get(problem.path, problem.value)
            value = value[key]
        return self.texts.get(problem.path, value)


def read_document(path: Path) -> Document:
    """Read a file.  Raises InputError (one line) if it cannot be read as a YAML mapping."""
    source = str(path)
    try:
        if path.is_dir():
            raise InputError(f"{source}: is a folder, not a card")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{source}: larger than {MAX_BYTES // 1000} kB, not a card")
        if not path.is_file():  # a device may never end, and nobody may write to a pipe
            raise InputError(f"{source}: is a pipe or a device, not a card")
        return parse(path.read_bytes().decode("utf-8-sig"), source)
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: {_unreadable(error)}") from None


def parse(text: str, source: str) -> Document:
    """Read YAML text.  Raises InputError (one line) if it is not a YAML mapping."""
    reader = YAML(typ="safe", pure=True)
    document = Document(source)
    try:
        node = reader.compose(text)
        if node is None:
            raise InputError(f"{source}: the card is empty")
        if not isinstance(node, MappingNode):
            raise InputError(f"{source}: not a card: expected lines of the form 'key: value'")
        if str(node.tag) not in _PLAIN_TAGS:
            raise InputError(f"{source}: YAML tag {one_line(str(node.tag))} is not allowed for a card, leave it out")
        document.data = _construct(node, (), document, ())
    except MarkedYAMLError as error:
        raise InputError(f"{source}{_explain(error)}") from None
    except YAMLError:
        raise InputError(f"{source}: not a text file (it contains control characters)") from None
    except RecursionError:
        raise InputError(f"{source}: blocks are nested too deeply") from None
    except (ValueError, AssertionError):
        raise InputError(f"{source}: not readable as YAML") from None
    return document


def from_mapping(data: Mapping[Any, Any], source: str) -> Document:
    """A document without line numbers from values in memory; numpy scalars, tuples and paths become plain.

    Raises InputError for anything but a mapping, and for blocks nested too deeply.
    """
    document = Document(source)
    if not isinstance(data, Mapping):
        raise InputError(f"{source}: not a card: expected a mapping of keys and values")
    try:
        document.data = _plain(data, (), document)
    except RecursionError:
        raise InputError(f"{source}: blocks are nested too deeply") from None
    return document


def shown(value: object) -> str | None:
    """A value as it should appear in a message; None for blocks."""
    if value is None or isinstance(value, Mapping):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        text = f"[{', '.join(shown(item) or '...' for item in value[:8])}{', ...' if len(value) > 8 else ''}]"
    else:
        text = one_line(str(value)) or '""'
    return text if len(text) <= 60 else text[:57] + "..."


def one_line(text: str) -> str:
    """The text on one line, without characters that a terminal would not print."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _unreadable(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error})"
    return "not a text file (not UTF-8)" if isinstance(error, UnicodeDecodeError) else "not a valid file name"


def _explain(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context or "not readable as YAML").split())
    line = f":{error.problem_mark.line + 1}" if error.problem_mark is not None else ""
    known = (words for sign, words in _EXPLANATIONS if sign in problem)
    return f"{line}: {next(known, f'not readable as YAML: {problem}')}"


def _construct(node: Node, path: Keys, document: Document, parents: tuple[Node, ...]) -> Any:
    document.size += 1
    if document.size > MAX_VALUES:
        raise InputError(f"{document.source}: more than {MAX_VALUES} values, not a card")
    if any(node is parent for parent in parents):
        document.problems.append(Problem(path, "a block cannot contain itself"))
        return None
    if str(node.tag) not in _PLAIN_TAGS:
        document.problems.append(Problem(path, f"YAML tag {node.tag} is not allowed, write a plain value"))
        return None
    if isinstance(node, MappingNode):
        return _construct_mapping(node, path, document, (*parents, node))
    if isinstance(node, SequenceNode):
        below = (*parents, node)
        return [_construct(item, (*path, str(i)), document, below) for i, item in enumerate(node.value)]
    if isinstance(node, ScalarNode):
        quote = node.style if node.style in ("'", '"') else ""
        document.texts[path] = f"{quote}{_printable(node.value)}{quote}"
        return _scalar(node)
    raise ValueError("unknown kind of YAML node")


def _construct_mapping(node: MappingNode, path: Keys, document: Document, parents: tuple[Node, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            document.lines.setdefault((*path, "?"), line)
            document.problems.append(Problem((*path, "?"), "a key must be a single name"))
            continue
        key = _printable(key_node.value)
        inner = (*path, key)
        if key in result:
            message = f"key given twice (lines {document.lines[inner]} and {line}), keep one of them"
            document.problems.append(Problem(inner, message))
            continue
        document.lines[inner] = line
        result[key] = _construct(value_node, inner, document, parents)
    return result


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text, kind = _printable(node.value), str(node.tag).removeprefix(_TAG)
    try:
        if kind == "int":
            return _in_range(_integer(text.replace("_", "")))
        if kind == "float":
            return _float(text.replace("_", ""))
    except ValueError:
        return text
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text


def _integer(text: str) -> int:
    prefix = re.match(r"[-+]?0([xob])", text)
    return int(text, {"x": 16, "o": 8, "b": 2}[prefix[1]] if prefix else 10)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _in_range(value: int) -> int | float:
    """The integer, or an infinity if it is beyond the range of floating-point numbers."""
    if value.bit_length() <= 1023:
        return value
    return math.inf if value > 0 else -math.inf


def _plain(value: Any, path: Keys, document: Document) -> Any:
    if isinstance(value, Mapping):
        items = ((_key(key, path, document), item) for key, item in value.items())
        return {key: _plain(item, (*path, key), document) for key, item in items}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, str(i)), document) for i, item in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _in_range(int(value))
    if isinstance(value, float):
        return float(value)
    if getattr(value, "ndim", None) == 0:
        return _plain(value.item(), path, document)
    return _printable(value)


def _printable(value: object) -> str:
    """Text that can be printed: lone surrogates are replaced."""
    return str(value).encode("utf-8", "replace").decode()


def _key(key: Any, path: Keys, document: Document) -> str:
    if not isinstance(key, str):
        document.problems.append(Problem((*path, str(key)), "a key must be a name"))
    return _printable(key)
