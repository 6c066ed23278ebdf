"""Values in Python and JSON: the forms, what is refused and with which words, sizes."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

import pytest

from orchestrator.errors import UnsupportedType, ValueMismatch
from orchestrator.interface import (
    arguments,
    check,
    from_json,
    json_schema,
    layout,
    load_json,
    parse_type,
    read_json,
    size,
    to_json,
    write_json,
)
from orchestrator.interface import types as t
from orchestrator.interface.values import Variant


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    HI = "hi"


@pytest.mark.parametrize(
    ("type_", "value", "data"),
    [
        ("u64", 2**53, 2**53),
        ("u64", 2**53 + 1, "9007199254740993"),
        ("s64", -(2**63), "-9223372036854775808"),
        ("f64", float("inf"), "inf"),
        ("f32", float("-inf"), "-inf"),
        ("list<u8>", b"\x00\xff", "AP8="),
        ("list<u16>", [1, 2], [1, 2]),
        ("option<u8>", None, None),
        ("option<option<u8>>", {"some": None}, {"some": None}),
        ("option<option<option<u8>>>", {"some": {"some": 5}}, {"some": {"some": 5}}),
        ("result<_, string>", {"ok": None}, {"ok": None}),
        ("result<_, string>", {"err": "x"}, {"err": "x"}),
        ("variant { a, b(option<u8>) }", Variant("a"), "a"),
        ("variant { a, b(option<u8>) }", Variant("b"), {"b": None}),
        ("flags { x, y, z }", frozenset({"z", "x"}), ["x", "z"]),
        ("enum { a-b }", "a-b", "a-b"),
        ("tuple<u8, string>", (1, "é"), [1, "é"]),
        ("record { some-key: char }", {"some-key": "\U0001f600"}, {"some-key": "\U0001f600"}),
    ],
)
def test_forms(type_: str, value: Any, data: Any) -> None:
    parsed = parse_type(type_)
    assert to_json(parsed, value) == data
    assert from_json(parsed, data) == value
    assert read_json(parsed, write_json(parsed, value)) == value


@pytest.mark.parametrize(
    ("type_", "value", "normal"),
    [
        ("u8", Level.HIGH, 3),
        ("string", Word.HI, "hi"),
        ("f64", 3, 3.0),
        ("f32", 0.1, 0.10000000149011612),
        ("list<u8>", bytearray(b"ab"), b"ab"),
        ("list<u8>", memoryview(b"abcd")[::2], b"ac"),
        ("list<u16>", (1, 2), [1, 2]),
        ("tuple<u8, u8>", [1, 2], (1, 2)),
        ("flags { a, b }", ["b"], frozenset({"b"})),
        ("record { a: option<u8>, b: u8 }", {"b": 1}, {"a": None, "b": 1}),
    ],
)
def test_values_come_out_in_one_form(type_: str, value: Any, normal: Any) -> None:
    found = check(parse_type(type_), value)
    assert found == normal
    assert type(found) is type(normal)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("u8", 256, "x: expected u8 (0 to 255), found 256"),
        ("u8", True, "x: expected u8, found true"),
        ("u8", 1.0, "x: expected u8, found 1.0"),
        ("u8", 1 << 999, "x: expected u8 (0 to 255), found an integer of 1000 bits"),
        ("bool", 1, "x: expected bool, found 1"),
        ("f64", True, "x: expected f64, found true"),
        ("f64", 2**53 + 1, "x: expected an integer that f64 holds exactly, found 9007199254740993"),
        ("f32", 1e39, "x: expected f32 (up to 3.4028235e38), found 1e+39"),
        ("char", "ab", 'x: expected char (a string of one character), found the string "ab"'),
        ("string", "a\ud800", "x: expected string, found a lone surrogate, U+D800, at character 1"),
        ("string", None, "x: expected string, found null"),
        ("list<u8>", [1], "x: expected list<u8> (bytes), found a list of 1"),
        ("list<u16>", {1}, "x: expected list<u16>, found a Python set"),
        ("list<list<u16>>", [[], [1, "a"]], 'x[1][1]: expected u16, found the string "a"'),
        ("record { a: u8 }", {}, "x: expected record with the field `a`, found an empty map"),
        (
            "record { a: u8 }",
            {"a": 1, "b": 2},
            "x: expected record with no other fields than `a`, found the field `b`",
        ),
        ("record { a: tuple<u8, u8> }", {"a": (1, -1)}, "x.a[1]: expected u8 (0 to 255), found -1"),
        ("tuple<u8>", (), "x: expected tuple<u8> (1 items), found an empty tuple"),
        ("variant { a(u8) }", Variant("a", "b"), 'x.a: expected u8, found the string "b"'),
        ("variant { a }", Variant("a", 1), "x.a: expected nothing (null), found 1"),
        ("variant { a, b }", Variant("c"), 'x: expected a case of variant (`a`, `b`), found the string "c"'),
        ("variant { a }", "a", 'x: expected variant (a Variant), found the string "a"'),
        ("enum { a }", "b", 'x: expected a case of enum (`a`), found the string "b"'),
        ("flags { a }", ["a", "a"], "x: expected flags, each flag once, found a flag that is there twice"),
        ("flags { a }", "a", 'x: expected flags (a list of flags), found the string "a"'),
        (
            "result<u8>",
            {"ok": 1, "err": None},
            'x: expected result<u8> ({"ok": value} or {"err": value}), found a map with `ok`, `err`',
        ),
        ("option<option<u8>>", 5, 'x: expected option<option<u8>> (null or {"some": value}), found 5'),
        ("own<r>", 5, "x: expected a handle of resource `r`, found 5"),
    ],
)
def test_python_values_that_do_not_fit(type_: str, value: Any, message: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        check(parse_type(type_), value, "x")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("type_", "data", "message"),
    [
        ("u64", "01", 'x: expected u64 (a number, or a decimal string), found the string "01"'),
        ("u64", str(2**64), "x: expected u64 (0 to 18446744073709551615), found 18446744073709551616"),
        ("u32", "1", 'x: expected u32, found the string "1"'),
        ("f64", float("nan"), 'x: expected a finite number, "nan", "inf" or "-inf", found nan'),
        ("f64", "1", 'x: expected f64, found the string "1"'),
        ("list<u8>", "AB==", 'x: expected list<u8> (a base64 string), found the string "AB=="'),
        ("list<u8>", "A", 'x: expected list<u8> (a base64 string), found the string "A"'),
        ("list<u8>", "é", 'x: expected list<u8> (a base64 string), found the string "é"'),
        ("variant { b(u8) }", "b", 'x: expected variant ({"b": value}, the case carries a value), '
         'found the string "b"'),
        (
            "variant { a }",
            {"a": None},
            'x: expected variant ("a", the case carries no value), found a map with `a`',
        ),
        ("record { a: own<r> }", {"a": 1}, "x.a: expected a value that JSON can hold, found own<r>, a handle, "
         "which has no JSON form"),
    ],
)  # fmt: skip
def test_json_that_does_not_fit(type_: str, data: Any, message: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        from_json(parse_type(type_), data, "x")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("NaN", "the word NaN"),
        ('{"a": 1, "a": 2}', 'the string "a" twice'),
        ("[" * 100_000, "a text that is nested too deeply"),
        ("9" * 5000, "a number with too many digits"),
        ("{", "a text that is not JSON (line 1, column 2: Expecting property name enclosed in double quotes)"),
        (b"\xff", "a text that is not Unicode (byte 0)"),
    ],
)
def test_texts_that_are_no_json(text: str | bytes, found: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        load_json(text)
    assert caught.value.found == found


@pytest.mark.parametrize("convert", [check, to_json, from_json, size])
def test_types_without_values_are_refused(convert: Any) -> None:
    with pytest.raises(UnsupportedType) as caught:
        convert(parse_type("list<stream<u8>>"), [])
    assert str(caught.value) == "`stream<u8>` is not supported by this version: no value of it can be passed"
    with pytest.raises(UnsupportedType) as caught:
        convert(parse_type("option<a:b/c.d>"), None)
    assert str(caught.value) == "the type `a:b/c.d` was not looked up; its package is not among those given"


def test_a_type_nested_to_the_limit_converts() -> None:
    type_ = parse_type("list<" * 63 + "u16" + ">" * 63)
    value: Any = 1
    for _ in range(63):
        value = [value]
    assert from_json(type_, to_json(type_, value)) == value


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("bool", (1, 1)), ("char", (4, 4)), ("string", (8, 4)), ("list<u64>", (8, 4)), ("own<r>", (4, 4)),
        ("record { a: u8, b: u64, c: u8 }", (24, 8)), ("tuple<u8, u16, u8>", (6, 2)), ("option<u64>", (16, 8)),
        ("result", (1, 1)), ("result<u8, string>", (12, 4)), ("variant { a, b(u16) }", (4, 2)),
        ("enum { a, b }", (1, 1)),
        ("flags { a }", (1, 1)), (f"flags {{ {', '.join(f'f{i}x' for i in range(9))} }}", (2, 2)),
        (f"flags {{ {', '.join(f'f{i}x' for i in range(17))} }}", (4, 4)),
        (f"enum {{ {', '.join(f'c{i}' for i in range(257))} }}", (2, 2)),
    ],
)  # fmt: skip
def test_layouts_of_the_canonical_abi(type_: str, expected: tuple[int, int]) -> None:
    assert layout(parse_type(type_)) == expected


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("u32", 1, 4),
        ("string", "é!", 8 + 3),
        ("list<u8>", b"abc", 8 + 3),
        ("list<record { a: u8, b: u32 }>", [{"a": 1, "b": 2}] * 3, 8 + 3 * 8),
        ("list<string>", ["a", "bc"], 8 + 2 * 8 + 3),
        ("option<string>", None, 12),
        ("option<option<string>>", {"some": "ab"}, 16 + 2),
        ("result<string, u8>", {"err": 1}, 12),
        ("variant { a, b(string) }", Variant("b", "abc"), 12 + 3),
        ("record { a: option<string>, b: tuple<string, u8> }", {"b": ("x", 1)}, 12 + 12 + 1),
    ],
)
def test_sizes_of_values(type_: str, value: Any, expected: int) -> None:
    assert size(parse_type(type_), value) == expected


def test_the_size_of_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueMismatch) as caught:
        size(parse_type("record { a: string }"), {"a": 5})
    assert str(caught.value) == "a: expected string, found 5"


def test_the_schema_of_a_function_s_arguments() -> None:
    hit = t.Record((t.Field("n", t.U64), t.Field("why", t.Option(t.STRING))), "hit")
    function = t.Function("f", (t.Field("hits", t.List(hit)), t.Field("raw", t.List(t.U8))))
    assert json_schema(arguments(function)) == {
        "title": "arguments",
        "type": "object",
        "properties": {
            "hits": {
                "type": "array",
                "items": {
                    "title": "hit",
                    "type": "object",
                    "properties": {
                        "n": {
                            "anyOf": [
                                {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
                                {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"},
                            ]
                        },
                        "why": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                    },
                    "required": ["n"],
                    "additionalProperties": False,
                },
            },
            "raw": {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
        },
        "required": ["hits", "raw"],
        "additionalProperties": False,
    }


def test_an_unknown_field_beside_an_absent_option_is_refused() -> None:
    """An absent option leaves a field fewer, and a misspelt one must not make up for it."""
    type_ = parse_type("record { a: u8, b: option<string> }")
    for read in (check, from_json):
        with pytest.raises(ValueMismatch) as caught:
            read(type_, {"a": 1, "c": 2}, "x")
        assert str(caught.value) == "x: expected record with no other fields than `a`, `b`, found the field `c`"
