"""What the commands ask of the rest of the package: the one file to change when the facade changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import _terminal as terminal
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from orchestrator.audit import Recorder, Subscription
    from orchestrator.capability import Operator
    from orchestrator.capability.addresses import Network
    from orchestrator.diagnostics import Paint
    from orchestrator.engine import Engine
    from orchestrator.errors import InvalidPipeline
    from orchestrator.graph import Graph
    from orchestrator.link.model import LinkedGraph
    from orchestrator.manifest.model import ComponentManifest
    from orchestrator.pipeline import LinkedPipeline, Result
    from orchestrator.plan import Plan
    from orchestrator.sandbox import Sandbox


def pipeline_file(path: str) -> str:
    """The file that the argument PIPELINE means, as messages call it."""
    from orchestrator.pipeline.files import pipeline_file

    return str(pipeline_file(path))


def allowed(names: Sequence[str]) -> dict[str, str]:
    """The variables that `--env NAME` allows `${NAME}` to name, with their values.

    Raises:
        click.UsageError: one of them is not set.
    """
    unset = [name for name in names if name not in os.environ]
    if unset:
        raise click.UsageError(f"`--env {printable(unset[0])}`: the environment has no such variable")
    return {name: os.environ[name] for name in names}


@contextmanager
def engine(*, quiet: bool = False) -> Iterator[Engine]:
    """An engine that tells standard error about builds and compilations."""
    from orchestrator.engine import Engine

    with Engine(progress=None if quiet else progress) as opened:
        yield opened


def progress(line: str) -> None:
    """Tells of work that takes its time."""
    terminal.say(terminal.paint_for(sys.stderr)("dim", printable(line)))


def operator(
    secrets: Mapping[str, str] | None = None, addresses: Sequence[Network] = (), ceilings: Sequence[str] = ()
) -> Operator:
    """What the command line says as the one who runs a pipeline; arguments as of `Pipeline.link`.

    Raises:
        InvalidPipeline: a ceiling is refused.
    """
    from orchestrator.pipeline.operating import operator

    return operator(secrets, addresses, ceilings)


def link(
    engine: Engine, path: str, env: Mapping[str, str], operator: Operator, *, allow_python: bool = False
) -> LinkedPipeline:
    """The pipeline of a file, checked and linked.

    Raises:
        InvalidPipeline: it is refused.
        ComponentError: a component cannot be loaded.
    """
    from orchestrator.pipeline import LinkedPipeline, Pipeline
    from orchestrator.pipeline.base import Base

    return LinkedPipeline(Pipeline.load(path, env=env, allow_python=allow_python), Base(engine, None), operator)


def check(
    engine: Engine,
    path: str,
    env: Mapping[str, str],
    operator: Operator | None = None,
    *,
    allow_python: bool = False,
) -> LinkedGraph:
    """`link` for who does not run: checks as much, and makes nothing that runs.

    Raises:
        InvalidPipeline: it is refused.
        ComponentError: a component cannot be loaded.
    """
    from orchestrator.pipeline import Pipeline

    return Pipeline.load(path, env=env, allow_python=allow_python).linked(engine, operator)


def plan(linked: LinkedGraph) -> Plan:
    """What each node of a linked pipeline may do."""
    from orchestrator.plan import plan_of

    return plan_of(linked)


def drawing(
    engine: Engine, path: str, env: Mapping[str, str], operator: Operator, *, allow_python: bool = False
) -> tuple[Graph, InvalidPipeline | None]:
    """The pipeline as a graph to draw, with its types.

    One that is refused for its labels alone is drawn too, as it is written, so that one can see where they meet; what
    was found comes with it.

    Raises:
        InvalidPipeline: it is refused for something else.
        ComponentError: a component cannot be loaded.
    """
    from orchestrator.errors import InvalidPipeline
    from orchestrator.link import draw
    from orchestrator.pipeline import Pipeline

    pipeline = Pipeline.load(path, env=env, allow_python=allow_python)
    try:
        return draw(pipeline.linked(engine, operator)), None
    except InvalidPipeline as problem:
        if any(found.severity == "error" and found.code != "flow" for found in problem.diagnostics):
            raise
        return pipeline.drawing(), problem


def build(source: ComponentManifest) -> Path:
    """The `.wasm` that a source folder's present state gives, in the cache."""
    from orchestrator.engine.build import build as build_component
    from orchestrator.engine.cache import Cache

    return build_component(source, Cache().builds, progress=progress)


def sandbox(engine: Engine, language: str, limits: Mapping[str, Any]) -> Sandbox:
    """A sandbox for one snippet; arguments as of `Sandbox`.

    Raises:
        ComponentError: there is no such component, or it runs no snippets.
        InvalidPipeline: a limit is refused.
    """
    from orchestrator.sandbox import Sandbox

    return Sandbox(language, engine=engine, size=1, **limits)


def schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of `pipeline`, `component` or `ceiling`."""
    from orchestrator import manifest

    schemas = {"component": manifest.component_schema, "ceiling": manifest.ceiling_schema}
    return schemas.get(kind, manifest.schema)()


def cache_folder() -> Path:
    """Where this user's compiled components are, or would be."""
    from orchestrator.engine.cache import default_folder

    return default_folder()


def inputs(linked: LinkedPipeline, given: Sequence[str]) -> dict[str, Any]:
    """The values of `--input`, for `run`."""
    from orchestrator.cli._inputs import read_inputs

    return read_inputs(given, linked.model.inputs)


def labels(linked: LinkedPipeline, given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The labels of `--label`, for `run`."""
    from orchestrator.cli._inputs import read_labels

    return read_labels(given, linked.model.inputs, linked.model.flow.sorts)


def run(
    linked: LinkedPipeline, values: Mapping[str, Any], timeout: float | None, labels: Mapping[str, Sequence[str]]
) -> Result:
    """Runs the pipeline, in at most `timeout` seconds, with those labels of inputs."""
    return linked.run(values, timeout=timeout, labels=labels)


def export_lines(recorder: Recorder, path: str) -> None:
    """Appends the events of every run to a file of JSON lines."""
    from orchestrator.audit import JsonLines

    try:
        recorder.add(JsonLines(path))
    except OSError as problem:
        raise click.UsageError(f"`--trace {printable(path)}`: {problem.strerror}") from None


def export_tree(recorder: Recorder, write: Callable[[str], object], paint: Paint) -> None:
    """Hands the tree of every run to `write` when the run has ended."""
    from orchestrator.audit import Console, Thinned

    recorder.add(Thinned(Console(write, paint)))


def view(linked: LinkedPipeline) -> tuple[Subscription, str, list[str], Callable[[], object]]:
    """What `_live.watching` takes."""
    graph = linked.model
    names = [*graph.order, *(name for name in graph.nodes if name not in graph.order)]
    return linked.recorder.subscribe(), graph.name, names, linked.recorder.flush
