"""WIT text: what it means, and the message for what it does not."""

from __future__ import annotations

import pytest

from orchestrator.errors import WitError
from orchestrator.interface import Packages, parse_package, parse_packages, parse_type, show_type
from orchestrator.interface import types as t


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("list<u8>", t.List(t.U8)),
        (" option < result<string , u32> > // why\n", t.Option(t.Result(t.STRING, t.U32))),
        ("result", t.Result()),
        ("result<_, string>", t.Result(None, t.STRING)),
        ("tuple<u8, s64,>", t.Tuple((t.U8, t.S64))),
        ("agent:data/documents.document", t.Named("document", "agent:data/documents")),
        ("a:b/c@1.0.0.d", t.Named("d", "a:b/c@1.0.0")),
        ("a:b/c@1.0.0-rc.1.d", t.Named("d", "a:b/c@1.0.0-rc.1")),
        ("own<a:b/c@1.0.0.r>", t.Own(t.Resource("r", "a:b/c"))),
        ("borrow<r>", t.Borrow(t.Resource("r"))),
        ("record { a: u32, %type: bool }", t.Record((t.Field("a", t.U32), t.Field("type", t.BOOL)))),
        ("variant { none, some(u8) }", t.Variant((t.Case("none"), t.Case("some", t.U8)))),
        ("stream<u8>", t.Unsupported("stream", (t.U8,))),
        ("map<string, u8>", t.Unsupported("map", (t.STRING, t.U8))),
        ("future", t.Unsupported("future")),
        ("error-context", t.Unsupported("error-context")),
        ("%list", t.Named("list")),
    ],
)
def test_type_expressions(text: str, type_: t.Type) -> None:
    assert parse_type(text) == type_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a type, found the end of the text"),
        ("list", "line 1, column 5: expected `<`, found the end of the text"),
        ("list<u8", "line 1, column 8: expected `>`, found the end of the text"),
        ("u8>", "line 1, column 3: expected the end of the type, found `>`"),
        ("tuple<\n u8 s8>", "line 2, column 5: expected `,` or `>`, found `s8`"),
        ("tuple<>", "line 1, column 6: a tuple has at least one item"),
        ("record {}", "line 1, column 8: a record must have at least one field"),
        ("record { a: u8, a: u8 }", "line 1, column 8: the field `a` is there twice"),
        (
            "record { type: u8 }",
            "line 1, column 10: `type` is a keyword of WIT and cannot be the name of a field as it is",
        ),
        ("listOf<u8>", "line 1, column 1: `listOf` is not in kebab-case"),
        ("float32", "line 1, column 1: `float32` is now called `f32`"),
        ("list<u8, 4>", "line 1, column 8: lists of a fixed length are not supported by this version"),
        ("\x1b[0m", "line 1, column 1: the character `\\x1b` has no meaning in WIT"),
        ("a:b/c", "line 1, column 6: expected `.`, found the end of the text"),
        ("list<" * 65 + "u8" + ">" * 65, "line 1, column 321: the type is nested more than 64 levels deep"),
        ("u8 " * 30_000, "line 1, column 1: the type has 90000 characters; at most 65536 are read"),
        ("u8 /* /* */", "line 1, column 4: the comment that begins here has no end"),
    ],
)
def test_what_is_no_type(text: str, message: str) -> None:
    with pytest.raises(WitError) as caught:
        parse_type(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interface i {}", "line 1, column 1: the text names no package"),
        ("package a:b; interface i { f: func() }", "line 1, column 38: expected `;`, found `}`"),
        (
            "package a:b; interface i { f: async func(); }",
            "line 1, column 31: async functions are not supported by this version",
        ),
        (
            "package a:b; interface i { f: func() -> (a: u8); }",
            "line 1, column 41: a function has one result; several are a tuple or a record",
        ),
        ("package a:b; interface i { f: func(); f: func(); }", "line 1, column 39: `f` is declared twice"),
        (
            "package a:b; interface i { f: func(x: record { a: u8 }); }",
            "line 1, column 39: a record must be declared with a name of its own before it is used",
        ),
        ("package a:b; interface i {} world i {}", "line 1, column 35: `i` is declared twice in its package"),
        (
            "package a:b; world w { import x: c:d/e; }",
            "line 1, column 31: giving an interface the name `x` is not supported by this version",
        ),
        ("package a:b@1; ", "line 1, column 13: expected a version of three numbers, like `1.0.0`, found `1`"),
        (
            "package a:b; @new(version = 1.0.0) interface i {}",
            "line 1, column 18: `@new` is not known; expected `since`, `unstable` or `deprecated`",
        ),
        ("package a:b; func", "line 1, column 14: expected `interface`, `world`, `use` or `package`, found `func`"),
    ],
)
def test_what_is_no_package(text: str, message: str) -> None:
    with pytest.raises(WitError) as caught:
        parse_package(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "interface i { record doc { x: dok } type docs = list<doc>; }",
            "line 1, column 44: `a:b/i` declares no type `dok`; did you mean `doc`?",
        ),
        ("interface i { use j.{x}; }", "line 1, column 35: package `a:b` has no interface `j`; there is `i`"),
        ("interface i { use c:d/e.{x}; }", "line 1, column 39: there is no package `c:d`; there is `a:b`"),
        ("interface i { record r { r: list<r> } }", "line 1, column 35: the type `r` contains itself"),
        ("interface i { type x = u8; f: func(a: borrow<x>); }", "line 1, column 59: `x` is a type, not a resource"),
    ],
)
def test_names_that_lead_nowhere(text: str, message: str) -> None:
    with pytest.raises(WitError) as caught:
        Packages([parse_package(f"package a:b; {text}")]).interface("a:b/i")
    assert str(caught.value) == message


