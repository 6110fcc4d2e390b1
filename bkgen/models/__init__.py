"""Models: one file each; `registry()` finds the built-in and the third-party ones."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from functools import cache
from importlib.metadata import entry_points

from .base import Block, Model, PairModel, parameter

__all__ = ["Block", "Model", "PairModel", "parameter", "registry"]


def _models_in(module: object) -> list[type[Model]]:
    members = vars(module).values()
    return [
        m
        for m in members
        if isinstance(m, type)
        and issubclass(m, Model)
        and m.__module__ == getattr(module, "__name__", "")
        and not getattr(m, "__abstractmethods__", None)
    ]


@cache
def registry() -> dict[str, type[Model]]:
    """All models by name: every file of this folder, then plug-ins of the entry-point group `bkgen.models`.

    A plug-in that cannot be imported, or that takes a name already used, is skipped with a warning.
    """
    found: dict[str, type[Model]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        if info.name == "base":
            continue
        for model in _models_in(importlib.import_module(f"{__name__}.{info.name}")):
            found[model.describe_name()] = model
    for entry in entry_points(group="bkgen.models"):
        try:
            model = entry.load()
            if not (isinstance(model, type) and issubclass(model, Model)):
                raise TypeError("not a bkgen Model")
            name = model.describe_name()
            if name in found:
                raise ValueError(f"the name {name} is taken")
        except Exception as error:
            warnings.warn(f"model plug-in {entry.name} ({entry.value}) skipped: {error}", stacklevel=2)
        else:
            found[name] = model
    return found
