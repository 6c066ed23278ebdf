"""Which file a path to a pipeline means."""

from __future__ import annotations

from pathlib import Path

PIPELINE_FILE = "pipeline.yaml"
"""What a pipeline's file is called in a folder that is given instead of a file."""


def pipeline_file(path: str | Path) -> Path:
    """The path itself, or `pipeline.yaml` in a folder.

    Raises:
        TypeError: it is no path.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"a pipeline is loaded from a path, not from what is of type {type(path).__name__}")
    given = Path(path)
    try:
        return given / PIPELINE_FILE if given.is_dir() else given
    except OSError:
        return given  # Too long, or in a folder that may not be entered: reading it says so.