def test_types_that_are_endless_when_written_out_are_refused() -> None:
    doubled = "".join(f"record r{i} {{ x: r{i + 1}, y: r{i + 1} }} " for i in range(40))
    packages = Packages([parse_package(f"package a:b; interface i {{ {doubled} type r40 = u8; }}")])
    with pytest.raises(WitError) as caught:
        packages.interface("a:b/i")
    assert caught.value.message == "the type has more than 65536 parts when it is written out"


def test_aliases_without_end_are_refused() -> None:
    chain = "".join(f"type a{i} = a{i + 1}; " for i in range(5000))
    packages = Packages([parse_package(f"package a:b; interface i {{ {chain} type a5000 = u8; }}")])
    with pytest.raises(WitError) as caught:
        packages.interface("a:b/i")
    assert caught.value.message == "the types lead from name to name too many times"


def test_worlds_that_include_each_other_are_refused() -> None:
    with pytest.raises(WitError) as caught:
        Packages([parse_package("package a:b; world v { include w; } world w { include v; }")]).world("a:b/v")
    assert caught.value.message == "the world `v` includes itself"
    twice = "".join(f"world w{i + 1} {{ include w{i}; include w{i}; }} " for i in range(40))
    with pytest.raises(WitError) as caught:
        Packages([parse_package(f"package a:b; world w0 {{}} {twice}")]).world("a:b/w40")
    assert caught.value.message == "worlds are included more than 1000 times"


def test_texts_of_several_packages_are_sorted_out() -> None:
    texts = ["package a:b; interface i {}", "package c:d; interface j {}", "package a:b; interface k {}"]
    found = parse_packages(texts)
    assert [(str(p.name), [i.name for i in p.interfaces]) for p in found] == [("a:b", ["i", "k"]), ("c:d", ["j"])]


def test_manifest_types_are_looked_up() -> None:
    packages = Packages([parse_package("package a:b@0.1.0; interface i { record doc { n: u8 } resource r; }")])
    doc = t.Record((t.Field("n", t.U8),), "doc")
    found = packages.resolve(parse_type("list<tuple<a:b/i.doc, own<a:b/i.r>, a:b/i@0.1.0.r>>"))
    handle = t.Own(t.Resource("r", "a:b/i"))
    assert found == t.List(t.Tuple((doc, handle, handle)))
    assert show_type(found) == "list<tuple<doc, own<r>, own<r>>>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strin", "there is no type `strin`; did you mean `string`?"),
        ("doc", "there is no type `doc`; did you mean `a:b/i.doc`?"),
        ("a:b/i.dok", "`a:b/i@0.1.0` declares no type `dok`; did you mean `doc`?"),
        ("a:b/i@0.2.0.doc", "no version of package `a:b` fits `0.2.0`; there is `a:b@0.1.0`"),
        ("a:c/i.doc", "there is no package `a:c`; did you mean `a:b`?"),
        ("own<a:b/i.doc>", "`a:b/i.doc` is a type, not a resource"),
    ],
)
def test_manifest_types_that_lead_nowhere(text: str, message: str) -> None:
    packages = Packages([parse_package("package a:b@0.1.0; interface i { record doc { n: u8 } }")])
    with pytest.raises(WitError) as caught:
        packages.resolve(parse_type(text))
    assert str(caught.value) == message
