"""Where the files that ship with the package are: in a checkout beside it, in a wheel inside it.

For whoever needs one of those files. Not for files of a user, nor for the cache.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def wit() -> Path:
    """The folder of the WIT packages that ship, a folder for each package (`agent-llm`, …)."""
    return _folder("wit")


def templates() -> Path:
    """The folder of what `orchestrator new` copies, a folder for each template."""
    return _folder("templates")


def component(name: str) -> Path:
    """The source folder of a component that ships, for `Engine.load`."""
    return _folder("components") / name


def built() -> Path:
    """The folder of components that ship built; a checkout has none, and where Node was missing, a wheel neither."""
    return _PACKAGE / "_data" / "built"


def _folder(name: str) -> Path:
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
