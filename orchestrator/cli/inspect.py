"""`orchestrator inspect`: what a component is, asks for and offers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.diagnostics import printable
from orchestrator.interface import types as t
from orchestrator.interface.crossing import carried
from orchestrator.interface.show import show_function, show_type, show_world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine import Component
    from orchestrator.engine.component import Way


_LEGEND = "bulk: values get in and out through memory that the host owns; values: one by one; `bulk:` of a node decides"


@define(
    "inspect",
    "COMPONENT is a .wasm file, a .wat file, or a source folder, which is built when it has changed.",
    epilog="Example: orchestrator inspect components/greeter --wit",
)
@click.argument("component")
@click.option("--wit", is_flag=True, help="Print nothing but the component's world as WIT.")
def command(component: str, wit: bool, as_json: bool) -> None:
    """Prints what the component is."""
    with session.engine(quiet=as_json) as engine:
        loaded = engine.load(component)
    if as_json:
        terminal.put_json(_document(loaded))
    elif wit:
        terminal.put(show_world(loaded.world))
    else:
        terminal.put(_page(loaded))


def _document(component: Component) -> dict[str, Any]:
    manifest = component.manifest
    return {
        "name": component.name,
        "version": manifest.version if manifest else None,
        "description": manifest.description if manifest else None,
        "origin": str(component.origin) if component.origin else None,
        "digest": f"sha256:{component.digest}",
        "size": component.size,
        "imports": [_item(item) for item in component.world.imports],
        "exports": [_item(item) for item in component.world.exports],
        "reverts": {"way": component.way.name, "reason": component.way.reason or None},
        "config": [{"name": key.name, "type": show_type(key.type)} for key in manifest.config] if manifest else [],
        "wit": show_world(component.world),
    }


def _item(item: t.Interface | t.Function) -> dict[str, Any]:
    if isinstance(item, t.Function):
        return {"kind": "function", "name": item.name, "functions": [_function(item, item)]}
    functions = [_function(each, item) for each in item.functions]
    return {"kind": "interface", "name": str(item.name), "functions": functions}


def _function(function: t.Function, home: t.Interface | t.Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "parameters": [{"name": each.name, "type": show_type(each.type)} for each in function.params],
        "result": show_type(function.result) if function.result is not None else None,
        # What the host serves of WASI is carried by no shim of ours.
        "carried": None if _is_wasi(home) else carried(function),
    }


def _page(component: Component) -> str:
    paint = terminal.paint_for(sys.stdout)
    manifest = component.manifest
    title = f"{component.name} {manifest.version}" if manifest else component.name
    lines = [paint("name", printable(title))]
    lines += [printable(manifest.description)] if manifest and manifest.description else []
    lines += ["", f"digest   sha256:{component.digest}", f"size     {component.size:,} bytes"]
    lines += [f"origin   {printable(str(component.origin))}"] if component.origin else []
    lines += [f"reverts  {_reverts(component.way)}"]
    imports = _listed(item for item in component.world.imports if not _is_wasi(item))
    imports += _wasi(item for item in component.world.imports if _is_wasi(item))
    lines += ["", paint("name", "imports"), *(imports or ["  nothing"])]
    lines += ["", paint("name", "exports"), *(_listed(component.world.exports) or ["  nothing"])]
    lines += [
        "",
        paint("dim", _LEGEND),
        paint("dim", "--wit prints the whole world as WIT, --json all of this as data"),
    ]
    return "\n".join(lines)


_WAYS = {
    "proven": "in place: nothing but its memories can change",
    "instrumented": "in place: its memories, and its globals by a keeper that is added",
    "fresh": "by a fresh instance",
}


def _reverts(way: Way) -> str:
    """How its instances are taken back."""
    return f"{_WAYS[way.name]}{f': {printable(way.reason)}' if way.reason else ''}"


def _is_wasi(item: t.Interface | t.Function) -> bool:
    return isinstance(item, t.Interface) and item.name.namespace == "wasi"


def _wasi(items: Iterable[t.Interface | t.Function]) -> list[str]:
    """WASI's interfaces, a line for each package: what they are is known, and they are many."""
    packages: dict[str, list[str]] = {}
    for item in items:
        assert isinstance(item, t.Interface)
        package = f"wasi:{item.name.package}@{item.name.version}"
        packages.setdefault(package, []).append(item.name.interface)
    return [f"  {package}: {', '.join(names)}" for package, names in packages.items()]


def _listed(items: Iterable[t.Interface | t.Function]) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, t.Function):
            lines.append(f"  {_line(item)}")
        else:
            lines += [f"  {item.name}", *(f"    {_line(function)}" for function in item.functions)]
    return lines


def _line(function: t.Function) -> str:
    return f"{carried(function):6}  {show_function(function)}"
