"""Python functions as nodes: imported, their signature taken from annotations or given, their values converted.

They run in the host, trusted and without limits: one that a text names is loaded only where the operator allows it.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestrator.errors import WitError
from orchestrator.interface.plain import plain
from orchestrator.interface.types import Field, Function, Option
from orchestrator.link.annotations import Form, NoType, form_of
from orchestrator.link.draft import Draft, Work
from orchestrator.link.inputs import resolve
from orchestrator.link.model import Export
from orchestrator.link.nodes import may_run
from orchestrator.link.report import place_of_node, wit_help
from orchestrator.link.signature import parse_signature
from orchestrator.manifest.model import PythonFunction
from orchestrator.manifest.paths import kebab
from orchestrator.wording import suggest


class Unusable(Exception):
    """A function cannot be a node: why, what lies behind it, what to do."""

    def __init__(self, message: str, causes: tuple[str, ...] = (), help: tuple[str, ...] = ()) -> None:
        self.message, self.causes, self.help = message, causes, help
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter of the Python function: its name there, and what stands for a missing value."""

    name: str
    field: Field
    form: Form
    keyword: bool
    optional: bool


def load_python(work: Work, draft: Draft) -> None:
    """Finds a node's function and its signature; what is wrong is reported."""
    python = draft.node.python
    assert python is not None
    where, place = draft.node.where.at("python"), place_of_node(draft.name)
    if draft.node.bulk != "auto":
        message = f"`bulk` of `{draft.name}` is about a component's values, and those of a function are Python's own"
        work.report.error("python-node", message, draft.node.where.at("bulk"), place, help=("remove it",))
    if isinstance(python.target, str) and not work.python_nodes:
        if not work.partial:
            message = f"node `{draft.name}` runs Python in the host, without a sandbox"
            help_ = ("if you trust this file and that function, run it with `--allow-python`",)
            work.report.error("python-not-allowed", message, where, place, help=help_)
        return
    try:
        target = _target(work, python)
        function, call = _signed(work, target, python) if python.signature else _annotated(target)
    except Unusable as problem:
        message = f"the function of `{draft.name}` cannot be a node: {problem.message}"
        work.report.error("python-node", message, where, place, causes=problem.causes, help=problem.help)
        return
    draft.exports, draft.known, draft.python = (function,), True, call
    if may_run(work, draft, function) and not draft.answers_only:
        draft.run = Export(None, function)


def _target(work: Work, python: PythonFunction) -> Callable[..., Any]:
    target = python.target
    if isinstance(target, str):
        target = _imported(target, work.manifest.folder)
    if not callable(target):
        raise Unusable(f"it is a {type(target).__name__}, not a function")
    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        raise Unusable("it is an async function", help=("wrap it: `def f(...): return asyncio.run(g(...))`",))
    if inspect.isgeneratorfunction(target):
        raise Unusable("it is a generator", help=("return a list",))
    return target


def _imported(target: str, place: Path) -> Any:
    """What `module:name` names. The pipeline's folder is searched last: nothing there stands in for a library."""
    module_name, _, path = target.partition(":")
    folder = str(place.absolute())
    sys.path.append(folder)
    try:
        found: Any = import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        cause = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Unusable(f"`{module_name}` cannot be imported", (cause,), _where_looked(error, place)) from error
    finally:
        if folder in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(folder)]
    for name in path.split("."):
        if not hasattr(found, name):
            known = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise Unusable(f"`{module_name}` has no `{path}`", (), (suggest(name, known, "it has"),))
        found = getattr(found, name)
    return found


def _where_looked(error: BaseException, folder: Path) -> tuple[str, ...]:
    if not isinstance(error, ModuleNotFoundError):
        return ()
    return (f"modules are looked for where Python finds them, and in `{folder}`",)


def _name(target: Callable[..., Any]) -> str:
    name = getattr(target, "__name__", "")
    return (kebab(name) if name.isidentifier() else "") or "run"


