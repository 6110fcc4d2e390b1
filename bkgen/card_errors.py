"""Translates what pydantic finds in a card into problems in the words of a physicist."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from .card_fields import block_of, choices, expected, fields_by_key
from .errors import Problem, suggestion
from .models import Model, registry

Keys = tuple[str, ...]

OWN = "bkgen"
"""Type of errors raised by the card itself, whose message is shown as it is."""


def refusal(message: str) -> PydanticCustomError:
    """An error for a field validator, with a message that is shown as it is."""
    return PydanticCustomError(OWN, "{text}", {"text": message})


def refusals(problems: list[Problem]) -> ValidationError:
    """Several errors, each at its own place below the field that is validated."""
    details: list[InitErrorDetails] = [
        {"type": refusal(problem.message), "loc": problem.path, "input": problem.value} for problem in problems
    ]
    return ValidationError.from_exception_data("card", details)


def translate(error: ValidationError, cls: type[BaseModel], data: Mapping[str, Any]) -> list[Problem]:
    """Problems of a card, one for each place; `data` are the values that were validated."""
    found: dict[tuple[Keys, str], Problem] = {}
    for detail in error.errors(include_url=False):
        path, value = _place(detail, data)
        message = _message(detail, path, cls, data)
        found.setdefault((path, message), Problem(path, message, value))
    problems = list(found.values())
    return [problem for problem in problems if not _is_outer(problem, problems)]


def _is_outer(problem: Problem, problems: list[Problem]) -> bool:
    """Whether a block was refused as a whole although another problem says what is wrong inside."""
    length = len(problem.path)
    return length > 0 and any(other.path[:length] == problem.path != other.path for other in problems)


def _place(detail: ErrorDetails, data: Mapping[str, Any]) -> tuple[Keys, Any]:
    """Keys of the card that lead to an error, without labels of alternatives, and the value there."""
    path: Keys = ()
    value: Any = data
    last = len(detail["loc"]) - 1
    for i, part in enumerate(detail["loc"]):
        named = not path or (detail["type"] == OWN and i == last)
        if isinstance(value, Mapping) and (part in value or named):
            path, value = (*path, str(part)), value.get(part)
    if detail["type"] == "missing" and isinstance(value, Mapping):
        return (*path, str(detail["loc"][-1])), None
    return path, value


def _message(detail: ErrorDetails, path: Keys, cls: type[BaseModel], data: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind == OWN:
        return detail["msg"]
    if kind in ("value_error", "assertion_error"):
        return str(detail.get("ctx", {}).get("error", detail["msg"]))
    if kind == "extra_forbidden":
        return _unknown_key(path, cls, data)
    field = _field(path, cls, data)
    if field is None:
        return "is not valid here"
    if kind == "missing" and detail["loc"][-1] == path[-1]:
        description = f": {field.description}" if field.description else ""
        return f"required{description} ({expected(field)})"
    if names := choices(field.annotation):
        return f"must be {expected(field)}{suggestion(str(detail['input']), names)}"
    wanted = expected(field)
    if kind == "finite_number":
        wanted = wanted.replace("a number", "a finite number")
    return f"must be {wanted}{_quoted_number(detail['input'])}"


def _quoted_number(value: object) -> str:
    """A hint if the text is a number in quotes."""
    try:
        return ", without quotes" if isinstance(value, str) and math.isfinite(float(value)) else ""
    except ValueError:
        return ""


def _unknown_key(path: Keys, cls: type[BaseModel], data: Mapping[str, Any]) -> str:
    owner = _block(path[:-1], cls, data)
    allowed = list(fields_by_key(owner)) if owner else []
    hint = suggestion(path[-1], allowed)
    return f"unknown key{hint}" if hint else f"unknown key, allowed here: {', '.join(allowed)}"


def _block(path: Keys, cls: type[BaseModel], data: Mapping[str, Any]) -> type[BaseModel] | None:
    """The class that describes the block at that place."""
    if not path:
        return cls
    field = _field(path, cls, data)
    block = block_of(field.annotation) if field is not None else None
    if block is Model:
        model = data.get("model")
        name = model.get("name") if isinstance(model, Mapping) else None
        return registry().get(name) if isinstance(name, str) else None
    return block


def _field(path: Keys, cls: type[BaseModel], data: Mapping[str, Any]) -> FieldInfo | None:
    owner = _block(path[:-1], cls, data) if path else None
    return fields_by_key(owner).get(path[-1]) if owner is not None else None
