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
from orchestrator.interface.show import show_type, show_world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine import Component


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
        "config": [{"name": key.name, "type": show_type(key.type)} for key in manifest.config] if manifest else [],
        "wit": show_world(component.world),
    }


def _item(item: t.Interface | t.Function) -> dict[str, Any]:
    if isinstance(item, t.Function):
        return {"kind": "function", "name": item.name, "functions": [_function(item)]}
    return {"kind": "interface", "name": str(item.name), "functions": [_function(each) for each in item.functions]}


def _function(function: t.Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "parameters": [{"name": each.name, "type": show_type(each.type)} for each in function.params],
        "result": show_type(function.result) if function.result is not None else None,
    }


def _page(component: Component) -> str:
    paint = terminal.paint_for(sys.stdout)
    manifest = component.manifest
    title = f"{component.name} {manifest.version}" if manifest else component.name
    lines = [paint("name", printable(title))]
    lines += [printable(manifest.description), ""] if manifest and manifest.description else []
    lines += [f"digest   sha256:{component.digest}", f"size     {component.size:,} bytes"]
    lines += [f"origin   {printable(str(component.origin))}"] if component.origin else []
    for heading, items in (("imports", component.world.imports), ("exports", component.world.exports)):
        lines += ["", paint("name", heading), *_listed(items)]
    lines += ["", paint("name", "wit"), show_world(component.world).rstrip("\n")]
    return "\n".join(lines)


def _listed(items: Iterable[t.Interface | t.Function]) -> list[str]:
    lines = [f"  {item.name}" + _functions(item) for item in items]
    return lines or ["  nothing"]


def _functions(item: t.Interface | t.Function) -> str:
    if isinstance(item, t.Function):
        return ""
    return ": " + ", ".join(function.name for function in item.functions) if item.functions else ""
