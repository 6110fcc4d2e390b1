"""Progress on a terminal: a bar with the rate; nothing in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_COMPILE_NOTE_AFTER = 2.0  # s, a cached kernel loads well below this
_EVENT_LOOP = "compiling the event loop (once per installation) ..."


@contextmanager
def progress(total: int, what: str, *, show: bool, compiling: str = _EVENT_LOOP) -> Iterator[Callable[[int], None]]:
    """Yields a function that adds to the number of finished items; shows a bar on stderr if asked and on a terminal.

    compiling: one line that is shown if nothing has finished after a while.
    """
    if not (show and sys.stderr.isatty()):
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items per second."""

        def render(self, task: Task) -> Text:
            if not task.speed:
                return Text("")
            return Text(f"{task.speed:,.0f} {what}/s" if task.speed >= 10.0 else f"{task.speed:.2g} {what}/s")

    console = Console(stderr=True)
    columns = (
        TextColumn(f"{{task.completed:,}} of {{task.total:,}} {what}"),
        BarColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar, _compile_note(console.print, compiling) as started:
        task = bar.add_task(what, total=total)

        def advance(n: int) -> None:
            started()
            bar.update(task, advance=n)

        yield advance


@contextmanager
def _compile_note(say: Callable[[str], None], text: str) -> Iterator[Callable[[], None]]:
    """One line if nothing has finished after a while: the first item compiles."""
    timer = threading.Timer(_COMPILE_NOTE_AFTER, say, [text])
    timer.daemon = True
    timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()
