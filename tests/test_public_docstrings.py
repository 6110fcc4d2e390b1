"""Every public module, class, function and method of both packages says what it is, and functions what they raise."""

from __future__ import annotations

import ast
import enum
import importlib
import importlib.util
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


# --- errors

ERRORS = {"InputError", "MissingExtra", "RunError", "ValueError"}
SOURCES = [path for name in MODULES if not name.endswith(".cli") and (path := importlib.util.find_spec(name))]


def raised(node: ast.AST) -> Iterator[str]:
    """Errors that a function raises itself and does not catch; those of inner functions are not its own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Try) and child.handlers:
            for part in (*child.handlers, *child.orelse, *child.finalbody):
                yield from raised(part)
            continue
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call) and isinstance(child.exc.func, ast.Name):
            yield child.exc.func.id
        yield from raised(child)


def unsaid(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Public functions and methods with an error that their docstring does not name."""
    for node in body:
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from unsaid(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and is_public(node.name):
            missing = {error for error in raised(node) if error in ERRORS} - set(
                (ast.get_docstring(node) or "").replace(".", " ").replace(",", " ").replace(";", " ").split()
            )
            yield from (f"{prefix}{node.name}: {error}" for error in sorted(missing))


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.name)
def test_docstrings_name_the_errors(spec: Any) -> None:
    """`Raises ValueError ...` in each public function that raises one; the commands turn errors into lines."""
    assert list(unsaid(ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body)) == []


def test_unsaid_errors_are_found() -> None:
    """Direct ones and those of a handler, not what is caught and not what an inner function raises."""
    code = """
def f(x):
    if x: raise ValueError("no")
def g(x):
    \"\"\"Raises ValueError.\"\"\"
    raise ValueError("no")
def h(x):
    try: raise ValueError("caught")
    except ValueError: raise InputError("not caught")
def k(x):
    def inner(): raise RunError("later")
    return inner
class C:
    def m(self): raise RunError("no")
"""
    assert list(unsaid(ast.parse(code).body)) == ["f: ValueError", "h: InputError", "C.m: RunError"]
