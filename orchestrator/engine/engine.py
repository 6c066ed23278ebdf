"""The engine: loads components, from binaries, text or source, and keeps what running them needs.

Loading reflects a component once and keeps the result with its machine code; a component that is in the cache is loaded
without wasmtime being imported, and its machine code only when it is first instantiated.
"""

from __future__ import annotations

import itertools
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import printable
from orchestrator.engine._alone import alone
from orchestrator.engine._bounds import bounds
from orchestrator.engine._config import HOST_MEMORY, cache_key
from orchestrator.engine.cache import Cache, noted, write
from orchestrator.engine.component import Component, Parts, Variant, way_from
from orchestrator.errors import ClosedError, ComponentError
from orchestrator.interface.serial import world_from_data

if TYPE_CHECKING:
    from orchestrator.engine._code import Code
    from orchestrator.engine._fuse import Fused
    from orchestrator.engine._ticker import Ticker
    from orchestrator.engine.fused import FusedComponent, Link
    from orchestrator.engine.linker import Linker
    from orchestrator.manifest.model import Bulk

MAX_BINARY = 256 << 20
"""Bytes of a component's binary."""
MAX_TEXT = 16 << 20
"""Bytes of a component's text (WAT)."""
SMALL = 64 << 10
"""Bytes of a binary of which nobody is told that it is compiled, and characters of a text that is read at once."""

_PLAIN = Variant()
_TRIES = 3
"""How often machine code is looked for that other processes may remove."""

Progress = Callable[[str], None]
"""Told, in a line, about work that takes its time: a build, a compilation."""


