"""What a program gives to the facade, checked where it is given: the traceback ends at the line that is wrong.

Not for what the values mean together; `link` says that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from orchestrator.diagnostics import Diagnostic, printable
from orchestrator.errors import InvalidPipeline
from orchestrator.interface.types import Type
from orchestrator.manifest.model import (
    Bulk,
    Contract,
    Declassify,
    Each,
    Grants,
    Http,
    Lifetime,
    Limits,
    Reject,
    Repeat,
    Retry,
    RevertAfter,
    RevertOn,
    Secret,
    Side,
    Snapshots,
    Sort,
    Storage,
)
from orchestrator.manifest.paths import RESERVED, TextError, kebab, name_fault, read_path, whole
from orchestrator.manifest.scalars import LONGEST_DURATION

T = TypeVar("T")

_NODE: dict[str, Any] = {
    "signature": str, "run": str, "args": Mapping, "config": Mapping, "grants": Grants, "limits": Limits,
    "lifetime": str, "bulk": str, "repeat": Repeat, "retry": Retry, "fallback": str, "labels": Sequence,
    "snapshot": Snapshots, "revert_after": str, "revert_on": RevertOn,
    "description": str,
}  # fmt: skip
"""What a node is given besides its name and what it runs."""
_EMPTY: dict[str, Callable[[], Any]] = {
    "args": dict, "config": dict, "grants": Grants, "limits": Limits, "labels": tuple,
}  # fmt: skip
"""What stands for None."""
_OPTIONAL = {"repeat", "retry", "snapshot", "revert_on"}
_CHOICES: dict[str, tuple[str, ...]] = {
    "lifetime": get_args(Lifetime), "bulk": get_args(Bulk), "revert_after": get_args(RevertAfter),
}  # fmt: skip


def text(value: Any, what: str) -> str:
    """The text that an argument has to be.

    Raises:
        TypeError: it is something else.
    """
    return instance(value, str, what)


def instance(value: Any, wanted: type[T], what: str) -> T:
    """The value, of the class that it has to be.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, wanted):
        raise TypeError(f"{what} is {_called(wanted)}, not {kind(value)}")
    return value


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The mapping that an argument has to be. Raises TypeError when it is something else."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} is a mapping, not {kind(value)}")
    return value


def named(value: Any, what: str, *, reserved: bool = False) -> str:
    """The name of a pipeline, node, input or output.

    Arguments:
        what: "a node".
        reserved: whether `inputs` is taken.

    Raises:
        TypeError: it is no text.
        InvalidPipeline: it is not in kebab-case, or taken.
    """
    name = text(value, f"the name of {what}")
    if reserved and name == RESERVED:
        message, help_ = f"the name `{name}` is taken: `{name}.x` is an input of the pipeline", "choose another"
        raise InvalidPipeline([Diagnostic("reserved-name", message, place=f"{what} `{name}`", help=(help_,))])
    if fault := name_fault(name):
        near = kebab(name)
        help_lines = (*((f"did you mean `{near}`?",) if near else ()), fault)
        shown = printable(name if len(name) <= 100 else f"{name[:99]}…")
        raise InvalidPipeline([Diagnostic("name", f"`{shown}` cannot name {what}", place=what, help=help_lines)])
    return name


def read(reader: Callable[[Any], T], value: Any, what: str) -> T:
    """One of the small texts of the language.

    Raises:
        TypeError: it is no text.
        InvalidPipeline: it does not follow its form.
    """
    given = text(value, what)
    try:
        return reader(whole(given))
    except TextError as problem:
        raise _unread(problem, given) from None


def seconds(value: Any, what: str) -> float | None:
    """A time that something may take; None for no limit.

    Raises:
        TypeError: it is no number.
        ValueError: it is not above zero, or over a year.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} is a number of seconds, not {kind(value)}")
    if not 0 < value <= LONGEST_DURATION:
        raise ValueError(f"{what} is {_number(value)}; expected seconds above zero, at most {LONGEST_DURATION}")
    return value


def count(value: Any, what: str, *, zero: bool = False) -> int | None:
    """A whole number above zero, or of zero itself where that means something; None for no limit.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is not above zero.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {kind(value)}")
    if value < (0 if zero else 1):
        raise ValueError(f"{what} is {_number(value)}; expected {'at least zero' if zero else 'a number above zero'}")
    return value


