"""Values between their Python form, their JSON form and text, strict in every direction.

Conversions are compiled once per type and kept. Every failure is an `errors.ValueMismatch` whose path says where in the
value; a type without values (`stream`, a name that was not looked up) is an `errors.UnsupportedType`.
"""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any, NoReturn

from orchestrator.errors import ValueMismatch
from orchestrator.interface import types as t
from orchestrator.interface._json_form import decoded, encoded
from orchestrator.interface._mismatch import Mismatch, describe
from orchestrator.interface._python_form import checked
from orchestrator.interface.allowance import LOOK, here

__all__ = ["arguments", "check", "from_json", "has_json", "read_json", "to_json", "write_json", "written"]


def check(type_: t.Type, value: Any, path: str = "") -> Any:
    """`value` in the one Python form of the type, or a `ValueMismatch`.

    Arguments:
        path: what the value is called, in front of the error's path: a parameter's name.

    An integer may stand for a float when it is exactly that number; an option field of a record may be absent; tuples
    stand for lists, lists for tuples, any set or list of strings for flags, any bytes-like for `list<u8>`.
    """
    try:
        return checked(type_)(value)
    except Mismatch as problem:
        raise problem.error(path) from None


def to_json(type_: t.Type, value: Any, path: str = "") -> Any:
    """The JSON form, as `json.dumps` takes it, of a Python value that fits the type."""
    try:
        return encoded(type_)(checked(type_)(value))
    except Mismatch as problem:
        raise problem.error(path) from None


def from_json(type_: t.Type, data: Any, path: str = "") -> Any:
    """The Python form of what `json.loads` gave."""
    try:
        return decoded(type_)(data)
    except Mismatch as problem:
        raise problem.error(path) from None


def has_json(type_: t.Type) -> bool:
    """Whether values of the type have a JSON form: no handles and no unsupported types in it."""
    return not any(isinstance(part, (t.Own, t.Borrow, t.Unsupported, t.Named)) for part in t.walk(type_))


def arguments(function: t.Function) -> t.Record:
    """The parameters of a function as a record: the type of its arguments in one object."""
    return t.Record(function.params, "arguments")


def write_json(type_: t.Type, value: Any) -> str:
    """The value as JSON text on one line."""
    return json.dumps(to_json(type_, value), ensure_ascii=False, allow_nan=False)


def written(type_: t.Type, value: Any, most: int) -> str | None:
    """As `write_json`, in at most so many bytes of UTF-8; None where that does not do.

    A value of a few bytes may have JSON of many: an enum's case is a byte in a list, and a name in JSON. So it is
    written piece by piece, and given up at the first that is too much.
    """
    text, left = StringIO(), most
    for piece in json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(to_json(type_, value)):
        left -= len(piece) if piece.isascii() else len(piece.encode())
        if left < 0:
            return None
        text.write(piece)
    return text.getvalue()


def read_json(type_: t.Type, text: str | bytes, path: str = "") -> Any:
    """The value that a JSON text says: strict JSON, no key twice; the path says where it does not fit."""
    return from_json(type_, load_json(text), path)


TOO_MANY_DIGITS = "a number with too many digits"
"""What is said to be found where Python does not convert a number: that takes time by the square of its digits."""


def load_json(text: str | bytes) -> Any:
    """The JSON value of a text that may be hostile: `NaN`, doubled keys and too deep nesting are refused.

    Raises:
        LimitExceeded: it would be more objects than the allowance that is in force here has.
    """
    here().take(_most_parts(text))
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode(json.detect_encoding(text)))
    except RecursionError:
        raise ValueMismatch("", "JSON", "a text that is nested too deeply") from None
    except UnicodeDecodeError as problem:
        raise ValueMismatch("", "JSON", f"a text that is not Unicode (byte {problem.start})") from None
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}: {problem.msg}"
        raise ValueMismatch("", "JSON", f"a text that is not JSON ({where})") from None
    except ValueMismatch:
        raise
    except ValueError:
        raise ValueMismatch("", "JSON", TOO_MANY_DIGITS) from None


_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_OPENING = ",:[{"
"""In front of each value but the first, and of each key, stands one of these."""


def _most_parts(text: str | bytes) -> int:
    """How many values and keys a JSON text has at most; what stands in strings is left out where that may matter."""
    if len(text) <= LOOK:
        return len(text)
    plain = text if isinstance(text, str) else str(text, "utf-8", "replace")
    found = _parts(plain)
    return found if found <= LOOK else _parts(_STRING.sub("", plain))


def _parts(text: str) -> int:
    return 1 + sum(map(text.count, _OPENING))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueMismatch("", "JSON with each key once in its object", f"{describe(twice)} twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueMismatch("", 'JSON ("nan", "inf" and "-inf" are strings)', f"the word {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
"""Made once: making one takes longer than a short text."""