def _signed(work: Work, target: Callable[..., Any], python: PythonFunction) -> tuple[Function, Callable[..., Any]]:
    try:
        function = parse_signature(python.signature, _name(target))
        params = tuple(replace(p, type=resolve(work, p.type)) for p in function.params)
        result = None if function.result is None else resolve(work, function.result)
    except WitError as error:
        raise Unusable("its signature cannot be read", (error.message,), wit_help(error)) from None
    try:
        inspect.signature(target).bind(*params)
    except TypeError as error:
        message = f"it cannot be called with the {len(params)} parameters of its signature"
        raise Unusable(message, (str(error),)) from None
    except ValueError:
        # Some functions written in C do not say what they take.
        pass
    return replace(function, params=params, result=result, docs=inspect.getdoc(target) or ""), _listed(target, params)


def _listed(target: Callable[..., Any], params: tuple[Field, ...]) -> Callable[..., Any]:
    """The function, given lists of numbers as lists but where it says that it takes a `memoryview`."""
    try:
        hints = typing.get_type_hints(target)
        takes = [hints.get(name) is memoryview for name in inspect.signature(target).parameters]
    except Exception:
        takes = []
    views = [*takes, *[False] * len(params)][: len(params)]

    def call(*values: Any) -> Any:
        together = zip(views, params, values, strict=True)
        return target(*(value if view else plain(param.type, value) for view, param, value in together))

    return call


def _annotated(target: Callable[..., Any]) -> tuple[Function, Callable[..., Any]]:
    hints = _hints(target)
    params = [_parameter(parameter, hints) for parameter in inspect.signature(target).parameters.values()]
    names = [parameter.field.name for parameter in params]
    if len(set(names)) < len(names):
        raise Unusable("two of its parameters have the same name in kebab-case", help=("rename one",))
    result = _result(hints)
    type_ = None if result is None else result.type
    function = Function(_name(target), tuple(p.field for p in params), type_, inspect.getdoc(target) or "")
    return function, _adapted(target, params, result)


_BY_HAND = "or give its type: `signature: func(a: string) -> string`"


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target if inspect.isroutine(target) or inspect.isclass(target) else type(target).__call__
    try:
        inspect.signature(target)
        return typing.get_type_hints(function)
    except Exception as error:
        raise Unusable("its annotations cannot be read", (str(error),), (_BY_HAND,)) from None


def _parameter(parameter: inspect.Parameter, hints: dict[str, Any]) -> _Parameter:
    name, what = parameter.name, f"its parameter `{parameter.name}`"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise Unusable(f"{what} takes any number of values", help=("name each parameter",))
    if name not in hints:
        raise Unusable(f"{what} has no annotation", help=(f"write its type: `{name}: str`", _BY_HAND))
    try:
        form = form_of(hints[name])
    except NoType as error:
        raise Unusable(f"{what} has no WIT type", (error.message,), _helps(error)) from None
    has_default = parameter.default is not parameter.empty and not isinstance(form.type, Option)
    if not kebab(name):
        raise Unusable(f"{what} has no name in kebab-case", help=("a name of WIT begins with a letter",))
    type_ = Option(form.type) if has_default else form.type
    return _Parameter(name, Field(kebab(name), type_), form, parameter.kind is parameter.KEYWORD_ONLY, has_default)


def _helps(error: NoType) -> tuple[str, ...]:
    return (error.help, _BY_HAND) if error.help else (_BY_HAND,)


def _result(hints: dict[str, Any]) -> Form | None:
    if "return" not in hints:
        raise Unusable("it does not say what it returns", help=("write it: `-> str`, or `-> None`", _BY_HAND))
    if hints["return"] is type(None):
        return None
    try:
        return form_of(hints["return"])
    except NoType as error:
        raise Unusable("what it returns has no WIT type", (error.message,), _helps(error)) from None


def _adapted(target: Callable[..., Any], params: list[_Parameter], result: Form | None) -> Callable[..., Any]:
    """The function with values in their Python form of WIT, in the order of its parameters.

    A parameter with a default is an option in WIT; where nothing is given the default holds.
    """

    def call(*values: Any) -> Any:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter, value in zip(params, values, strict=True):
            if parameter.optional and value is None:
                continue
            loaded = parameter.form.load(value)
            if parameter.keyword or len(positional) < params.index(parameter):
                named[parameter.name] = loaded
            else:
                positional.append(loaded)
        found = target(*positional, **named)
        return None if result is None else result.dump(found)

    call.__name__ = call.__qualname__ = getattr(target, "__name__", "function")
    return call
