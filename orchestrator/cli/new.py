"""`orchestrator new`: a pipeline or a component from a template, ready to run. No file is ever overwritten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator import resources
from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.diagnostics import printable
from orchestrator.errors import OrchestratorError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_LONGEST = 60
_PLACEHOLDER = "my-name"


@define(
    "new",
    "NAME is the folder to make; its last part, in kebab-case, is the name of what is in it.",
    epilog="Example: orchestrator new pipeline hello && orchestrator run hello",
)
@click.argument("kind", type=click.Choice(["pipeline", "component"]))
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@click.option(
    "--lang", type=click.Choice(["python", "javascript"]), default="python", help="What the component is written in."
)
def command(kind: str, folder: Path, lang: str, as_json: bool) -> None:
    """Copies the template and says what to do next."""
    name = folder.resolve().name
    _check_name(name)
    try:
        made = list(_copy(_template(kind, lang), folder, name))
        if kind == "pipeline":
            made.append(
                _write(folder / "pipeline.schema.json", json.dumps(session.schema("pipeline"), indent=2) + "\n")
            )
    except OSError as problem:
        raise OrchestratorError(f"cannot make {printable(str(folder))}: {_reason(problem)}") from None
    files = [str(path) for path in made]
    if as_json:
        terminal.put_json({"kind": kind, "name": name, "language": lang, "folder": str(folder), "files": files})
    else:
        terminal.put("\n".join(f"made {printable(path)}" for path in files))
        terminal.put("\n" + _next(kind, printable(str(folder))))


def _check_name(name: str) -> None:
    from orchestrator.interface.show import escaped

    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise click.UsageError(
            f"`{printable(name[:80])}` is no name: it takes lower-case words of letters and digits, each beginning "
            f"with a letter, joined by `-`, at most {_LONGEST} characters"
        )
    if escaped(name) != name:
        raise click.UsageError(f"`{name}` is a word of WIT's own; add another word to it, like `my-{name}`")


def _template(kind: str, lang: str) -> dict[Path, Path]:
    """The files to copy, by where they go; those of another language than Python stand in for Python's."""
    files = dict(_files(resources.templates() / kind))
    if lang == "python":
        return files
    files = {place: source for place, source in files.items() if place.suffix != ".py"}
    return files | dict(_files(resources.templates() / lang / kind))


def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder), path


def _copy(template: dict[Path, Path], folder: Path, name: str) -> Iterator[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(0, "it is already there and not an empty folder")
    for place, source in sorted(template.items()):
        text = source.read_text(encoding="utf-8").replace(_PLACEHOLDER, name)
        yield _write(folder / place, text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _reason(problem: OSError) -> str:
    return problem.strerror or str(problem)


def _next(kind: str, folder: str) -> str:
    if kind == "pipeline":
        return f"Run it:   orchestrator run {folder} --input name=Ada\nDraw it:  orchestrator graph {folder}"
    return f"Build it:     orchestrator build {folder}\nLook at it:   orchestrator inspect {folder}"
