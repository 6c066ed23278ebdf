"""Conditions in CEL over WIT values: what is refused when linked, what each type is, what an evaluation may cost."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

from orchestrator.contract import Condition, compile_condition, compile_value_condition
from orchestrator.diagnostics import Diagnostic, Source, Span
from orchestrator.errors import ConditionFailed
from orchestrator.interface.types import (
    BOOL,
    CHAR,
    F32,
    F64,
    S8,
    S64,
    STRING,
    U8,
    U32,
    U64,
    Borrow,
    Case,
    Enum,
    Field,
    Flags,
    List,
    Option,
    Own,
    Record,
    Resource,
    Result,
    Tuple,
    Type,
    Variant,
)
from orchestrator.interface.values import Variant as Value
from orchestrator.manifest.model import Where

SHAPE = Variant((Case("circle", F64), Case("square", U64), Case("none")))
ROLE = Enum(("user", "system"))
USAGE = Record((Field("total-tokens", U64), Field("note", Option(STRING))))
ANSWER = Result(Record((Field("usage", USAGE), Field("shape", SHAPE))), STRING)
MESSAGE = Record((Field("role", ROLE), Field("text", STRING)))
ARGS = Record((Field("messages", List(MESSAGE)), Field("limit", U32), Field("rights", Flags(("read", "write")))))


def compiled(text: str, **variables: Type) -> Condition:
    condition, diagnostics = compile_condition(text, variables, Where())
    assert [str(found) for found in diagnostics] == []
    assert condition is not None
    return condition


def holds(text: str, type_: Type, value: Any) -> bool:
    return compiled(text, value=type_)({"value": value})


def refused(text: str, **variables: Type) -> tuple[Diagnostic, ...]:
    condition, diagnostics = compile_condition(text, variables or {"args": ARGS, "result": ANSWER}, Where())
    assert condition is None
    return diagnostics


def failure(text: str, type_: Type, value: Any) -> str:
    with pytest.raises(ConditionFailed) as caught:
        holds(text, type_, value)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("value", BOOL, True),
        ("value == -5 && type(value) == int", S8, -5),
        ("value + 1 == 6", U32, 5),
        ("value == -9223372036854775807 - 1", S64, -(1 << 63)),
        ("value + 1u == 6u && type(value) == uint", U64, 5),
        ("value == 18446744073709551615u", U64, (1 << 64) - 1),
        ("value > 3 && value == 0u + 5u", U64, 5),
        ("value == 0u", U64, 0),
        ("value > 1.25", F32, 1.5),
        ("value > 1 && !(value < 1.0)", F64, float("inf")),
        ("value != value", F64, float("nan")),
        ("value == 'é' && size(value) == 1", CHAR, "é"),
        ("value == 'a\\u0000b' && value.startsWith('a')", STRING, "a\0b"),
        ("value == b'\\xff\\x00' && size(value) == 2", List(U8), b"\xff\0"),
        ("size(value) == 2 && value[1] == 'b' && 'a' in value", List(STRING), ["a", "b"]),
        ("value.all(x, x < 10u) && value[0] + 1u == 2u", List(U64), [1, 2]),
        ("value[0] == 1 && value[1] == 'x' && value[2] == 3u", Tuple((U32, STRING, U64)), (1, "x", 3)),
        ("value.`total-tokens` < 4000 && value.note == null", USAGE, {"total-tokens": 7, "note": None}),
        ("value['total-tokens'] + 1u == 8u && value.note == 'n'", USAGE, {"total-tokens": 7, "note": "n"}),
        ("value == null", Option(U32), None),
        ("value == 3", Option(U32), 3),
        ("value == null || value > 3", Option(U32), None),
        ("value.some == null", Option(Option(U32)), {"some": None}),
        ("value.some + 1u == 4u", Option(Option(U64)), {"some": 3}),
        ("value == null", Option(Option(U64)), None),
        ("value.circle > 1.0 && has(value.circle) && !has(value.square)", SHAPE, Value("circle", 2.0)),
        ("value.square == 3u && size(value) == 1", SHAPE, Value("square", 3)),
        ("has(value.none) && value.none == null && 'none' in value", SHAPE, Value("none")),
        ("value == 'user' && value in ['user', 'system']", ROLE, "user"),
        ("'read' in value && !('write' in value) && size(value) == 1", Flags(("read", "write")), frozenset({"read"})),
        ("value == ['read', 'write']", Flags(("read", "write")), frozenset({"write", "read"})),
        ("value.ok == 1u && !has(value.err)", Result(U64, STRING), {"ok": 1}),
        ("has(value.err) && value.err == 'no'", Result(U64, STRING), {"err": "no"}),
        ("has(value.ok) && value.ok == null", Result(None, STRING), {"ok": None}),
        ("value == '[handle]'", Own(Resource("file")), object()),
        ("value.f == '[handle]'", Record((Field("f", Borrow(Resource("file"))),)), {"f": object()}),
        (
            "value.exists(m, m.role == 'user' && m.text.matches('^h.*o$'))",
            List(MESSAGE),
            [{"role": "user", "text": "hello"}],
        ),
        ("value.filter(m, m.role == 'user').map(m, m.text) == ['a']", List(MESSAGE), [{"role": "user", "text": "a"}]),
        ("value.exists_one(x, x == 1)", List(U32), [1, 2]),
        ("value.all(k, k in ['total-tokens', 'note'])", USAGE, {"total-tokens": 1, "note": None}),
        ("value.map(x, x.text)[0] == 'a'", Option(List(MESSAGE)), [{"role": "user", "text": "a"}]),
        ("int(value.a) + value.b == 3", Record((Field("a", U64), Field("b", U32))), {"a": 1, "b": 2}),
        ("(value.a ? value.b : 'x') == 'y'", Record((Field("a", BOOL), Field("b", STRING))), {"a": True, "b": "y"}),
    ],
)
def test_each_wit_type_in_an_expression(text: str, type_: Type, value: Any) -> None:
    assert holds(text, type_, value) is True
    assert holds(f"!({text})", type_, value) is False


def test_what_the_design_writes_compiles() -> None:
    variables: dict[str, Type] = {"args": ARGS, "result": ANSWER}
    condition = compiled("size(args.messages) < 50 && result.ok.usage.`total-tokens` < 4000", **variables)
    shape = Value("none")
    result = {"ok": {"usage": {"total-tokens": 9, "note": None}, "shape": shape}}
    assert condition({"args": {"messages": [], "limit": 1, "rights": frozenset()}, "result": result}) is True


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        ("args.mesages == 1", "`args` has no field `mesages`", ("did you mean `messages`?",)),
        ("args['limt'] > 1", "`args` has no field `limt`", ("did you mean `limit`?",)),
        ("args.limit.x == 1", "`args.limit` is an int, it has no field `x`", ()),
        ("result.ok.usage.tokens < 1", "`result.ok.usage` has no field `tokens`", ("did you mean `total-tokens`?",)),
        ("has(result.er)", "`result` has no case `er`", ("did you mean `err`?",)),
        ("result.ok.shape.circl > 1.0", "`result.ok.shape` has no case `circl`", ("did you mean `circle`?",)),
        ("args.messages.all(m, m.rol == 'user')", "`m` has no field `rol`", ("did you mean `role`?",)),
        (
            "args.messages.role == 'user'",
            "`args.messages` is a list, it has no field `role`",
            ("`.all(x, …)` and `.exists(x, …)` look at the elements",),
        ),
        ("args.messages[0].role == 'usr'", "there is no case `usr`", ("did you mean `user`?",)),
        ("args.messages[0].role in ['sys']", "there is no case `sys`", ("did you mean `system`?",)),
        ("'raed' in args.rights", "there is no case `raed`", ("did you mean `read`?",)),
        ("args.limit == 'a'", "`==` compares an int with a string", ()),
        ("args.limit < 'a'", "`<` compares an int with a string", ()),
        (
            "result.ok.usage.`total-tokens` + 1 > 2",
            "`+` does not take a uint and an int",
            ("`int(x)` and `uint(x)` turn one into the other",),
        ),
        ("args.messages - 1 == 0", "`-` does not take a list and an int", ()),
        ("args.limit && true", "`args.limit` is an int, `&&` takes a bool", ()),
        ("!args.limit", "`args.limit` is an int, `!` takes a bool", ()),
        ("args.limit ? true : false", "`args.limit` is an int, `?:` takes a bool", ()),
        ("size(args.limit) > 1", "`args.limit` is an int, `size` takes a string, bytes, a list or a map", ()),
        ("args.limit.startsWith('a')", "`args.limit` is an int, `startsWith` is asked of a string", ()),
        ("1 in args.limit", "`args.limit` is an int, `in` looks into a list or a map", ()),
        ("args.limit.all(x, true)", "`args.limit` is an int, a macro goes over a list or a map", ()),
        ("args.limit", "it gives an int, a condition gives a bool", ()),
        ("result.ok.usage.note", "it gives a string, a condition gives a bool", ()),
        ("args + 1 == 2", "`+` does not take (map(string, dyn), int)", ()),
        ("1 + 'a' == 2", "`+` does not take (int, string)", ()),
        ("nope > 1", "there is no variable `nope`", ("known: `args`, `result`",)),
        ("arg.limit > 1", "there is no variable `arg`", ("did you mean `args`?",)),
        ("foo(1)", "there is no function `foo`", ()),
        ("args.limit.foo() > 1", "there is no function `foo`", ()),
        (
            "result.ok.usage.total-tokens < 1",
            "there is no variable `tokens`",
            ("a name with a dash is written in backticks: .`a-name`",),
        ),
        ("args.limit = 1", "`=` is not expected here", ("CEL writes `==`",)),
        ("true and true", "`and` is not expected here", ("CEL writes `&&`",)),
        ("1 +", "the expression ends too early", ()),
        ("has(args)", "has() argument must be a field selection", ()),
        ("", "it is empty", ()),
        ("  ", "it is empty", ()),
        ("true || 1 == 1\0", "it has a character that no text has ('\\x00')", ()),
        ("'\ud800' == 'a'", "it has a character that no text has ('\\ud800')", ()),
        ("args.messages[0].text.matches(args.messages[1].text)", "the pattern of `matches` must be a literal", ()),
        ("args.messages[0].text.matches('(a')", "not a regular expression: missing ): (a", ()),
        ("(" * 40 + "true" + ")" * 40, "it is nested too deeply", ()),
        ("1" + " + 1" * 200 + " > 1", "it is nested too deeply", ()),
        ("true" + " " * 5000, "it has 5004 characters, at most 4096 are allowed", ()),
    ],
)
def test_what_is_refused_when_linked(text: str, message: str, help_: tuple[str, ...]) -> None:
    (diagnostic,) = refused(text)
    assert diagnostic.code == "expression"
    assert diagnostic.message.endswith(f"`: {message}")
    assert diagnostic.help == help_


def test_a_place_past_a_tuple_is_refused() -> None:
    (diagnostic,) = refused("value[2] == 1", value=Tuple((U32, U32)))
    assert diagnostic.message == "in the expression `value[2] == 1`: a tuple of 2 has no place 2"


def test_a_type_of_too_many_levels_is_refused() -> None:
    deep: Type = U32
    for _ in range(80):
        deep = List(deep)
    (diagnostic,) = refused("size(value) > 1", value=deep)
    assert diagnostic.message == "in the expression `size(value) > 1`: it is over a type of more than 64 levels"


def test_every_mistake_of_an_expression_is_reported() -> None:
    found = refused("args.limt > 1 && args.limit == 'x' && has(result.oops)")
    assert [diagnostic.message.split("`: ", 1)[1] for diagnostic in found] == [
        "`args` has no field `limt`",
        "`==` compares an int with a string",
        "`result` has no case `oops`",
    ]


def test_has_of_a_records_field_is_warned_about() -> None:
    condition, (warning,) = compile_condition("has(value.note)", {"value": USAGE}, Where())
    assert condition is not None
    assert str(warning) == (
        "warning[expression]: in the expression `has(value.note)`: `has()` of a record's field `note` is always true\n"
        " = help: an option that is missing is null: compare it with null"
    ).replace("\n = ", "\n = ")


def place(line: str, text: str) -> Where:
    column = line.index(text) + 1
    quote = line[column - 2] in "\"'"
    source = Source("p.yaml", f"first\n{line}\n")
    return Where(Span(source, 2, column - quote, 2, column + len(text) + quote))


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_problem_is_marked_inside_the_expression(quote: str) -> None:
    text = "args.limit > 1 && args.mesages[0].text == ''"
    line = f"  require: [{quote}{text}{quote}]"
    _, (diagnostic,) = compile_condition(text, {"args": ARGS}, place(line, text))
    assert str(diagnostic) == (
        f"error[expression]: in the expression `{text}`: `args` has no field `mesages`\n"
        f" --> p.yaml:2:{line.index('mesages') + 1}\n"
        "  |\n"
        f"2 | {line}\n"
        f"  | {' ' * line.index('mesages')}^^^^^^^\n"
        "  = help: did you mean `messages`?"
    )


def test_an_expression_that_stands_otherwise_in_its_source_is_marked_as_a_whole() -> None:
    where = Where(Span(Source("p.yaml", 'x: "args.limt\\u0020> 1"'), 1, 4, 1, 24))
    _, (diagnostic,) = compile_condition("args.limt > 1", {"args": ARGS}, where)
    assert diagnostic.span == where.span


def test_hostile_text_is_harmless_in_a_message() -> None:
    (diagnostic,) = refused("args.limit == '\x1b[31m' + 1")
    assert "\x1b" not in str(diagnostic)


@pytest.mark.parametrize(
    ("text", "type_", "value", "cause"),
    [
        ("value.circle > 1.0", SHAPE, Value("none"), "there is no `circle`"),
        ("value.ok > 1u", Result(U64, STRING), {"err": "hidden"}, "there is no `ok`"),
        ("value + 1 > 0", S64, (1 << 63) - 1, "a number is out of range"),
        ("value - 1u > 0u", U64, 0, "a number is out of range"),
        ("1 / value > 0", U32, 0, "division by zero"),
        ("1 % value > 0", U32, 0, "division by zero"),
        ("value[5] == 1", List(U32), [1], "an index is out of bounds"),
        ("value > 3", Option(U32), None, "`>` does not take (null, int)"),
        ("value.all(x, x >= 0)", List(U32), [0] * 20000, "it takes more than 10,000 iterations"),
        ("value == 'x'", STRING, "\ud800", "the values do not fit the expression"),
        ("dyn(value)", STRING, "hidden", "it gives no bool"),
        ("int(value) > 1", STRING, "hidden", "a value cannot be converted"),
        ("value.`total-tokens` > 1", Option(USAGE), None, "a field is asked of a value that has none"),
        (
            "value.some.x == 1",
            Option(Option(Record((Field("x", U32),)))),
            None,
            "a field is asked of a value that has none",
        ),
    ],
)
def test_what_cannot_be_evaluated_fails(text: str, type_: Type, value: Any, cause: str) -> None:
    assert failure(text, type_, value) == f"`{text}` could not be evaluated: {cause}"


def test_a_text_that_reads_like_an_error_is_a_value() -> None:
    assert holds("value == 'NOT_FOUND: Key not found'", STRING, "NOT_FOUND: Key not found") is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("value.map(a, a + a).map(a, a + a).size() > 0", ["x" * 1_000_000] * 20),
        ("value.all(a, value.exists(b, a == b))", ["x" * 500_000] * 90),
        ("value.all(a, !a.matches('[ab]*a[ab]{20}c'))", ["ab" * 4_000_000]),
        ("value == ['x']", ["x"] * 4_000_000),
    ],
)
def test_values_too_large_for_an_expression_are_not_evaluated(text: str, value: list[str]) -> None:
    assert failure(text, List(STRING), value) == (
        f"`{text}` could not be evaluated: the values are too large for its budget"
    )


def test_an_expression_that_grows_without_bound_is_refused() -> None:
    text = "[value]" + ".map(a, [a, a])" * 25 + " == []"
    found = compile_condition(text, {"value": U32}, Where())[1]
    assert found[0].message.endswith("it takes too much work even for a small value")


def test_what_is_cheap_has_no_bound() -> None:
    assert compiled("value.`total-tokens` < 4000", value=USAGE).heaviest == float("inf")


def test_five_thousand_documents_are_within_the_budget() -> None:
    documents = [{"role": "user", "text": "x" * 1000}] * 5000
    assert holds("value.all(m, size(m.text) < 2000 && m.role == 'user')", List(MESSAGE), documents) is True


def test_parts_that_an_expression_does_not_read_are_not_looked_at() -> None:
    assert holds("value.`total-tokens` == 1u", USAGE, {"total-tokens": 1}) is True
    assert holds("value.ok.usage.`total-tokens` == 1u", ANSWER, {"ok": {"usage": {"total-tokens": 1}}}) is True
    assert holds("value.all(m, m.role == 'user')", List(MESSAGE), [{"role": "user"}]) is True


def test_it_knows_whether_it_asks_for_an_error() -> None:
    assert compiled("has(result.err)", result=ANSWER).asks_err is True
    assert compiled("result.err == 'x'", result=ANSWER).asks_err is False
    assert compiled("has(value.err)", value=ANSWER).asks_err is False


def test_a_condition_over_a_value_takes_the_value() -> None:
    condition, diagnostics = compile_value_condition("value > 3", U32, Where())
    assert diagnostics == ()
    assert condition is not None
    assert (condition(4), condition(3)) == (True, False)
    assert compile_value_condition("value >", U32, Where())[0] is None


def test_a_condition_is_asked_by_many_threads() -> None:
    condition = compiled("value.all(x, x < 10)", value=List(U32))
    wrong: list[object] = []

    def ask(value: list[int], expected: bool) -> None:
        wrong.extend(1 for _ in range(300) if condition({"value": value}) is not expected)

    threads = [threading.Thread(target=ask, args=([1, 2, last], last < 10)) for last in (3, 30, 9, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_library_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, orchestrator.contract; print([m for m in sys.modules if m.startswith(('cel', 're2', 'google'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
