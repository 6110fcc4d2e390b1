"""The errors a user can cause.

    BkgenError
    ├── InputError        a card, an option or a file that cannot be used (exit code 2)
    ├── MissingExtra      an optional dependency is not installed (exit code 2)
    └── RunError          a valid job that failed while running (exit code 1)

An `InputError` carries every problem found, one line each; nobody should have to fix a card one error at a time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class BkgenError(Exception):
    """Base of every error that is shown as one clear line instead of a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    path: where in the card, e.g. ("model", "m_H1"); message: what is wrong and what is allowed;
    value: what was found (shown as written), or None when there is nothing to show.
    """

    path: tuple[str, ...]
    message: str
    value: object = None

    def __str__(self) -> str:
        where = ".".join(self.path)
        found = "" if self.value is None else f" = {self.value}"
        return f"{where}{found}: {self.message}" if where else self.message


class InputError(BkgenError):
    """The input cannot be used; `problems` lists every reason."""

    def __init__(self, problems: Problem | str | Iterable[Problem | str]) -> None:
        if isinstance(problems, Problem | str):
            problems = [problems]
        self.problems: Sequence[Problem] = [p if isinstance(p, Problem) else Problem((), p) for p in problems]
        super().__init__("\n".join(str(p) for p in self.problems))


class MissingExtra(BkgenError):
    """An optional dependency is needed; says what to install."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"this needs {package}: pip install 'bkgen[{extra}]'")


class RunError(BkgenError):
    """The job was valid but failed while running."""


@contextmanager
def calculating(what: str) -> Iterator[None]:
    """Raises RunError, one line, where arithmetic fails: couplings or masses far outside anything physical."""
    import numpy as np  # not for every command

    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            yield
    except (ValueError, ArithmeticError) as error:
        reason = " ".join(str(error.args[-1] if error.args else type(error).__name__).split())
        raise RunError(f"{what} cannot be calculated at this point: {reason}") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """OSErrors inside tell which file they are about, see `name_file`."""
    try:
        yield
    except OSError as error:
        name_file(error, path)
        raise


def name_file(error: BaseException | None, path: Path) -> None:
    """Put the name of the file into an OSError without one: the system does not say it when writing fails."""
    if isinstance(error, OSError) and error.filename is None and error.errno is not None:
        error.filename = str(path)


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """' (did you mean X?)' for the closest allowed word, or an empty string."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
