"""Why one function, interface or type does not answer another: the whole chain of causes."""

from __future__ import annotations

import pytest

from orchestrator.interface import (
    Packages,
    explain_function,
    explain_interface,
    explain_type,
    fits,
    parse_package,
    parse_type,
    version_fits,
)
from orchestrator.interface import types as t

NAMES = ("answerer", "retriever")


def _interface(body: str, name: str = "a:b/i") -> t.Interface:
    package, _, interface = name.partition("/")
    return Packages([parse_package(f"package {package}; interface {interface} {{ {body} }}")]).interface(name)


@pytest.mark.parametrize(
    ("wanted", "offered", "causes"),
    [
        (
            "search: func(query: string, limit: u32);",
            "search: func(query: string, limit: string);",
            ("function `search`", "parameter `limit`: `answerer` passes u32, `retriever` takes string"),
        ),
        (
            "f: func(a: u8);",
            "f: func();",
            ("function `f`", "`answerer` passes 1 parameter (`a`), `retriever` takes no parameters"),
        ),
        (
            "f: func(a: u8);",
            "f: func(b: u8);",
            ("function `f`", "parameter 1: `answerer` calls it `a`, `retriever` calls it `b`"),
        ),
        (
            "f: func() -> u8;",
            "f: func();",
            ("function `f`", "result: `answerer` expects u8, `retriever` returns nothing"),
        ),
        (
            "record doc { title: string, n: u8 } f: func(x: list<doc>);",
            "record doc { title: string, n: u16 } f: func(x: list<doc>);",
            (
                "function `f`",
                "parameter `x`: `answerer` and `retriever` mean different types by list<doc>",
                "element: `answerer` and `retriever` mean different types by doc",
                "field `n` of record `doc`: `answerer` has u8, `retriever` has u16",
            ),
        ),
        (
            "record doc { a: u8, b: u8 } f: func(x: doc);",
            "record doc { b: u8, a: u8 } f: func(x: doc);",
            (
                "function `f`",
                "parameter `x`: `answerer` and `retriever` mean different types by doc",
                "record `doc`: field 1 is `a` in `answerer` and `b` in `retriever`; the order counts",
            ),
        ),
        (
            "variant why { denied(string), gone } f: func() -> result<_, why>;",
            "variant why { denied(string) } f: func() -> result<_, why>;",
            (
                "function `f`",
                "result: `answerer` and `retriever` mean different types by result<_, why>",
                "err: `answerer` and `retriever` mean different types by why",
                "variant `why`: `answerer` has the case `gone`, `retriever` does not",
            ),
        ),
        (
            "f: func(); g: func(); resource r { m: func(); }",
            "f: func();",
            ("`retriever` does not have function `g`, method `m` of resource `r`; it has `f`",),
        ),
    ],
)
def test_interfaces_that_differ(wanted: str, offered: str, causes: tuple[str, ...]) -> None:
    assert explain_interface(_interface(wanted), _interface(offered), *NAMES) == causes


def test_more_functions_and_other_declared_names_are_no_difference() -> None:
    wanted = _interface("record doc { a: u8 } f: func(x: doc);")
    offered = _interface("record document { a: u8 } g: func(); f: func(x: document);")
    assert explain_interface(wanted, offered) == ()
    assert explain_interface(offered, wanted, *NAMES) == ("`retriever` does not have function `g`; it has `f`",)


def test_a_resource_is_the_same_by_name_in_the_interface_that_declares_it() -> None:
    body = "resource r { m: func() -> list<r>; } f: func(x: option<borrow<r>>, y: u8);"
    here, there = _interface(body), _interface(body, "c:d/j")
    assert explain_interface(here, there) == ()
    assert explain_function(here.functions[1], there.functions[1], *NAMES) == (
        "parameter `x`: `answerer` and `retriever` mean different types by option<borrow<r>>",
        "inside the option: `answerer` and `retriever` mean different types by borrow<r>",
        "`answerer` means resource `a:b/i.r`, `retriever` means resource `c:d/j.r`",
    )
    other = _interface(f"resource q; {body.replace('borrow<r>', 'borrow<q>')}", "c:d/j")
    assert explain_interface(here, other, *NAMES)[0] == "function `f`"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("u8", "s8"), ("list<u8>", "list<s8>"), ("option<u8>", "u8"), ("result<u8>", "result<_, u8>"),
        ("own<r>", "borrow<r>"),
        ("tuple<u8, u8>", "tuple<u8>"), ("enum { a, b }", "enum { b, a }"), ("flags { a }", "enum { a }"),
        ("own<r>", "own<q>"),
        ("variant { a, b }", "variant { a, b(u8) }"), ("stream<u8>", "future<u8>"), ("stream<u8>", "stream<u16>"),
        ("record { a: list<option<u8>> }", "record { a: list<option<u16>> }"),
    ],
)  # fmt: skip
def test_types_that_differ_in_one_place(one: str, other: str) -> None:
    assert explain_type(parse_type(one), parse_type(other))
    homes = [
        t.Interface(t.Name("i", "a", pack), functions=(t.Function("f", (t.Field("x", parse_type(text)),)),))
        for pack, text in (("b", one), ("c", other))
    ]
    assert explain_interface(homes[0], homes[1])
    assert explain_interface(homes[0], homes[0]) == ()


@pytest.mark.parametrize(
    ("wanted", "offered", "fitting"),
    [
        ("1.2.0", "1.2.0", True), ("1.2.0", "1.3.0", True), ("1.2.3", "1.2.2", False), ("1.2.0", "2.0.0", False),
        ("0.2.0", "0.2.9", True), ("0.2.10", "0.2.9", False), ("0.2.0", "0.3.0", False), ("0.0.1", "0.0.2", False),
        ("0.0.1", "0.0.1", True), ("", "1.0.0", True), ("1.0.0", "", True), ("1.0.0-rc.1", "1.0.0-rc.1", True),
        ("1.0.0-rc.1", "1.0.0", False), ("1.0.0", "1.1.0-rc.1", False), ("1.0.0+a", "1.0.0+b", True), ("x", "x", True),
        ("x", "1.0.0", False),
    ],
)  # fmt: skip
def test_versions_that_fit(wanted: str, offered: str, fitting: bool) -> None:
    assert version_fits(wanted, offered) is fitting
    assert fits(t.Name("i", "a", "b", wanted), t.Name("i", "a", "b", offered)) is fitting
    assert not fits(t.Name("i", "a", "b", wanted), t.Name("j", "a", "b", offered))
