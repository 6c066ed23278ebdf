"""`orchestrator build`: the `.wasm` of a source folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.diagnostics import printable
from orchestrator.errors import OrchestratorError


@define(
    "build",
    "A pipeline builds what it needs by itself; this is for a component by itself. Nothing is built again that has not "
    "changed.",
    epilog="Example: orchestrator build components/greeter -o greeter.wasm",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Also copy the component there.")
def command(folder: Path, output: Path | None, as_json: bool) -> None:
    """Builds the component and says where it is."""
    from orchestrator.manifest import read_component

    source = read_component(folder)
    built = session.build(source)
    place, size = built if output is None else _copied(built, output), built.stat().st_size
    if as_json:
        terminal.put_json({"name": source.name, "version": source.version, "path": str(place), "size": size})
        return
    if not sys.stdout.isatty():
        terminal.put(str(place))
        return
    terminal.put(f"{printable(source.name)} {source.version}: {printable(str(place))} ({size / 1e6:.1f} MB)")


def _copied(built: Path, output: Path) -> Path:
    """Copies the component to a file, or into a folder, so that nobody ever sees half of it; where it then is."""
    target = output / built.name if output.is_dir() else output
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".build-")
        os.close(handle)
        try:
            shutil.copyfile(built, name)
            os.chmod(name, 0o644)  # noqa: PTH101
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise OrchestratorError(f"cannot write {printable(str(target))}: {problem.strerror}") from None
    return target
