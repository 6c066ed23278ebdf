"""What a call of the host costs a guest, with its policy and its event and without, in microseconds.

`stock`, `bare`, `allow` and `deny` are one function of the standard's, `descriptor.stat-at`, the one that programs call
most: a handle, flags and a text in, a record or a typed error out. Each really asks the system, but for `deny`, which
is refused since the path leads out of the folder. `stock` serves it with wasmtime-py as its users do; `bare` is this
engine's way without asking or telling anybody; `allow` and `deny` are a run of a pipeline with a grant, each call an
event that a recorder takes.

`print`, `read_small` and `read_1mb` are the same runs, of a line of twenty bytes, captured, and of files; `builtin_…`
is wasmtime's own WASI, which prints into a file and tells nobody.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._ours import own_engine
from benchmarks._wasi_guests import INTERFACE, LARGE, SMALL, wasi
from benchmarks._ways import FULL, Effort, Maker, Way, expect, joined, measure, medians, ratio
from orchestrator import Engine, Grants, Pipeline, Storage
from orchestrator.engine import Frame, HostResource, Instance, InstanceSettings
from orchestrator.interface.types import Interface, Name
from orchestrator.wasi import tables

BUILTIN = {"print": "print", "read_small": "small", "read_1mb": "large"}
"""By the name of a figure, the guest's function."""


def run(effort: Effort = FULL) -> dict[str, object]:
    """The medians of each way, and the ratios that matter."""
    with own_engine() as engine, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_text("file")
        (folder / "small").write_bytes(b"s" * SMALL)
        (folder / "large").write_bytes(bytes(LARGE))
        makers: dict[str, Maker] = {
            "stock": partial(_stock, folder),
            "bare": partial(_bare, engine, folder),
            "allow": partial(_run, engine, folder, "allowed"),
            "deny": partial(_run, engine, folder, "denied"),
        }
        for figure, function in BUILTIN.items():
            makers[figure] = partial(_run, engine, folder, function)
            makers[f"builtin_{figure}"] = partial(_builtin, folder, function)
        found = measure(makers, effort)
    ratios = {
        "allow_to_stock_ratio": ratio(found, "allow", "stock"),
        "allow_to_bare_ratio": ratio(found, "allow", "bare"),
        "deny_to_allow_ratio": ratio(found, "deny", "allow"),
        **{f"{figure}_to_builtin_ratio": ratio(found, figure, f"builtin_{figure}") for figure in BUILTIN},
    }
    return joined([medians(found), ratios])


def _run(engine: Engine, folder: Path, function: str, stack: ExitStack) -> Way:
    """A run of a pipeline whose node was granted the folder."""
    pipeline = (
        Pipeline("policy")
        .input("times", "u32")
        .node(
            "guest",
            engine.from_text(wasi(), "guest"),
            run=f"{INTERFACE}.{function}",
            lifetime="session",
            grants=Grants(storage=(Storage(str(folder), "/data"),)),
        )
        .data("inputs.times", "guest")
        .output("well", "guest")
    )
    linked = stack.enter_context(pipeline.link(engine))
    expect(linked.run(times=3)["well"], 3, f"`{function}` in a run")
    return lambda times: linked.run(times=times)


def _told(found: os.stat_result) -> dict[str, Any]:
    """What is told of a file, as the host tells it of one that can only be read by who has no clock."""
    seconds, nanoseconds = divmod(max(0, found.st_mtime_ns), 10**9)
    return {
        "type": _TYPES.get(stat.S_IFMT(found.st_mode), "unknown"),
        "link-count": found.st_nlink,
        "size": found.st_size,
        "data-access-timestamp": None,
        "data-modification-timestamp": {"seconds": seconds, "nanoseconds": nanoseconds},
        "status-change-timestamp": None,
    }


_TYPES = {stat.S_IFREG: "regular-file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic-link"}


class _Folder(HostResource):
    __slots__ = ()


class _Nobody:
    """A host that has nothing to ask and nobody to tell."""

    def attach(self, instance: Instance) -> None:
        """Needs nothing of it."""

    def close(self) -> None:
        """Has nothing open."""

    def state(self) -> None:
        """Has none."""

    def restore(self, state: None) -> None:
        """Needs nothing."""


