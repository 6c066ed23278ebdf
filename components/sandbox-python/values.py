"""Values of Python and their forms in JSON.

What JSON has a form for is written by `json` itself. Only where that fails is the value gone through, which finds
forms for the standard library's own kinds of values, and the place of what has none.
"""

import array
import base64
import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import math
import pathlib
import re
import sys
import types
import uuid
import zoneinfo

from refusal import Refused, bounded

MOST = 16 << 20
DEEPEST = 200
DIGITS = 4300
"""Of a whole number, at most: more than these Python does not read by itself, and so neither does the host."""
_PIECE = 1024
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_make_encoder, _quoted = json.encoder.c_make_encoder, json.encoder.encode_basestring
_decode = json.JSONDecoder(parse_constant=lambda name: _no_json(name)).decode
_BELOW, _ABOVE = -(10**DIGITS), 10**DIGITS
_digits_allowed = sys.get_int_max_str_digits
_TEXTS = frozenset((str,))
_NUMBERS = frozenset((int, bool, type(None)))
_SCALARS = frozenset((type(None), bool, int, float, str))
_AS_TEXT = (
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    ipaddress._IPAddressBase,
    pathlib.PurePath,
    uuid.UUID,
    zoneinfo.ZoneInfo,
)
_AS_LIST = (list, tuple, collections.deque, collections.UserList, array.array, collections.abc.MappingView)


class Unfit(Exception):
    """A value without a form in JSON; the message says where and why."""


def as_json(value):
    """A value as JSON.

    Raises:
        Refused: it has no form in JSON, or one of more than 16 MiB.
    """
    kind = type(value)
    if kind is int and -(1 << 60) < value < 1 << 60:  # what is looked at by name would be one more page to revert
        return int.__repr__(value)
    if kind is str and value.isascii() and len(value) < MOST // 8:
        return _quoted(value)
    try:
        text = written(value)
    except Unfit as unfit:
        raise Refused("invalid-result", bounded(str(unfit), 16 << 10)) from None
    except MemoryError:
        raise Refused("invalid-result", "there is no memory to write the value as JSON") from None
    if len(text) > MOST or (not text.isascii() and len(text.encode()) > MOST):
        raise Refused("invalid-result", _too_large())
    return text


def from_json(text):
    """The value that a text of JSON has.

    Raises:
        ValueError: it is not JSON; the message says where.
        Unfit: it has a number that is too long.
    """
    if text.count("[") + text.count("{") > DEEPEST and _nests_deep(_STRINGS.sub("", text)):
        raise ValueError(f"it nests deeper than {DEEPEST} levels")
    try:
        return _decode(text)
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise Unfit(f"it has {_too_long()}") from None
        raise


def _nests_deep(text):
    """Whether the brackets of a text without strings nest too deep for the stack.

    They are counted by the piece; only where a piece has so many that they might, are they looked at one by one.
    """
    depth = 0
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        opened = piece.count("[") + piece.count("{")
        if depth + opened > DEEPEST and depth + _deepest(piece) > DEEPEST:
            return True
        depth += opened - piece.count("]") - piece.count("}")
    return False


def _deepest(piece):
    deepest = depth = 0
    for sign in _BRACKETS.findall(piece):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_json(name):
    raise ValueError(f"{name} is no number of JSON")


def _encode(value):
    """What `json.dumps` gives, without looking at what a snippet may have made of `json`."""
    return "".join(_make_encoder({}, _unknown, _quoted, None, ": ", ", ", False, False, False)(value, 0))


def _unknown(value):
    raise TypeError


def written(value):
    """The JSON of a value, however large, by the quick way if that gives it; raises `Unfit`."""
    if _digits_allowed() == DIGITS and (type(value) in _SCALARS or _is_shallow(value)):
        try:
            text = _encode(value)
            if text.isascii() or _is_text(text):
                return text
        except (TypeError, ValueError):
            pass
    return _encode(_Plain().form(value, "", 0))


def _is_shallow(value):
    """Whether a value can be written without losing a key or running out of stack, which would end the instance.

    A level at a time, of which those that hold scalars alone are passed over without a loop of Python's. What stands
    in several places is looked at once and counted as often: a few lists may take more room than there is.
    """
    level = {id(value): (value, 1)}
    for _ in range(DEEPEST):
        below = {}
        for each, times in level.values():
            parts = each if isinstance(each, (list, tuple)) else ()
            if isinstance(each, dict):
                parts = each.values()
                if not _TEXTS.issuperset(map(type, each)) and not _NUMBERS.issuperset(map(type, each)):
                    return False
            if not _SCALARS.issuperset(map(type, parts)):
                _add(below, parts, times)
        if sum(times for _, times in below.values()) > MOST // 4:  # each takes four bytes or more, such as `[], `
            raise Unfit(_too_large())
        if not below:
            return True
        level = below
    return False


