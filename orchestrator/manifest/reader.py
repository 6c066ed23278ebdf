"""From a text or a file to a `Manifest`, a `ComponentManifest` or a `Ceiling`, or every reason why not in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.diagnostics import Diagnostic, Source
from orchestrator.errors import InvalidPipeline
from orchestrator.manifest.container_shapes import Object
from orchestrator.manifest.context import BAD, Context, Spot
from orchestrator.manifest.document import LARGEST, Unreadable, decode, parse
from orchestrator.manifest.model import EMPTY, Ceiling, ComponentManifest, Manifest
from orchestrator.manifest.report import Report


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass over a text found.

    Arguments:
        manifest: the pipeline; with errors, what of it could be read (an edge or output that could not is left out, a
            node stays with defaults for what was refused); None where the text is no document at all.
        diagnostics: every error, in the order of the text; none means that the manifest is whole.
    """

    manifest: Manifest | None
    diagnostics: tuple[Diagnostic, ...]

    def result(self) -> Manifest:
        """The manifest. Raises `InvalidPipeline` with the diagnostics where there are any."""
        if self.manifest is None or self.diagnostics:
            raise InvalidPipeline(self.diagnostics)
        return self.manifest


def check(text: str, name: str, folder: Path, *, env: Mapping[str, str] = EMPTY, allow_python: bool = False) -> Reading:
    """Read a pipeline and keep what can be read of a faulty one, so that `link` can look for more errors.

    Arguments:
        text: the YAML.
        name: what messages call the text: the path as the user wrote it.
        folder: what relative component paths and defaults of path inputs start from.
        env: the variables that the operator allows `${NAME}` to name, with their values.
        allow_python: whether nodes may be Python functions, which run in the host without a sandbox.
    """
    return _check(Report(Source(name, text.removeprefix("\ufeff"))), folder, env, allow_python)


def check_file(
    path: str | Path, *, name: str = "", env: Mapping[str, str] = EMPTY, allow_python: bool = False
) -> Reading:
    """`check` of a file: `name` is what messages call it, by default its path; its folder is the pipeline's."""
    report, readable = _open(Path(path), name or str(path))
    if not readable:
        return Reading(None, report.diagnostics())
    return _check(report, Path(path).parent, env, allow_python)


def read(text: str, name: str, folder: Path, *, env: Mapping[str, str] = EMPTY, allow_python: bool = False) -> Manifest:
    """The pipeline of a text; arguments as of `check`. Raises `InvalidPipeline` with all its errors."""
    return check(text, name, folder, env=env, allow_python=allow_python).result()


def read_file(
    path: str | Path, *, name: str = "", env: Mapping[str, str] = EMPTY, allow_python: bool = False
) -> Manifest:
    """The pipeline of a file; arguments as of `check_file`. Raises `InvalidPipeline` with all its errors."""
    return check_file(path, name=name, env=env, allow_python=allow_python).result()


def read_component(path: str | Path, *, name: str = "") -> ComponentManifest:
    """The `component.yaml` at a path, or in a folder. Raises `InvalidPipeline` with all its errors."""
    place = Path(path)
    place = place / "component.yaml" if _is_folder(place) else place
    report, readable = _open(place, name or str(place), "a folder of a component has a `component.yaml`")
    found = _component(report) if readable else None
    if not isinstance(found, ComponentManifest) or report.failed:
        raise InvalidPipeline(report.diagnostics())
    return replace(found, folder=place.parent)


def read_ceiling(path: str | Path, *, name: str = "") -> Ceiling:
    """The ceiling of a file. Raises `InvalidPipeline` with all its errors."""
    report, readable = _open(Path(path), name or str(path))
    found = _ceiling(report) if readable else None
    if not isinstance(found, Ceiling) or report.failed:
        raise InvalidPipeline(report.diagnostics())
    return replace(found, folder=Path(path).parent)


def _ceiling(report: Report) -> Any:
    from orchestrator.manifest.ceiling_keys import CEILING

    return _read(Context(report), CEILING)


def _component(report: Report) -> Any:
    from orchestrator.manifest.component_keys import COMPONENT

    return _read(Context(report), COMPONENT)


def _check(report: Report, folder: Path, env: Mapping[str, str], allow_python: bool) -> Reading:
    from orchestrator.manifest.pipeline_keys import PIPELINE

    found = _read(Context(report, env, allow_python=allow_python), PIPELINE)
    manifest = replace(found, folder=folder) if isinstance(found, Manifest) else None
    return Reading(manifest, report.diagnostics())


def _read(context: Context, shape: Object) -> Any:
    try:
        tree = parse(context.report, [key.name for key in shape.keys if key.required])
    except Unreadable:
        return BAD
    return shape.read(context, tree, Spot(mark=(tree.start, tree.start)))


def _open(path: Path, name: str, help: str = "look at the path") -> tuple[Report, bool]:
    """The file's text, and whether it could be read; never more of it than a document may have."""
    try:
        if not path.is_file():
            return _unreadable(name, _what_else(path), help), False
        with path.open("rb") as file:
            return decode(name, file.read(LARGEST + 8))
    except (OSError, ValueError) as error:
        return _unreadable(name, getattr(error, "strerror", None) or str(error)), False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _what_else(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    return "it is no plain file" if path.exists() else "there is no such file"


def _unreadable(name: str, reason: str, help: str = "look at the path") -> Report:
    report = Report(Source(name, ""))
    report.error("file", f"cannot read the file: {reason}", (0, 0), help=help)
    return report
