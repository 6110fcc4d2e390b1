"""Tables of models, parameters and constants for `bkgen models`."""

from __future__ import annotations

import inspect

from .card_fields import parameters
from .constants import describe, named_sets
from .errors import InputError, suggestion
from .models import Model, registry
from .results import number, show_table


def show_models() -> None:
    """Name, channels and one line of documentation of every model."""
    cells = [(name, ", ".join(cls.channels), _summary(cls)) for name, cls in registry().items()]
    show_table(("model", "channels", "description"), cells)


def show_model(name: str) -> None:
    """Documentation and parameters of one model.  Raises InputError for an unknown name."""
    models = registry()
    if name not in models:
        hint = suggestion(name, [*models, "inputs"])
        raise InputError(f"unknown model {name}{hint}, one of: {', '.join(models)}, or inputs")
    cls = models[name]
    print(f"{name}\n\n{inspect.getdoc(cls)}\n\nchannels: {', '.join(cls.channels)}\n")
    cells = [(row.name, row.unit, row.default, row.bounds, row.description) for row in parameters(cls)]
    show_table(("parameter", "unit", "default", "allowed", "description"), cells)


def show_inputs() -> None:
    """Every constant with its default and source, and the named sets."""
    cells = [(row.name, number(row.value, 10), row.unit, row.description, row.source) for row in describe()]
    show_table(("constant", "default", "unit", "description", "source"), cells)
    print()
    sets = [(row.name, ", ".join(row.values), row.description, row.source) for row in named_sets().values()]
    show_table(("set", "changes", "description", "source"), sets)


def _summary(cls: type[Model]) -> str:
    """First line of the documentation."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]