def wit(value: Any) -> str | Type:
    """The type of an input: a text of WIT, or a type of `interface`. Raises TypeError when it is neither."""
    if not isinstance(value, str | Type):
        raise TypeError(f"the type of an input is a text of WIT, not {kind(value)}")
    found: str | Type = value
    return found


def contract(value: Any) -> Contract:
    """The rules of an edge; none for None. Raises TypeError or ValueError."""
    found = Contract() if value is None else instance(value, Contract, "`contract`")
    seconds(found.timeout, "the timeout of a contract")
    for key in ("require", "ensure", "redact", "detect"):
        _row(getattr(found, key), str, f"`{key}` of a contract")
    _row(found.reject, Reject, "`reject` of a contract")
    _row(found.functions or (), str, "`functions` of a contract")
    return found


def labels(value: Any, what: str = "`labels`") -> tuple[str, ...]:
    """Labels, each once.

    Raises:
        TypeError: it is no row of texts.
        ValueError: one stands in it twice.
    """
    _row(value, str, what)
    if len(set(value)) < len(value):
        raise ValueError(f"{what} names a label twice: {', '.join(map(printable, value))}")
    return tuple(value)


def sort(value: Any) -> Sort:
    """What a label stands for. Raises TypeError or ValueError."""
    found: Any = text(value, "what a label stands for")
    if found not in get_args(Sort):
        raise ValueError(f"a label stands for {' or '.join(get_args(Sort))}, not for `{printable(found)}`")
    kept: Sort = found
    return kept


def declassify(value: Any, *, calls: bool = False) -> Declassify | None:
    """What an edge declassifies; its labels as a tuple.

    Arguments:
        calls: the edge is one of calls, of which the arguments or the results alone may be meant.

    Raises:
        TypeError: it is something else.
        ValueError: it has no label or no reason, or says of a value which side of a call is meant.
    """
    if value is None:
        return None
    given = instance(value, Declassify, "`declassify`")
    named = labels(given.labels, "`labels` of a declassification")
    if not named or not text(given.reason, "the reason of a declassification").strip():
        raise ValueError("a declassification has at least one label, and a reason")
    allowed = get_args(Side) if calls else ("",)
    if given.of not in allowed:
        expected = " or ".join(f"`{side}`" for side in allowed if side) or "nothing: a data edge carries one value"
        raise ValueError(f"`of` of a declassification is `{printable(str(given.of))}`; expected {expected}")
    return replace(given, labels=named)


def each(value: Any) -> Each | None:
    """How a list is spread: so many elements at a time. Raises TypeError or ValueError."""
    if isinstance(value, Each):
        count(value.parallel, "`each`")
        return value
    parallel = count(value, "`each`")
    return None if parallel is None else Each(parallel)


def component(value: Any) -> Any:
    """A path, or a component that the engine loaded. Raises TypeError when it is neither."""
    from orchestrator.engine import Component

    if not isinstance(value, str | Path | Component):
        known = "a component is a path or a Component; a function goes to `python=`"
        raise TypeError(f"{known} (this is {kind(value)})")
    return value


def function(value: Any) -> str | Callable[..., Any]:
    """What a Python node runs. Raises TypeError when it is neither a function nor a text."""
    if not isinstance(value, str) and not callable(value):
        raise TypeError(f"`python` is a function or `module:function`, not {kind(value)}")
    found: str | Callable[..., Any] = value
    return found