def _add(level, parts, times):
    for part in parts:
        if type(part) not in _SCALARS:
            key = id(part)
            level[key] = part, times + (level[key][1] if key in level else 0)


def _is_text(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Plain:
    """Makes a value of what JSON has forms for, out of one that has more."""

    def __init__(self):
        self._around = set()
        self._room = MOST // 2  # parts, each of which takes two bytes or more

    def form(self, value, where, depth):
        """The value with every part in its form. `where`: its place, such as `.a[0]`."""
        self._room -= 1
        if self._room < 0:
            raise Unfit(_too_large())
        scalar = self._scalar(value, where)
        if scalar is not self:
            return scalar
        if depth >= DEEPEST:
            raise Unfit(_too_deep(_place(where)))
        if id(value) in self._around:
            raise Unfit(f"{_place(where)} holds itself")
        self._around.add(id(value))
        try:
            return self._parts(value, where, depth)
        finally:
            self._around.discard(id(value))

    def _scalar(self, value, where):
        """The form of a value without parts; this object for any other."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _checked(str.__str__(value), where)
        if isinstance(value, int):
            return _whole(int(value), _place(where))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else _not_finite(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return base64.b64encode(value).decode()
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        return str(value) if isinstance(value, _AS_TEXT) else self

    def _parts(self, value, where, depth):
        if isinstance(value, enum.Enum):
            return self.form(value.value, where, depth + 1)
        if isinstance(value, collections.abc.Mapping):
            return self._members(value.items(), where, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            members = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            return self._members(members, where, depth)
        if isinstance(value, types.SimpleNamespace):
            return self._members(vars(value).items(), where, depth)
        if isinstance(value, (set, frozenset)):
            return self._elements(_in_order(value), where, depth)
        if isinstance(value, complex):
            return self._members((("real", value.real), ("imag", value.imag)), where, depth)
        if isinstance(value, range):
            return self._numbers(value)
        if isinstance(value, _AS_LIST):
            return self._elements(value, where, depth)
        raise Unfit(_no_form(value, where))

    def _elements(self, values, where, depth):
        if 3 * len(values) > 2 * self._room:  # bytes, as each takes three or more, such as `1, `
            raise Unfit(_too_large())
        return [self.form(value, f"{where}[{number}]", depth + 1) for number, value in enumerate(values)]

    def _numbers(self, values):
        """The numbers of a range, which may have more than anyone could count."""
        if values[self._room // 3 :]:  # so many different ones take six bytes each, and more
            raise Unfit(_too_large())
        self._room -= len(values)
        return list(values)

    def _members(self, members, where, depth):
        found = {}
        for key, value in members:
            name = self._name(key, where)
            if name in found:
                raise Unfit(f"{_place(where)} has two keys that JSON writes as {json.dumps(name, ensure_ascii=False)}")
            found[name] = self.form(
                value, f"{where}.{name}" if name.isidentifier() else f"{where}[{name!r}]", depth + 1
            )
        return found

    def _name(self, key, where):
        """A key as JSON has it: text, or what JSON writes of a number and the like."""
        key = key.value if isinstance(key, enum.Enum) else key
        form = _whole(key, f"a key of {_place(where)}") if type(key) is int else self._scalar(key, where)
        if form is self:
            raise Unfit(f"a key of {_place(where)} is {_a(type(key).__name__)}, {_short(key)}; make it a text")
        return form if isinstance(form, str) else _encode(form)


def _checked(text, where):
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unfit(f"{_place(where)} is no text of Unicode: it has half of a pair at {error.start}") from None
    return text


def _whole(value, what):
    if _BELOW < value < _ABOVE:
        return value
    raise Unfit(f"{what} is {_too_long()}; make it a text")


def _too_long():
    return f"a whole number of more than {DIGITS} digits"


def _not_finite(value):
    return "nan" if value != value else "inf" if value > 0 else "-inf"


def _in_order(values):
    try:
        return sorted(values)
    except TypeError:
        return values


def _no_form(value, where):
    name = type(value).__name__
    if isinstance(value, collections.abc.Iterator):
        return f"{_place(where)} is {_a(name)}, which has no form in JSON; make a list of it"
    return f"{_place(where)} is {_a(name)}, which has no form in JSON: {_short(value)}"


def _too_deep(what):
    return f"{what} nests deeper than {DEEPEST} levels"


def _too_large():
    return f"the value takes more than {MOST >> 20} MiB as JSON"


def _place(where):
    return f"the value's `{where}`" if where else "the value"


def _a(name):
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} `{name}`"


def _short(value):
    try:
        return bounded(repr(value), 200)
    except Exception:
        return "repr() failed"
