"""What the fields of a card and of a model allow, in words: for messages, tables and help."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
_WORDS: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    complex: "a complex number",
}


@dataclass(frozen=True)
class Parameter:
    """One row of the table of parameters of a model; a block is a row, followed by its own parameters."""

    name: str
    unit: str
    default: str
    bounds: str
    description: str

    @property
    def required(self) -> bool:
        """Whether a card must give it."""
        return self.default == "required"


def parameters(cls: type[BaseModel], prefix: str = "") -> Iterator[Parameter]:
    """Every parameter of a model or block, nested ones as 'block.name'."""
    for key, field in fields_by_key(cls).items():
        if key == "name" and not prefix:
            continue
        block = block_of(field.annotation)
        label = "" if block else unit(field)
        yield Parameter(prefix + key, label, _default(field), _allowed(field), field.description or "")
        if block is not None:
            yield from parameters(block, f"{prefix}{key}.")


def fields_by_key(cls: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields of a block by the key used in a card."""
    return {field.alias or name: field for name, field in cls.model_fields.items()}


def block_of(annotation: Any) -> type[BaseModel] | None:
    """The block class inside an annotation such as `Block | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if _is_union(annotation) or get_origin(annotation) is Annotated:
        return next((block for block in map(block_of, get_args(annotation)) if block is not None), None)
    return None


def unit(field: FieldInfo) -> str:
    """Unit of a parameter; '1' for pure numbers, '' where a unit makes no sense."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""


def bounds(field: FieldInfo) -> str:
    """Allowed range such as '> 0 and < 1', or an empty string."""
    found = [
        f"{sign} {getattr(item, name):.12g}"
        for item in field.metadata
        for name, sign in _BOUNDS
        if getattr(item, name, None) is not None
    ]
    return " and ".join(found)


def expected(field: FieldInfo) -> str:
    """What a field accepts: 'a number > 0 [GeV]'."""
    words = [_words(field.annotation)]
    if limits := bounds(field):
        words.append(limits)
    if (label := unit(field)) not in ("", "1"):
        words.append(f"[{label}]")
    return " ".join(words)


def choices(annotation: Any) -> tuple[str, ...]:
    """The names a field accepts, if it is a choice of names."""
    if get_origin(annotation) is Literal:
        return tuple(str(value) for value in get_args(annotation))
    if _is_union(annotation):
        return tuple(name for member in get_args(annotation) for name in choices(member))
    return ()


def _words(annotation: Any) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a block with the keys {', '.join(fields_by_key(annotation))}"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin is Annotated:
        return _words(arguments[0])
    if _is_union(annotation):
        return " or ".join(_words(member) for member in arguments if member is not types.NoneType)
    if origin is tuple and Ellipsis not in arguments:
        return f"a list of {len(arguments)} values"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a block"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return "a list"
    return "a valid value"


def _allowed(field: FieldInfo) -> str:
    """Range, or names to choose from, for tables."""
    names = choices(field.annotation)
    if names and bool in get_args(field.annotation):
        names = ("true", "false", *names)
    return bounds(field) or " | ".join(names)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)
