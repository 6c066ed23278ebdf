"""What a sandbox is made of: the component that is meant, checked as the only node of a pipeline is, linked.

So its grants are refused for what a grant is refused for, and hold under the ceilings that the operator names.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import resources
from orchestrator.capability import prepare
from orchestrator.errors import ComponentError
from orchestrator.interface import Packages, explain_interface
from orchestrator.interface.types import Function, Interface, Name
from orchestrator.link.answers import TOOLS
from orchestrator.manifest.model import EMPTY, Grants, Limits
from orchestrator.pipeline import Pipeline
from orchestrator.runtime.desk import DESK
from orchestrator.runtime.hosting import config_functions, define
from orchestrator.runtime.ready import reseed_of
from orchestrator.sandbox._guests import Guests
from orchestrator.sandbox._stay import NODE
from orchestrator.wasi import Session, is_config_store, is_served, serve
from orchestrator.wording import suggest

if TYPE_CHECKING:
    from orchestrator.capability import Operator
    from orchestrator.engine import Component, Engine, Linker
    from orchestrator.link.model import LinkedNode
    from orchestrator.sandbox._tools import Toolbox

INTERPRETER = "agent:code/interpreter"
LANGUAGES = {"python": "sandbox-python", "javascript": "sandbox-javascript"}
"""By language the component that ships for it."""
_WORD = re.compile(r"\w+")


def guests_of(
    what: str | Path | Component,
    engine: Engine,
    operator: Operator,
    grants: Grants,
    limits: Limits,
    tools: Toolbox,
    *,
    kept: bool = True,
) -> tuple[Guests, Limits]:
    """What makes the instances of a sandbox, and the limits that each snippet has.

    Arguments:
        kept: whether instances are taken back where they can be; each serves one snippet otherwise.

    Raises:
        ComponentError, BuildError: there is no such component, or it does not export what a sandbox needs.
        InvalidPipeline: a grant is refused, or something that the component imports has no answer.
        RunError: a folder that is granted cannot be read, or a secret has no value.
    """
    component = _component(what, engine)
    run = _interpreter(component)
    node = _checked(component, engine, operator, grants, limits)
    folder = Path.cwd()
    authority = prepare(node.grants, EMPTY, folder, NODE, operator, node.bounds, node.places)
    reseed = reseed_of(component) if node.grants.random == "secure" else None
    kept = kept and (reseed is not None or node.grants.random != "secure")
    variant = engine.variant(component, "auto", metered=node.limits.fuel is not None, kept=kept)
    output = node.limits.output
    made = Guests(_linker(variant, engine, tools), run, reseed, node.limits, lambda: Session(authority, DESK, output))
    return made, node.limits


def _component(what: str | Path | Component, engine: Engine) -> Component:
    if isinstance(what, str) and what in LANGUAGES:
        return engine.load(resources.component(LANGUAGES[what]), LANGUAGES[what])
    if isinstance(what, str) and (not what or (_WORD.fullmatch(what) and not Path(what).exists())):
        known = suggest(what, LANGUAGES, "the languages are")
        raise ComponentError(f"`{what}` is no language and no component; {known}")
    if isinstance(what, str | Path):
        return engine.load(what)
    return what


@cache
def _wanted() -> Interface:
    return Packages.read([resources.wit() / "agent-code"]).interface(INTERPRETER)


def _interpreter(component: Component) -> tuple[Name, Function]:
    """The function that runs snippets.

    Raises:
        ComponentError: there is none, or it is another's.
    """
    found = _exported(component, INTERPRETER)
    if found is None:
        raise ComponentError(f"{component.name} runs no snippets: it does not export `{INTERPRETER}`")
    lines = explain_interface(_wanted(), found, "a sandbox", component.name)
    if lines:
        why = "\n".join(f"  = {line}" for line in lines)
        raise ComponentError(f"`{found.name}` of {component.name} is not what a sandbox calls\n{why}")
    function = found.function("run")
    assert function is not None
    return found.name, function


def _exported(component: Component, base: str) -> Interface | None:
    for item in component.world.exports:
        if isinstance(item, Interface) and item.name.base == base:
            return item
    return None


def _checked(component: Component, engine: Engine, operator: Operator, grants: Grants, limits: Limits) -> LinkedNode:
    """The component as the only node of a pipeline."""
    pipeline = Pipeline("sandbox", folder=Path.cwd()).input("source").input("inputs", _inputs())
    pipeline.node(NODE, component, run=f"{INTERPRETER}.run", grants=grants, limits=limits)
    pipeline.data("inputs.source", f"{NODE}.source").data("inputs.inputs", f"{NODE}.inputs")
    return pipeline.linked(engine, operator).nodes[NODE]


def _inputs() -> Any:
    function = _wanted().function("run")
    assert function is not None
    return function.params[1].type


def _linker(component: Component, engine: Engine, tools: Toolbox) -> Linker:
    linker = engine.linker(component)
    for item in component.world.imports:
        assert isinstance(item, Interface), f"link let {item} through without an answer"
        if is_served(item):
            serve(linker, item)
        elif is_config_store(item):
            define(linker, item, config_functions(EMPTY))
        else:
            assert item.name.base == TOOLS, f"link let {item.name} through without an answer"
            define(linker, item, tools.functions())
    linker.prepare()
    return linker
