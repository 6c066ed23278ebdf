"""What a failed build says: the builder's words, without what is only about the builder, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.manifest.model import ComponentManifest

_LONGEST = 4000
_NO_WORLD = re.compile(r"^World `[^`]*` not found in package `[^`]*`$", re.MULTILINE)
_PANIC = "panicked at "


def message(source: ComponentManifest, workspace: Path, builder: str, code: int, output: str) -> str:
    """The message for a build that failed.

    Arguments:
        workspace: the folder that it was built in, whose paths become those of the source.
        builder: its name.
        code: its exit code.
        output: what it printed.
    """
    head = f"component `{source.name}` ({source.folder}) does not build:"
    unknown = _unknown_world(source, output)
    if unknown:
        return f"{head}\n  {unknown}"
    words = _words(_plain(output, source), workspace, source.folder)
    if not words:
        words = f"  {builder} ended with exit code {code} and said nothing"
    return "\n".join((head, words, *(f"  help: {line}" for line in _help(source, builder, output))))


def _plain(output: str, source: ComponentManifest) -> str:
    """The words without what componentize-js says of its own steps, and of its own names for files."""
    text = re.sub(r"Failed to initialize component \(wizer \(.*\)\):\n", "", output)
    text = text.replace("Exception while evaluating top-level script\n", "")
    text = re.sub(r"\n+Additionally, some promises were rejected(.*\n?)*", "", text)
    text = text.replace("Unable to extract expected exports list\n", "")
    return text.replace('"source.js" does not', f"`{source.module}.js` does not")


def _unknown_world(source: ComponentManifest, output: str) -> str:
    """What is said of a world that its WIT does not have."""
    if _NO_WORLD.search(output):
        return f"its world, `{source.world}`, is not in its WIT"
    if "Unable to resolve `Some(" not in output:
        return ""
    there = re.search(r"Available worlds: \[([^\]]*)\]", output)
    worlds = re.findall(r'"([^"]*)"', there.group(1)) if there else []
    found = f"there is {', '.join(f'`{world}`' for world in worlds)}" if worlds else "there is none"
    return f"its world, `{source.world}`, is not in its WIT; {found}"


def _words(output: str, workspace: Path, folder: Path) -> str:
    """The builder's words without its own traceback, Rust frames and temporary paths."""
    text = re.split(r"\n+Stack backtrace:", output, maxsplit=1)[0]
    text = re.sub(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+AssertionError: ", "", text, count=1)
    text = re.sub(r"\n+Caused by:\n", "\ncaused by:\n", text)
    text = text.replace(str(workspace / "app"), str(folder)).replace(str(workspace / "wit"), str(folder / "wit"))
    text = text.replace('File "/0/', f'File "{folder}/')
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(f"  {line}" if line else "" for line in _without_repetition(lines))[-_LONGEST:]


def _without_repetition(lines: list[str]) -> list[str]:
    """Without the part after `caused by:` where it only says again what stands before it."""
    if "caused by:" not in lines:
        return lines
    at = lines.index("caused by:")
    before = "\n".join(lines[:at])
    rest = [line for line in lines[at + 1 :] if line.strip() and not _said(line, before)]
    return lines[:at] + (["caused by:", *rest] if rest else [])


def _said(line: str, before: str) -> bool:
    """Whether a line stands before, but for the place that Python adds to a syntax error."""
    return re.sub(r" \([^()]*, line \d+\)$", "", line.strip()) in before


def _help(source: ComponentManifest, builder: str, output: str) -> Iterator[str]:
    missing = re.search(r"No module named '([^']*)'", output)
    if missing and missing.group(1).startswith("wit_world"):
        yield f"`wit_world` has what the world `{source.world}` imports and exports, and nothing else"
    elif missing:
        name = missing.group(1)
        yield "a component has Python's standard library and the modules of its own folder; others are copied into it"
        yield f"where the world exports an interface `{name}` with resources, their classes are in a module `{name}.py`"
    unloaded = re.search(r'Error loading module "([^"]*)"', output)
    if unloaded:
        yield f"a component has the modules of its own folder; `{unloaded.group(1)}` is not there: copy it into it"
    yield from _absent(source, output)
    if _PANIC in output and "PanicException" in output:
        yield f"{builder} itself failed: its WIT has something that {builder} does not carry (more than 32 flags, say)"


def _absent(source: ComponentManifest, output: str) -> Iterator[str]:
    """What a class is that the builder looks for."""
    found = re.search(r"module '([^']*)' has no attribute '([A-Z][^']*)'", output)
    if found is None:
        return
    module, name = found.groups()
    if module == source.module:
        what = "the world itself" if name == "WitWorld" else "an exported interface"
        yield f"`{module}.py` needs a class `{name}` with the functions of {what} as methods"
    elif not module.startswith("wit_world"):
        yield f"the class of an exported resource, `{name}`, belongs in the module `{module}`, named as its interface"
        remedy = f"`import {module}; {module}.{name} = {name}` in {source.module}.py"
        yield f"where Python has a module `{module}` itself: {remedy}"
