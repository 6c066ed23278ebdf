"""Reads the sources of a component, and puts together the WIT that its builder needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildError
from orchestrator.manifest.model import ComponentManifest

MAX_FILES = 2000
MAX_BYTES = 64 << 20
_LEFT_OUT = {"__pycache__", "node_modules", "component.yaml"}
_SUFFIXES_LEFT_OUT = (".wasm", ".pyc", ".md")
_ENDINGS = {"python": ".py", "javascript": ".js"}
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DECLARED = re.compile(r"\bpackage\s+%?([a-z][\w-]*:%?[a-z][\w-]*)")
_REFERRED = re.compile(r"(?<![\w-])%?([a-z][\w-]*:%?[a-z][\w-]*)/")


@dataclass(frozen=True, slots=True)
class Sources:
    """What goes into a build: each file's content by its path in the builder's workspace (`app/…`, `wit/…`)."""

    files: Mapping[str, bytes]

    def write(self, workspace: Path) -> None:
        """Writes the files into an empty folder."""
        for name, content in self.files.items():
            path = workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def collect(source: ComponentManifest, shipped: Path) -> Sources:
    """The component's files, and its WIT with those shipped packages that it refers to.

    Raises:
        BuildError: a file cannot be read, leads out of the folder, or there is too much of them.
    """
    app = _read(source, source.folder)
    if not any(name in app for name in _modules(source)):
        language = {"python": "Python", "javascript": "JavaScript"}[source.language]
        raise BuildError(
            f"component `{source.name}` ({source.folder}) has no `{module_file(source)}`; "
            f"`module` in its component.yaml names the {language} module that implements its world"
        )
    files = {f"app/{name}": content for name, content in app.items()}
    return Sources(files | {f"wit/{name}": content for name, content in _wit(source, shipped).items()})


def module_file(source: ComponentManifest) -> str:
    """The file that implements the component's world, as its author calls it."""
    return f"{source.module}{_ENDINGS[source.language]}"


def _modules(source: ComponentManifest) -> tuple[str, ...]:
    """The files that may be the component's module."""
    path = source.module.replace(".", "/")
    return (f"{path}.py", f"{path}/__init__.py") if source.language == "python" else (f"{path}.js",)


def wit_places(source: ComponentManifest) -> tuple[Path, ...]:
    """Where the component's own WIT is, or would be."""
    return tuple(source.folder / name for name in source.wit or ("wit",))


def walk(place: Path) -> Iterator[Path]:
    """A place, and below it all folders and all files that `collect` may read."""
    yield place
    for here, folders, names in _walk(place):
        yield from (Path(here, name) for name in (*folders, *names))


def _wit(source: ComponentManifest, shipped: Path) -> dict[str, bytes]:
    folders = [place for place in wit_places(source) if place.exists()]
    own = _read_wit(source, folders[0]) if folders else {}
    for number, folder in enumerate(folders[1:]):
        own |= {_as_dependency(f"own-{number}", name): content for name, content in _read_wit(source, folder).items()}
    packages = {folder.name: _read_wit(source, folder) for folder in sorted(shipped.iterdir()) if folder.is_dir()}
    if not folders:
        own = _package_of(source, packages)
    return own | _needed(own, packages)


def _as_dependency(folder: str, name: str) -> str:
    return name if name.startswith("deps/") else f"deps/{folder}/{name}"


def _package_of(source: ComponentManifest, packages: Mapping[str, dict[str, bytes]]) -> dict[str, bytes]:
    package = source.world.partition("/")[0]
    for files in packages.values():
        if package in _declared(files):
            return dict(files)
    raise BuildError(
        f"component `{source.name}` ({source.folder}) has no folder `wit`, and its world `{source.world}` is in none "
        "of the packages that ship; declare it in `wit/world.wit`"
    )


def _needed(own: Mapping[str, bytes], packages: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """The shipped packages that the component's WIT refers to, directly or through one another."""
    known, wanted, found = _declared(own), _referred(own), dict[str, bytes]()
    while True:
        more = {
            folder: files
            for folder, files in packages.items()
            if _declared(files) & wanted and not _declared(files) & known
        }
        if not more:
            return found
        for folder, files in more.items():
            found |= {f"deps/{folder}/{name}": content for name, content in files.items()}
            known |= _declared(files)
            wanted |= _referred(files)


def _declared(files: Mapping[str, bytes]) -> set[str]:
    return {name for text in _texts(files) for name in _DECLARED.findall(text)}


def _referred(files: Mapping[str, bytes]) -> set[str]:
    return {name for text in _texts(files) for name in _REFERRED.findall(text)}


def _texts(files: Mapping[str, bytes]) -> Iterator[str]:
    return (_COMMENT.sub("", content.decode(errors="replace")) for content in files.values())


def _read_wit(source: ComponentManifest, path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {path.name: _content(source, path)}
    return {name: content for name, content in _read(source, path).items() if name.endswith(".wit")}


def _read(source: ComponentManifest, folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path, less what takes no part in a build.

    `component.yaml` is not among them: what of it matters to a build is digested by itself, and a better description is
    no reason to build again.
    """
    files: dict[str, bytes] = {}
    room = MAX_BYTES
    for path in _below(folder):
        content = _content(source, path, folder)
        room -= len(content)
        files[path.relative_to(folder).as_posix()] = content
        if len(files) > MAX_FILES or room < 0:
            raise BuildError(
                f"component `{source.name}` ({source.folder}) has more than {MAX_FILES} files or "
                f"{MAX_BYTES >> 20} MiB of sources; leave in its folder only what it is built from"
            )
    return files


def _below(folder: Path) -> Iterator[Path]:
    for here, _folders, names in _walk(folder):
        yield from (Path(here, name) for name in names if not name.endswith(_SUFFIXES_LEFT_OUT))


def _walk(place: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder from a place on, with the folders and files in it that may take part in a build."""
    for here, folders, names in os.walk(place):
        folders[:] = sorted(_kept(folders))
        yield here, folders, sorted(_kept(names))


def _kept(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not name.startswith(".") and name not in _LEFT_OUT)


def _content(source: ComponentManifest, path: Path, folder: Path | None = None) -> bytes:
    if path.is_symlink() and folder and not path.resolve().is_relative_to(folder.resolve()):
        raise BuildError(
            f"component `{source.name}`: `{path}` is a link that leads out of the component's folder; "
            "put the file itself there"
        )
    try:
        if not path.is_file():
            raise BuildError(f"component `{source.name}`: `{path}` is not a regular file; remove it from the sources")
        if path.stat().st_size > MAX_BYTES:
            raise BuildError(f"component `{source.name}`: `{path}` is larger than {MAX_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise BuildError(f"component `{source.name}`: `{path}` cannot be read: {error.strerror}") from None
