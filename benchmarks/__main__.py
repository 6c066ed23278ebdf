"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME... [--json]` runs them; `all` runs every one.

A benchmark is a module of this folder with a function `run() -> dict[str, object]`: figures by name, each name with its
unit in it (`_us`, `_ms`, `_ratio`), None for what could not be measured here: `null` in JSON, `-` in a table; standard
error says why. The first line of the module's docstring says what it measures. `make peers` installs what the runtime
is compared with and does not need itself.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent
DIGITS = 3
UNITS = {"ratio": "x", "us": "us", "ms": "ms", "kb": "KB", "mb": "MB"}
"""What a part of a figure's name stands for in a table."""


def main(arguments: list[str]) -> int:
    """Runs what the arguments name and prints the figures; the exit code is returned."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the runtime.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark, or `all`")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    known = benchmarks()
    if not options.names:
        return _list(known, as_json=options.json)
    names = list(known) if "all" in options.names else options.names
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no benchmark `{unknown[0]}`; there are {', '.join(known)}")
    figures = {name: import_module(f"benchmarks.{name}").run() for name in names}
    if options.json:
        print(json.dumps(figures[names[0]] if len(names) == 1 else figures))
    else:
        print("\n\n".join(_table(name, known[name], figures[name]) for name in names))
    return 0


def benchmarks() -> dict[str, str]:
    """Every benchmark's name, with the line that says what it measures."""
    files = (path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_"))
    return {path.stem: _first_line(path) for path in files}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _list(known: dict[str, str], *, as_json: bool) -> int:
    print(json.dumps(known) if as_json else "\n".join(f"{name:<12}{line}" for name, line in known.items()))
    return 0


def _table(name: str, title: str, figures: dict[str, object]) -> str:
    width = max((len(key) for key in figures), default=0)
    shown = {key: _figure(value) for key, value in figures.items()}
    column = max((len(value) for value in shown.values()), default=0)
    rows = [f"  {key:<{width}}  {value:>{column}} {_unit(key)}".rstrip() for key, value in shown.items()]
    return "\n".join([f"{name}: {title}", *rows])


def _figure(value: object) -> str:
    """A figure with its point where the others have theirs; `-` for one that could not be measured."""
    if value is None:
        return f"-{' ' * (1 + DIGITS)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.{DIGITS}f}"
    return str(value)


def _unit(key: str) -> str:
    """What stands behind a figure: the part of its name that is a unit."""
    return next((UNITS[part] for part in reversed(key.split("_")) if part in UNITS), "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