def node(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a node is given by key, besides its name and what it runs; None becomes the default.

    Raises:
        TypeError: a key is none, or its value is of another type.
        ValueError: a value is out of its range.
        InvalidPipeline: a path in `repeat` is none.
    """
    return {key: _of_node(key, value) for key, value in given.items()}


def _of_node(key: str, value: Any) -> Any:
    if key not in _NODE:
        raise TypeError(f"a node has no `{key}`; it has component, python, {', '.join(_NODE)}")
    if value is None and (key in _EMPTY or key in _OPTIONAL):
        return _EMPTY[key]() if key in _EMPTY else None
    if _NODE[key] is Mapping:
        return _by_name(value, f"`{key}`")
    if key == "labels":
        return labels(value)
    found: Any = instance(value, _NODE[key], f"`{key}`")
    if isinstance(found, Limits):
        _limits(found)
    if key in _CHOICES and found not in _CHOICES[key]:
        raise ValueError(f"`{key}` is `{printable(found)}`; expected one of {', '.join(_CHOICES[key])}")
    if isinstance(found, Grants):
        _grants(found)
    if isinstance(found, Retry):
        count(found.times, "`times` of a retry")
        seconds(found.wait or None, "`wait` of a retry")
    return _fed(found) if isinstance(found, Repeat) else found


def _limits(given: Limits) -> None:
    seconds(given.timeout, "the timeout of a node")
    count(given.memory, "the memory of a node")
    count(given.fuel, "the fuel of a node")
    for field in ("tables", "host_calls", "output", "handles"):
        count(getattr(given, field), f"`{field}` of a node", zero=True)


def _grants(given: Grants) -> None:
    _row(given.storage, Storage, "`storage` of grants")
    _row(given.http, Http, "`http` of grants")
    _row(given.secrets, Secret, "`secrets` of grants")
    _by_name(given.environment, "`environment` of grants")
    _texts(given, "grants", "clock", "random", "stdio")
    _time(given.clock_at)
    count(given.random_seed, "`random_seed` of grants", zero=True)
    instance(given.optional, bool, "`optional` of grants")
    for folder in given.storage:
        _texts(folder, "a folder", "path", "at", "access")
        count(folder.quota, "`quota` of a folder", zero=True)
        count(folder.files, "`files` of a folder", zero=True)
        instance(folder.hidden, bool, "`hidden` of a folder")
        instance(folder.optional, bool, "`optional` of a folder")
    for http in given.http:
        _texts(http, "an http grant", "url")
        _row(http.methods, str, "`methods` of an http grant")
        count(http.max_request, "`max_request` of an http grant")
        count(http.max_response, "`max_response` of an http grant")
        seconds(http.timeout, "the timeout of an http grant")
        instance(http.trace, bool, "`trace` of an http grant")
        instance(http.optional, bool, "`optional` of an http grant")
    for secret in given.secrets:
        _texts(secret, "a secret", "name", "to", "header")
        instance(secret.optional, bool, "`optional` of a secret")


def _time(value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"`clock_at` of grants is a number of seconds since 1970, not {kind(value)}")


def _texts(value: Any, what: str, *fields: str) -> None:
    for field in fields:
        text(getattr(value, field), f"`{field}` of {what}")


def _by_name(value: Any, what: str) -> dict[str, Any]:
    return {text(key, f"a name in {what}"): item for key, item in mapping(value, what).items()}


def _row(value: Any, wanted: type, what: str) -> None:
    """A text is a row of texts to Python, which nobody means."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{what} is a tuple, not {kind(value)}")
    for item in value:
        instance(item, wanted, f"what stands in {what}")


def _fed(repeat: Repeat) -> Repeat:
    """With the paths of `feed` read that are texts."""
    text(repeat.until, "`until` of a repeat")
    count(repeat.max, "`max` of a repeat")
    given = mapping(repeat.feed, "`feed` of a repeat").items()
    return replace(repeat, feed={key: _path(steps) if isinstance(steps, str) else steps for key, steps in given})


def _path(given: str) -> Any:
    try:
        return read_path(given)
    except TextError as problem:
        raise _unread(problem, given) from None


def _unread(problem: TextError, given: str) -> InvalidPipeline:
    help_ = (problem.help,) if problem.help else ()
    return InvalidPipeline([Diagnostic("reference", str(problem), place=f"`{given}`", help=help_)])


def _number(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:
        return "of hundreds of digits"


def _called(wanted: type) -> str:
    if wanted is bool:
        return "True or False"
    return "a text" if wanted is str else f"{'an' if wanted.__name__[0] in 'AEIOU' else 'a'} {wanted.__name__}"


def kind(value: Any) -> str:
    """What a value of a wrong type is called."""
    return "None" if value is None else f"of type {type(value).__name__}"