class Engine:
    """Loads components and makes linkers for them. Used by any number of threads.

    Arguments:
        cache: the folder of compiled components; the user's own by default.
        progress: told about builds and compilations.
        wit: the folder of WIT packages that sources are built with; those that ship by default.
        compile_timeout: seconds of processor time that compiling one component may take;
            `$ORCHESTRATOR_COMPILE_TIMEOUT` by default, else two minutes.

    Raises:
        ComponentError: the cache folder cannot be used, or a variable of the environment says no time or size.
    """

    def __init__(
        self,
        cache: Path | str | None = None,
        progress: Progress | None = None,
        wit: Path | str | None = None,
        compile_timeout: float | None = None,
    ) -> None:
        self.cache = Cache(cache)
        self._bounds = bounds(compile_timeout)
        self.making = threading.Lock()
        """Held while a native linker is made."""
        self._progress = progress or (lambda _line: None)
        self._wit = Path(wit) if wit else None
        self._codes: dict[tuple[str, Variant], Code] = {}
        self._modules: dict[tuple[str, bool, int], Any] = {}
        """The modules that components share, by the names of their files and their native engines."""
        self._natives: dict[tuple[bool, int], Any] = {}
        """The native engines, by whether the machine code that they run counts what it executes."""
        self._binaries: dict[str, Callable[[], bytes]] = {}
        """What reads the binaries of the components that were loaded: their machine code may go from the cache, and
        they may be compiled in other ways."""
        self._lock = threading.RLock()
        self._ticker: Ticker | None = None
        self._closed = False

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing can be loaded, instantiated or called after it; what runs now comes to its end.

        Harmless when repeated. What is left for afterwards is to close instances and linkers, in any order.
        """
        with self._lock:
            self._closed = True
        if self._ticker is not None:
            self._ticker.close(wait=True)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def __del__(self) -> None:
        """Lets the thread of an engine that nobody closed end."""
        ticker = getattr(self, "_ticker", None)
        if ticker is not None:  # on any thread, that thread among them, and at the end of the program
            ticker.close(wait=False)

    # Loading

    def load(self, path: Path | str, name: str = "") -> Component:
        """A component from a `.wasm` file, a `.wat` file, or a source folder with a `component.yaml`.

        Beside `name.wasm` may stand the component's manifest as `name.component.yaml`.

        Raises:
            ComponentError: it is not there, or is no component.
            BuildError: its source does not build.
            InvalidPipeline: its component.yaml is refused.
        """
        self._open()
        path = Path(path)
        try:
            folder, there = path.is_dir(), path.exists()
        except OSError as problem:
            raise ComponentError(f"cannot read {printable(str(path))}: {problem.strerror}") from problem
        if folder:
            return self._load_folder(path, name or path.resolve().name)
        if not there:
            raise ComponentError(f"there is no component at {printable(str(path))}")
        if path.suffix == ".wat":
            return _described(self.from_text(_text(path), name or path.stem, path), path)
        digest, size = self.cache.digest(path, MAX_BINARY)
        return _described(self._known(digest, size, name or path.stem, path, path.read_bytes), path)

    def load_all(self, paths: Iterable[Path]) -> dict[Path, Component | Exception]:
        """Several components at once, as `load` gives them, or what it raises: they are built side by side."""
        several = list(dict.fromkeys(paths))
        numbers, found = itertools.count(), dict[Path, Component | Exception]()

        def work() -> None:
            while (number := next(numbers)) < len(several):
                try:
                    found[several[number]] = self.load(several[number])
                except Exception as problem:
                    found[several[number]] = problem

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(len(several), os.cpu_count() or 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def from_binary(self, binary: bytes, name: str = "component", origin: Path | None = None) -> Component:
        """A component from its binary in memory."""
        import hashlib

        self._open()
        if len(binary) > MAX_BINARY:
            raise ComponentError(f"{name} has {len(binary)} bytes; a component may have {MAX_BINARY}")
        return self._known(hashlib.sha256(binary).hexdigest(), len(binary), name, origin, lambda: binary)

    def from_text(self, text: str, name: str = "component", origin: Path | None = None) -> Component:
        """A component from its text (WAT)."""
        self._open()
        if len(text) > MAX_TEXT:
            raise ComponentError(f"{name} has {len(text)} characters; a component's text may have {MAX_TEXT}")
        return self.from_binary(self._assembled(text, name), name, origin)

    def _assembled(self, text: str, name: str) -> bytes:
        """The binary of a text; one that is large can take minutes, so it is made where that can be ended."""
        if len(text) > SMALL:
            from orchestrator.engine import _compiler

            try:
                return _compiler.assembled(text, self.cache.folder / "code", name, self._bounds)
            except OSError as problem:
                raise ComponentError(f"{name} cannot be compiled: {problem}") from problem
        from wasmtime import WasmtimeError, wat2wasm

        try:
            return bytes(wat2wasm(text))
        except WasmtimeError as problem:
            raise ComponentError(f"{name} is not valid WAT: {problem}") from None

    def _load_folder(self, folder: Path, name: str) -> Component:
        from orchestrator.engine.build import build
        from orchestrator.manifest import read_component

        manifest = read_component(folder / "component.yaml")
        built = build(manifest, self.cache.builds, wit=self._wit, progress=self._progress)
        digest, size = self.cache.digest(built, MAX_BINARY)
        return replace(self._known(digest, size, name, folder, built.read_bytes), manifest=manifest)

    def variant(self, component: Component, bulk: Bulk, *, metered: bool = False, kept: bool = False) -> Component:
        """The component compiled in another way; the component itself where it is so.

        Arguments:
            bulk: which functions of it go through memory.
            metered: whether it counts what it executes, for a limit of fuel; that makes it slower.
            kept: whether its instances can be taken back to an earlier state, if any can (`Component.way`).

        Raises:
            ComponentError: it cannot be compiled, or its binary is not there any more.
        """
        self._open()
        variant = Variant(bulk, metered, kept and component.way.name != "fresh")
        if component.variant == variant:
            return component
        read = self._binaries[component.digest]
        found = self._known(component.digest, component.size, component.name, component.origin, read, variant)
        return replace(found, manifest=component.manifest)

    def fuse(
        self, parts: Sequence[Component], links: Sequence[Link], bulk: Bulk, *, metered: bool = False
    ) -> FusedComponent:
        """Components in one that share a store, memory and fate; calls over the links between them stay inside.

        Arguments:
            parts: loaded by this engine.
            bulk: how values get in and out of the whole.
            metered: see `variant`.

        Raises:
            CannotFuse: something crosses a link that cannot within one component.
            ComponentError: the whole cannot be compiled.
        """
        from orchestrator.engine.fused import from_note, key_of, to_note

        self._open()
        name, note = "+".join(part.name for part in parts), self.cache.fused(key_of(parts, links))
        variant = Variant(bulk, metered)
        known = noted(note)
        if not known or self.cache.known(str(known.get("digest")), cache_key(*variant)) is None:
            known = to_note(self._fused(parts, links))
            write(note, json.dumps(known, separators=(",", ":")).encode())
        component = self._known(
            str(known["digest"]), int(known["size"]), name, None, lambda: self._fused(parts, links).binary, variant
        )
        return from_note(component, known)

    def _fused(self, parts: Sequence[Component], links: Sequence[Link]) -> Fused:
        from orchestrator.engine._fusable import CannotFuse
        from orchestrator.engine._fuse import Part, fuse

        if not HOST_MEMORY:
            raise CannotFuse("calls inside a store are counted in memory that the host owns, which takes Linux")
        return fuse([Part(self._binaries[part.digest](), part.world) for part in parts], links)

    def _known(
        self,
        digest: str,
        size: int,
        name: str,
        origin: Path | None,
        read: Callable[[], bytes],
        variant: Variant = _PLAIN,
    ) -> Component:
        found = _reflected(self.cache.known(digest, cache_key(*variant)))
        if found is None:
            found = _reflected(self._compiled(digest, variant, name, size, read))
        if found is None:
            raise ComponentError(f"what was compiled of {name} cannot be read back; empty {self.cache.folder}")
        with self._lock:
            self._binaries[digest] = read
        return Component(name, digest, size, origin, variant=variant, **found)

    def _compiled(
        self, digest: str, variant: Variant, name: str, size: int, read: Callable[[], bytes]
    ) -> dict[str, Any]:
        """What is known of a component that was not compiled yet: whoever else compiles it is waited for."""
        if size <= SMALL:
            return self._compile(digest, variant, name, size, read)
        key, told = cache_key(*variant), f"waiting for another compilation before that of {name}"
        try:
            with alone(self.cache.lock(digest), lambda: self._progress(told)):
                known = self.cache.known(digest, key)
                if known is not None and _reflected(known) is not None:
                    return known
                return self._compile(digest, variant, name, size, read)
        except OSError as problem:
            raise ComponentError(f"{name} cannot be compiled: {problem}") from problem

    def _compile(
        self, digest: str, variant: Variant, name: str, size: int, read: Callable[[], bytes]
    ) -> dict[str, Any]:
        from orchestrator.engine import _compiler

        key = cache_key(*variant)
        target = self.cache.code(digest, key)
        try:
            binary = _unchanged(read(), digest, name)
            _check(binary, name)
            begun = time.monotonic()
            if size > SMALL:
                self._progress(f"compiling {name} ({size / 1e6:.1f} MB), once")
            known = _compiler.compiled(binary, target, name, variant, self._bounds, partial(self._share, name, variant))
            known["modules"] = [self._module_code(each, variant).stem for each in known["modules"]]
            if size > SMALL:
                self._progress(f"compiled {name} in {time.monotonic() - begun:.1f} s")
            self.cache.keep(digest, key, known)
        except OSError as problem:
            raise ComponentError(f"{name} cannot be compiled: {problem}") from problem
        return known

    def _module_code(self, digest: str, variant: Variant) -> Path:
        """Where the machine code of a module is that components share."""
        return self.cache.code(digest, _module_key(variant))

    def _share(self, name: str, variant: Variant, digest: str, binary: Path, spent: float) -> float:
        """See `_compiler.Sharing`."""
        from orchestrator.engine import _compiler

        key, told = _module_key(variant), f"waiting for what {name} has in common with another component"
        with alone(self.cache.lock(digest, module=True), lambda: self._progress(told)):
            if self.cache.known(digest, key) is not None:
                return 0.0
            size = binary.stat().st_size / 1e6
            self._progress(f"compiling what {name} has in common with others ({size:.1f} MB), once")
            target, metered = self._module_code(digest, variant), variant.metered
            took = _compiler.compiled_module(binary, target, name, self._bounds, metered=metered, spent=spent)
            self.cache.keep(digest, key, {})
        return took

    # Running

    def linker(self, component: Component) -> Linker:
        """A linker for a component that this engine loaded."""
        from orchestrator.engine.linker import Linker

        self._open()
        return Linker(self, component)

    def code(self, component: Component) -> Code:
        """The component's machine code; the engine's own."""
        with self._lock:
            found = self._codes.get((component.digest, component.variant))
            if found is None:
                found = self._codes[component.digest, component.variant] = self._load_code(component)
            return found

    def _load_code(self, component: Component) -> Code:
        """The machine code from the cache; compiled again if it went from there since the component was loaded."""
        from orchestrator.engine._chosen import shim_of
        from orchestrator.engine._code import Code

        digest, variant = component.digest, component.variant
        key, native = cache_key(*variant), self.native(metered=variant.metered, stack=component.stack)
        shim = shim_of(component.world, variant.bulk, component.direct, component.lanes) if component.shimmed else None
        for _ in range(_TRIES):
            known = self.cache.known(digest, key)
            if known is None or _reflected(known) is None:
                read = self._binaries.get(digest)
                if read is None:
                    break
                known = self._compiled(digest, variant, component.name, component.size, read)
            try:
                modules = [self._module(path, component) for path in self.cache.modules(known)]
                return Code.load(native, self.cache.code(digest, key), known["images"], shim, component.direct, modules)
            except (OSError, ValueError):  # another process made room just now
                continue
        raise ComponentError(f"the machine code of {component.name} is gone from the cache; load the component again")

    def _module(self, code: Path, component: Component) -> Any:
        """The module of a file of the cache, one for all components whose native engine is the same."""
        from orchestrator.engine._code import load_module

        kind = component.variant.metered, component.stack
        found = self._modules.get((code.stem, *kind))
        if found is None:
            native = self.native(metered=kind[0], stack=kind[1])
            found = self._modules[code.stem, *kind] = load_module(native, code)
        return found

    def native(self, *, metered: bool, stack: int) -> Any:
        """The native engine for one kind of machine code, made when it is first needed; the engine's own."""
        with self._lock:
            found = self._natives.get((metered, stack))
            if found is None:
                from orchestrator.engine._config import new_engine

                found = self._natives[metered, stack] = new_engine(metered, stack)
            return found

    @property
    def ticker(self) -> Ticker:
        """What looks at running guests; the engine's own.

        Raises:
            ClosedError: the engine was closed.
        """
        from orchestrator.engine._ticker import Ticker

        if self._ticker is not None and not self._closed:
            return self._ticker
        with self._lock:
            self._open()
            if self._ticker is None:
                self._ticker = Ticker(self._natives)
            return self._ticker

    def _open(self) -> None:
        if self._closed:
            raise ClosedError("the engine was closed")