def _bare(engine: Engine, folder: Path, stack: ExitStack) -> Way:
    """The same engine, the function served without policy and event."""
    fd = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, fd)
    component = engine.from_text(wasi(), "guest")
    linker = engine.linker(component)
    served: dict[str, dict[str, Callable[..., Any]]] = {
        **tables(),
        "wasi:filesystem/preopens": {"get-directories": lambda _host: [(_Folder(), "/data")]},
        "wasi:filesystem/types": {
            **tables()["wasi:filesystem/types"],
            "[method]descriptor.stat-at": lambda _host, _folder, _how, path: _told(
                os.stat(path, dir_fd=fd, follow_symlinks=False)
            ),
        },
    }
    for item in component.world.imports:
        assert isinstance(item, Interface)
        for function in item.functions:
            linker.serve(item.name, function, served[item.name.base][function.name])
    instance = linker.instantiate(Frame(), InstanceSettings(host=_Nobody()))
    stack.callback(instance.close)
    exports = next(item for item in component.world.exports if isinstance(item, Interface))
    loop = next(function for function in exports.functions if function.name == "allowed")

    def way(times: int) -> int:
        with instance.entered(Frame()):
            return int(instance.call(Name.parse(INTERFACE), loop, [times]))

    expect(way(3), 3, "the bare loop")
    return way


def _stock(folder: Path, stack: ExitStack) -> Way:
    """wasmtime-py's own way: a resource and a function of Python in its linker."""
    from wasmtime import component as cm

    fd = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, fd)

    def define(linker: Any) -> None:
        with linker.root() as root:
            _stand_ins(root, cm)
            with root.add_instance("wasi:filesystem/types@0.2.3") as files:
                files.add_resource("descriptor", cm.ResourceType.host(1), lambda _store, _number: None)
                files.add_func("[method]descriptor.stat-at", ask)
                files.add_func("[method]descriptor.open-at", _never)
                files.add_func("[method]descriptor.read", _never)
            with root.add_instance("wasi:filesystem/preopens@0.2.3") as folders:
                folders.add_resource("descriptor", cm.ResourceType.host(1), lambda _store, _number: None)
                folders.add_func("get-directories", lambda _store: [(cm.ResourceHost.own(1, 1), "/data")])

    def ask(store: Any, folder: Any, _how: object, path: str) -> Any:
        folder.to_host(store)  # a handle that is left alone ends the guest
        return record(_told(os.stat(path, dir_fd=fd, follow_symlinks=False)))

    def record(fields: dict[str, Any]) -> Any:
        made = cm.Record()
        for name, value in fields.items():
            setattr(made, name, record(value) if isinstance(value, dict) else value)
        return made

    return _looped("allowed", define)


def _never(*_: object) -> object:
    raise AssertionError("nothing is called")


def _stand_ins(root: Any, cm: Any) -> None:
    """What the guest imports besides."""
    with root.add_instance("wasi:io/error@0.2.3") as errors:
        errors.add_resource("error", cm.ResourceType.host(2), lambda _store, _number: None)
    with root.add_instance("wasi:io/streams@0.2.3") as streams:
        streams.add_resource("error", cm.ResourceType.host(2), lambda _store, _number: None)
        streams.add_resource("output-stream", cm.ResourceType.host(3), lambda _store, _number: None)
        streams.add_func("[method]output-stream.blocking-write-and-flush", _never)
    with root.add_instance("wasi:cli/stdout@0.2.3") as stdout:
        stdout.add_resource("output-stream", cm.ResourceType.host(3), lambda _store, _number: None)
        stdout.add_func("get-stdout", _never)


def _builtin(folder: Path, function: str, _stack: ExitStack) -> Way:
    """Wasmtime's own WASI."""
    from wasmtime import WasiConfig

    def config() -> WasiConfig:
        made = WasiConfig()
        made.preopen_dir(str(folder), "/data", True)
        made.stdout_file = os.devnull
        return made

    return _looped(function, lambda linker: linker.add_wasip2(), config)


def _looped(function: str, define: Callable[[Any], None], config: Callable[[], Any] | None = None) -> Way:
    """A function of the guest in a store of wasmtime-py's."""
    from wasmtime import Config, Engine, Store, _ffi
    from wasmtime import component as cm

    settings = Config()
    _ffi.wasmtime_config_concurrency_support_set(settings.ptr(), False)
    engine = Engine(settings)
    linker, store = cm.Linker(engine), Store(engine)
    define(linker)
    if config is not None:
        store.set_wasi(config())
    made = linker.instantiate(store, cm.Component(engine, wasi()))
    index = made.get_export_index(store, function, made.get_export_index(store, INTERFACE))
    assert index is not None
    called = made.get_func(store, index)
    assert called is not None

    def way(times: int) -> Any:
        answer = called(store, times)
        called.post_return(store)
        return answer

    expect(way(3), 3, f"`{function}` of wasmtime-py")
    return way
