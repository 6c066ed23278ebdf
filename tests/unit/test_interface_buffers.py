"""Lists of numbers given as buffers: which are taken, which not and with which words, and who reads them."""

from __future__ import annotations

import ctypes
import math
from array import array
from typing import Any

import pytest

from orchestrator.contract import compile_condition
from orchestrator.errors import ValueMismatch
from orchestrator.interface import check, parse_type, size, to_json, write_json
from orchestrator.interface import types as t
from orchestrator.manifest.model import Where

NUMBERS = {"s8": "b", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q", "f32": "f", "f64": "d"}


def _list(name: str) -> t.List:
    return t.List(t.PRIMITIVES[name])


def _strange(form: str, data: bytes) -> memoryview:
    """A view whose format Python itself would not give it."""
    kind: Any = {"<f": ctypes.c_float, ">H": ctypes.c_uint16.__ctype_be__}[form]
    return memoryview((kind * (len(data) // ctypes.sizeof(kind))).from_buffer_copy(data))


@pytest.mark.parametrize("name", NUMBERS)
def test_an_array_of_a_list_s_type_is_its_value_as_it_is(name: str) -> None:
    given = array(NUMBERS[name], [1, 2, 3])
    found = check(_list(name), given)
    assert (type(found), found.format, found.tolist()) == (memoryview, NUMBERS[name], [1, 2, 3])
    given[0] = 7
    assert found[0] == 7
    assert check(_list(name), found) is found


@pytest.mark.parametrize(
    ("type_", "given", "code", "items"),
    [
        ("s64", array("l", [-1, 2]), "q", [-1, 2]),
        ("u64", array("L", [1, 2]), "Q", [1, 2]),
        ("f32", _strange("<f", b"\0\0\0\x3f" * 2), "f", [0.5, 0.5]),
        ("u16", memoryview(array("H", range(6)))[::2], "H", [0, 2, 4]),
        ("u16", memoryview(array("H", range(3)))[::-1], "H", [2, 1, 0]),
        ("f64", array("d"), "d", []),
        ("f64", memoryview(array("d", [math.inf])), "d", [math.inf]),
    ],
)  # fmt: skip
def test_buffers_come_out_in_one_form(type_: str, given: Any, code: str, items: list[Any]) -> None:
    found = check(_list(type_), given)
    assert (found.format, found.tolist(), found.contiguous) == (code, items, True)


def test_bytes_come_from_any_buffer_of_them() -> None:
    for given in (array("B", b"abc"), memoryview(b"abc"), bytearray(b"abc"), memoryview(b"a.b.c")[::2]):
        assert check(t.List(t.U8), given) == b"abc"


def test_the_numbers_of_a_buffer_are_not_looked_at() -> None:
    nan = b"\x01\0\xa0\x7f"
    assert check(_list("f32"), memoryview(nan * 2).cast("f")).tobytes() == nan * 2


_HINT = "(a list, or a one-dimensional buffer of {} in native byte order)"


@pytest.mark.parametrize(
    ("type_", "given", "message"),
    [
        ("f32", array("d", [1]), f"list<f32> {_HINT.format('f32')}, found a buffer of f64 ('d')"),
        ("f32", array("i", [1]), f"list<f32> {_HINT.format('f32')}, found a buffer of s32 ('i')"),
        ("u32", array("i", [1]), f"list<u32> {_HINT.format('u32')}, found a buffer of s32 ('i')"),
        ("s64", array("Q", [1]), f"list<s64> {_HINT.format('s64')}, found a buffer of u64 ('Q')"),
        ("u16", memoryview(b"ab"), f"list<u16> {_HINT.format('u16')}, found a buffer of u8 ('B')"),
        ("u16", memoryview(b"ab").cast("?"), f"list<u16> {_HINT.format('u16')}, found a buffer of bool ('?')"),
        ("u16", memoryview(b"ab").cast("c"), f"list<u16> {_HINT.format('u16')}, found a buffer of other items ('c')"),
        ("u16", _strange(">H", b"ab"),
         f"list<u16> {_HINT.format('u16')}, found a buffer of u16 in another byte order ('>H')"),
        ("f64", memoryview(bytes(32)).cast("d", (2, 2)),
         f"list<f64> {_HINT.format('f64')}, found a buffer of 2 dimensions"),
        ("f64", memoryview(bytes(8)).cast("d", ()),
         f"list<f64> {_HINT.format('f64')}, found a buffer of 0 dimensions"),
        ("u8", array("b", [1]), f"list<u8> {_HINT.format('u8')}, found a buffer of s8 ('b')"),
        ("u8", memoryview(bytes(4)).cast("B", (2, 2)),
         f"list<u8> {_HINT.format('u8')}, found a buffer of 2 dimensions"),
        ("u16", b"ab", "list<u16>, found 2 bytes"),
        ("bool", array("B", [1]), "list<bool>, found a Python array"),
        ("bool", memoryview(b"a").cast("?"), "list<bool>, found 1 bytes"),
        ("char", array("I", [65]), "list<char>, found a Python array"),
        ("f64", {1.5}, "list<f64>, found a Python set"),
    ],
)  # fmt: skip
def test_buffers_that_do_not_fit(type_: str, given: Any, message: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        check(_list(type_), given, "x")
    assert str(caught.value) == f"x: expected {message}"


def test_a_buffer_that_does_not_fit_inside_a_value_is_found_where_it_is() -> None:
    type_ = parse_type("list<record { weights: list<f32> }>")
    with pytest.raises(ValueMismatch) as caught:
        check(type_, [{"weights": [1]}, {"weights": array("d")}], "x")
    assert str(caught.value) == f"x[1].weights: expected list<f32> {_HINT.format('f32')}, found a buffer of f64 ('d')"


@pytest.mark.parametrize("name", NUMBERS)
def test_a_buffer_has_the_json_and_the_size_of_its_list(name: str) -> None:
    items = [1, 100]
    given = array(NUMBERS[name], items)
    assert to_json(_list(name), given) == items
    assert size(_list(name), given) == size(_list(name), check(_list(name), given)) == size(_list(name), items)
    inside = parse_type(f"record {{ a: option<list<{name}>>, b: list<list<{name}>> }}")
    value = {"a": given, "b": [given, items]}
    assert write_json(inside, value) == write_json(inside, {"a": items, "b": [items, items]})
    assert size(inside, value) == size(inside, {"a": items, "b": [items, items]})


def test_numbers_that_json_cannot_say_are_written_as_in_a_list() -> None:
    assert write_json(_list("f64"), array("d", [math.nan, -math.inf])) == '["nan", "-inf"]'
    assert write_json(_list("u64"), array("Q", [2**64 - 1])) == '["18446744073709551615"]'


@pytest.mark.parametrize("name", NUMBERS)
def test_an_expression_sees_a_buffer_as_a_list(name: str) -> None:
    type_ = parse_type(f"record {{ a: list<{name}>, b: list<list<{name}>> }}")
    number = {"f": "{}.0", "u": "{}u" if name == "u64" else "{}"}.get(name[0], "{}").format
    text = f"value.a == [{number(1)}, {number(2)}] && size(value.b[0]) == 3 && value.a.exists(x, x == {number(2)})"
    condition, diagnostics = compile_condition(text, {"value": type_}, Where())
    assert diagnostics == ()
    assert condition is not None
    given = check(type_, {"a": array(NUMBERS[name], [1, 2]), "b": [array(NUMBERS[name], [1, 2, 3])]})
    assert condition({"value": given}) is True


def test_arrays_of_numpy_are_buffers() -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed: arrays of its own are not tried")
    assert check(_list("f32"), numpy.arange(3, dtype="f4")).tolist() == [0.0, 1.0, 2.0]
    assert check(_list("s64"), numpy.arange(6).reshape(2, 3)[:, 1]).tolist() == [1, 4]
    assert check(t.List(t.U8), numpy.arange(3, dtype="u1")) == b"\0\1\2"
    with pytest.raises(ValueMismatch) as caught:
        check(_list("f64"), numpy.zeros((2, 2)), "x")
    assert str(caught.value) == f"x: expected list<f64> {_HINT.format('f64')}, found a buffer of 2 dimensions"
    with pytest.raises(ValueMismatch):
        check(_list("f64"), numpy.zeros(2, dtype=">f8"))
