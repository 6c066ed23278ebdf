"""What import-linter cannot say of the rooms: a module whose name begins with `_` is its room's alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import orchestrator

PACKAGE = Path(orchestrator.__file__).parent


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, in parts: the module's and the name's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((*node.module.split("."), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)


def test_no_room_reaches_into_the_private_modules_of_another() -> None:
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 200
    found = []
    for path in files:
        room = path.relative_to(PACKAGE).parts[0]
        for first, *rest in imports(path):
            inside = rest[1:] if first == "orchestrator" and rest and rest[0] != room else ()
            found += [f"{path.name}: {'.'.join(rest)}" for part in inside if part.startswith("_")]
    assert found == []
