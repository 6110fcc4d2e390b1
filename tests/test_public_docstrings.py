"""Every public module, class, function and method of both packages says what it is, and functions what they raise.

They also give shapes, units and sources.
"""

from __future__ import annotations

import ast
import enum
import importlib
import importlib.util
import inspect
import pkgutil
import re
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


# --- shapes, units, sources

NOT_PHYSICS = ("bkgen.io", "bkgen.models.continuum", "bkgen.kernels", "bkgen.streams")
"""Files, toy distributions, sampling: what looks like a formula there is none of a paper."""
PHYSICS = {name for name in MODULES if name.startswith("bkgen.") and not name.startswith(NOT_PHYSICS)}

ARRAY = re.compile(r"\b\w*Array(Like)?\b")
SHAPE = re.compile(r"\([^()=]+,[^()=]*\)|\bscalars?\b|\bshapes?\b|[Bb]roadcast")
"""`(n,)`, `(n, 3)`, `(..., 4)`, or words that say it."""

DIMENSIONAL = re.compile(r"(q2|s|T|m|M|mass|masses|width|Gamma|energy|E|p|edges)(_[a-zA-Z]\w*|_[1-9])?|sqrt_s|m\d")
NUMBERS = re.compile(r"\b(float|Real|\w*Array(Like)?)\b")
UNIT = re.compile(r"\[[^\]]*\b(GeV|cm|fb|km|m|s|K|pb|1|rad|unit)\b[^\]]*\]")

NO_FORMULA = re.compile(r"``[^`]*``|`[^`]*`|\[[^\]]*\]|GeV\^-?\d|\b10\^-?\d+")
FORMULA = re.compile(r"\w\^[\d(-]|\bsqrt\(|/\(")
"""A power, a root or a fraction, after units and code have been left out."""
SOURCE = re.compile(r"arXiv:\d|arXiv:hep|hep-ph/\d|\bdoi:|\bPDG\b|https?://|docs/\w+\.md|\(\d{4}\)")

EXCEPTIONS = {
    r"bkgen_analysis\.posterior\.highest_density: unit .*": "its `mass` is a probability",
    r"bkgen\.dark_photon_couplings\.X_couplings: unit .*": "its T_3 is the weak isospin",
    r"bkgen\.dark_qed\.\w+: (shape|unit .*)": "the module says q2, m_Q and shapes once for all functions",
    r"bkgen\.quantities\.form_factor_uncertainties: source": "its formula is the sum in quadrature",
}
"""Complaints that are none, with the reason."""


def is_overload(function: ast.FunctionDef) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "overload" for item in function.decorator_list)


def public_functions(
    body: list[ast.stmt], prefix: str = "", around: str = ""
) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Name, function and the docstring of its class; not the declarations of overloads."""
    for node in body:
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from public_functions(node.body, f"{node.name}.", ast.get_docstring(node) or "")
        elif isinstance(node, ast.FunctionDef) and is_public(node.name) and not is_overload(node):
            yield f"{prefix}{node.name}", node, around


def annotations(function: ast.FunctionDef) -> dict[str, str]:
    """Types of the parameters by name, and that of the result as `return`."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    types = {a.arg: ast.unparse(a.annotation) for a in every if a is not None and a.annotation is not None}
    return types | ({"return": ast.unparse(function.returns)} if function.returns is not None else {})


def incomplete(code: str, physics: bool) -> Iterator[str]:
    """What the docstrings of a module do not say; physics: also formulas without a source."""
    tree = ast.parse(code)
    for name, function, around in public_functions(tree.body):
        text, types = ast.get_docstring(function) or "", annotations(function)
        if any(ARRAY.search(kind) for kind in types.values()) and not SHAPE.search(text):
            yield f"{name}: shape"
        quantities = [key for key, kind in types.items() if DIMENSIONAL.fullmatch(key) and NUMBERS.search(kind)]
        if quantities and not UNIT.search(text):
            yield f"{name}: unit of {', '.join(quantities)}"
        sources = text + around + (ast.get_docstring(tree) or "")
        if physics and FORMULA.search(NO_FORMULA.sub("", text)) and not SOURCE.search(sources):
            yield f"{name}: source"


def found_in(spec: Any) -> list[str]:
    """What is incomplete in a module, with its name."""
    code = Path(spec.origin).read_text(encoding="utf-8")
    return [f"{spec.name}.{line}" for line in incomplete(code, physics=spec.name in PHYSICS)]


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.name)
def test_docstrings_are_complete(spec: Any) -> None:
    """Arrays have a shape, quantities with a dimension a unit in brackets, formulas of physics a source."""
    assert [line for line in found_in(spec) if not any(re.fullmatch(known, line) for known in EXCEPTIONS)] == []


def test_exceptions_are_needed() -> None:
    """An exception that has become complete, or does not exist, is removed."""
    lines = [line for spec in SOURCES for line in found_in(spec)]
    assert [known for known in EXCEPTIONS if not any(re.fullmatch(known, line) for line in lines)] == []


def test_incomplete_docstrings_are_found() -> None:
    """One function for each rule, each with a complete one beside it."""
    code = """
def no_shape(x: Array) -> Array:
    \"\"\"Doubled.\"\"\"
def shape(x: Array) -> Array:
    \"\"\"Doubled (n,).\"\"\"
def no_unit(m_B: float) -> float:
    \"\"\"Width.\"\"\"
def unit(m_B: float, name: str) -> float:
    \"\"\"Width [GeV].\"\"\"
def no_source(x: float) -> float:
    \"\"\"x^2/(8 pi).\"\"\"
def source(x: float) -> float:
    \"\"\"x^2/(8 pi).  Source: arXiv:2401.10112.\"\"\"
def no_formula(x: float) -> float:
    \"\"\"Cross section in GeV^-2, see `f(x^2)`.\"\"\"
class C:
    \"\"\"From arXiv:2401.10112.\"\"\"
    def source(self, x: float) -> float:
        \"\"\"x^2.\"\"\"
    @overload
    def no_shape(self, x: Array) -> Array: ...
"""
    assert list(incomplete(code, physics=True)) == ["no_shape: shape", "no_unit: unit of m_B", "no_source: source"]
    assert list(incomplete(code, physics=False)) == ["no_shape: shape", "no_unit: unit of m_B"]