def _module_key(variant: Variant) -> str:
    """What the machine code of a module that components share depends on besides the module: little of a variant."""
    return cache_key("module", variant.metered)


def _described(component: Component, path: Path) -> Component:
    """The component of a file with the manifest that stands beside it, if one does: it can only narrow what it gets."""
    beside = path.with_name(f"{path.stem}.component.yaml")
    if not os.path.lexists(beside):
        return component
    from orchestrator.manifest import read_component

    return replace(component, manifest=read_component(beside))


def _check(binary: bytes, name: str) -> None:
    """Refuses what is no component before a compiler is started for it."""
    from orchestrator.engine._sections import check_form

    try:
        check_form(binary)
    except ComponentError as problem:
        raise ComponentError(f"{name}: {problem}") from None


def _unchanged(binary: bytes, digest: str, name: str) -> bytes:
    """The binary, if it still is the one that was looked up: machine code under another's digest would be a trap."""
    import hashlib

    if hashlib.sha256(binary).hexdigest() != digest:
        raise ComponentError(f"{name} changed while it was loaded; load it again")
    return binary


def _text(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ComponentError(f"{printable(str(path))} is not a regular file")
        if found.st_size > MAX_TEXT:
            raise ComponentError(
                f"{printable(str(path))} has {found.st_size} bytes; a component's text may have {MAX_TEXT}"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        raise ComponentError(f"cannot read {printable(str(path))}: {problem}") from problem


def _reflected(known: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the cache or the compiler says of a component, as fields of one; None where that is not what is written."""
    from orchestrator.engine._direct import from_data
    from orchestrator.engine._image_file import check

    if known is None:
        return None
    try:
        check(known["images"])
        if not isinstance(known["modules"], list):
            return None
        world = world_from_data(known["world"])
        tables = tuple((int(least), None if most is None else int(most)) for least, most in known["tables"])
        return {
            "world": replace(world, refused=tuple(map(str, known["refused"]))),
            "parts": Parts(int(known["memories"]), len(tables), int(known["instances"])),
            "tables": tables,
            "shimmed": known["shimmed"] is True,
            "direct": from_data(known["direct"]),
            "lanes": {str(key): int(memory) for key, memory in known["lanes"].items()},
            "way": way_from(known["way"]),
            "keeper": int(known["keeper"]),
            "stack": int(known["stack"]),
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
