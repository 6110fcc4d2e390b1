"""Wall time of whole commands in fresh processes, and of a second model point in the same one."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from bkgen.api import load_card

from .common import CARDS, Row, best_of

CARD = CARDS / "dark_higgs.yaml"


def measure(repeats: int = 3) -> list[Row]:
    """`--help`, a second run of 10^4 events, a cold fit; then a fit of another point in this process."""
    with tempfile.TemporaryDirectory() as folder:
        run = ["run", str(CARD), "-n", "10000", "--force", "-o", f"{folder}/events.root"]
        commands = [
            ("bkgen --help", ["--help"], 0.3),
            ("second run of 10^4 events", run, 3.0),
            ("cold fit", ["fit", str(CARD)], 10.0),
        ]
        rows = [_command(what, arguments, limit, repeats) for what, arguments, limit in commands]
    return [*rows, _second_point()]


def _command(what: str, arguments: list[str], limit: float, repeats: int) -> Row:
    def call() -> None:
        subprocess.run([sys.executable, "-m", "bkgen", *arguments], check=True, capture_output=True)

    call()
    return Row(what, best_of(call, repeats), "s", limit, "limit", at_most=1.0)


def _second_point() -> Row:
    from bkgen_analysis.points import fit_card

    values = load_card(CARD).resolved()
    fit_card(load_card(values))
    values["model"]["m_H1"] = 2.3
    card = load_card(values)
    return Row("second model point, fit and interval", best_of(lambda: fit_card(card)), "s", 0.1, "limit", at_most=1.0)
