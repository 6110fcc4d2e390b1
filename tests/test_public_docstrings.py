"""Every public module, class, function and method of both packages says what it is."""

from __future__ import annotations

import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import bkgen_analysis
import pytest

import bkgen


def module_names(package: ModuleType) -> list[str]:
    """The package and every public module in it."""
    names = [info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [package.__name__, *(name for name in names if "._" not in name)]


MODULES = module_names(bkgen) + module_names(bkgen_analysis)


def python_function(item: Any) -> Any:
    """The function inside a numba dispatcher, a cached function or another wrapper; anything else as it is."""
    item = getattr(item, "py_func", item)
    return inspect.unwrap(item) if callable(item) else item


def is_public(name: str) -> bool:
    return not name.startswith("_")


def own_docstring(cls: type) -> str:
    """What the author wrote: neither inherited nor made up by dataclass, NamedTuple or enum."""
    text = cls.__dict__.get("__doc__") or ""
    made_up = text.startswith(f"{cls.__name__}(") or text == (enum.Enum.__doc__ or "")
    return "" if made_up else text


def undocumented_methods(cls: type) -> Iterator[str]:
    """Public methods and properties without a docstring of their own or of the base class they override."""
    for name, item in vars(cls).items():
        raw = item.__func__ if isinstance(item, classmethod | staticmethod) else item
        documented = isinstance(raw, FunctionType | property) or hasattr(raw, "func")
        if is_public(name) and documented and not inspect.getdoc(getattr(cls, name)):
            yield f"{cls.__name__}.{name}"


def undocumented(module: ModuleType) -> Iterator[str]:
    """Names of what is defined in the module, is public and has no docstring."""
    for name, item in vars(module).items():
        function = python_function(item)
        if not is_public(name) or getattr(function, "__module__", None) != module.__name__:
            continue
        if isinstance(function, type):
            if not own_docstring(function):
                yield name
            yield from undocumented_methods(function)
        elif isinstance(function, FunctionType) and not inspect.getdoc(function):
            yield name


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    assert list(undocumented(module)) == []


UNDOCUMENTED = """
from dataclasses import dataclass
from functools import cache, cached_property
from bkgen.jit import njit

def bare(): ...
def _private(): ...
@cache
def cached(): ...
@njit
def compiled(): ...
class Empty: ...
@dataclass
class Data:
    x: int
class Named:
    \"\"\"Documented.\"\"\"
    def method(self): ...
    def _private(self): ...
    @property
    def value(self): ...
    @cached_property
    def later(self): ...
    @classmethod
    def make(cls): ...
class Child(Named):
    \"\"\"Inherits.\"\"\"
    def method(self):
        \"\"\"Documented here.\"\"\"
"""


def test_the_search_finds_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions behind wrappers, generated docstrings of classes, and methods."""
    (tmp_path / "undocumented_example.py").write_text(UNDOCUMENTED, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("undocumented_example")
    assert set(undocumented(module)) == {
        "bare",
        "cached",
        "compiled",
        "Empty",
        "Data",
        "Named.method",
        "Named.value",
        "Named.later",
        "Named.make",
    }
