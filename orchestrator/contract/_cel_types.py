"""What CEL's own checker cannot see: fields of WIT values and their kinds, and which parts an expression reads.

CEL's maps have one type for all their values, so a record is a map of anything to it. This walk follows the checked
tree with the WIT types and reports unknown fields and cases, operators between kinds that never fit, and a condition
that is no bool. What it cannot tell (`dyn`) is left to the evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.contract._cel_kinds import BYTES, NULL, Static, Uses, article, enter, fields, kind, operator
from orchestrator.contract._cel_tree import Call, Const, Expr, Ident, ListOf, Loop, MapOf, Select
from orchestrator.contract._place import Problem
from orchestrator.diagnostics import Severity
from orchestrator.interface.types import (
    BOOL,
    F64,
    S64,
    STRING,
    U8,
    U64,
    Enum,
    Flags,
    List,
    Option,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)
from orchestrator.wording import suggest

_NUMBERS = {"int", "uint", "double"}
_OPERATORS = {"_+_", "_-_", "_*_", "_/_", "_%_"}
_ORDERS = {"_<_", "_<=_", "_>_", "_>=_"}
_TEXT = {"contains", "startsWith", "endsWith", "matches"}
_RESULTS: Mapping[str, Type] = {
    "size": S64,
    "int": S64,
    "uint": U64,
    "double": F64,
    "string": STRING,
    "bytes": BYTES,
    "bool": BOOL,
    "-_": S64,
}


@dataclass(slots=True)
class Findings:
    """What the walk found: problems, the type of each node by its id, and the parts read of each variable."""

    problems: list[Problem]
    types: dict[int, Static]
    uses: dict[str, Uses]
    asks_err: bool = False


_Env = Mapping[str, tuple[Static, Uses | None]]


def examine(tree: Expr, text: str, positions: Mapping[int, int], variables: Mapping[str, Type]) -> Findings:
    """Walks a checked tree with the WIT types of its variables; `positions` are offsets in `text` by node id."""
    uses = {name: Uses() for name in variables}
    walk = _Walk(text, positions, Findings([], {}, uses))
    env: _Env = {name: (type_, uses[name]) for name, type_ in variables.items()}
    found = walk.value(tree, env)
    if kind(found) not in ("bool", "dyn"):
        walk.problem(tree, f"it gives {article(kind(found))}, a condition gives a bool")
    return walk.findings


def path(node: Expr) -> str:
    """The expression as written, when it is a chain of names; else what to call it."""
    match node:
        case Ident(_, name):
            return f"`{name}`" if not name.startswith("@") else "this"
        case Select(_, operand, name, False):
            head = path(operand)
            return f"`{head.strip('`')}.{name}`" if head.startswith("`") else "this"
        case _:
            return "this"


class _Walk:
    def __init__(self, text: str, positions: Mapping[int, int], findings: Findings) -> None:
        self.text, self.positions, self.findings = text, positions, findings

    def problem(self, node: Expr, message: str, *help_: str, severity: Severity = "error") -> None:
        self.findings.problems.append(Problem(message, self._offset(node), help_, severity))

    def _offset(self, node: Expr) -> int | None:
        """Where to mark a node: of `has(a.b)`, whose own offset is that of `has`, the name of the field."""
        if isinstance(node, Select) and node.test:
            found = self.text.find(node.field, self.positions.get(node.operand.id, 0) + 1)
            return found if found >= 0 else None
        return self.positions.get(node.id)

    def value(self, node: Expr, env: _Env) -> Static:
        """The type of a node whose value is read as a whole."""
        type_, uses = self.visit(node, env)
        if uses is not None:
            uses.whole = True
        return type_

    def visit(self, node: Expr, env: _Env) -> tuple[Static, Uses | None]:
        """The type of a node, and what is read of it if it is a part of a variable."""
        found = self._visit(node, env)
        self.findings.types[node.id] = found[0]
        return found

    def _visit(self, node: Expr, env: _Env) -> tuple[Static, Uses | None]:
        match node:
            case Const():
                return _literal(node), None
            case Ident(_, name):
                return env.get(name, (None, None))
            case Select():
                return self._select(node, env)
            case Call(_, "_[_]", (operand, index)):
                return self._index(node, operand, index, env)
            case Call():
                return self._call(node, env), None
            case ListOf(_, items):
                return _list_of([self.value(item, env) for item in items]), None
            case MapOf(_, items):
                for item in items:
                    self.value(item, env)
                return None, None
            case Loop():
                return self._loop(node, env), None

    def _select(self, node: Select, env: _Env) -> tuple[Static, Uses | None]:
        type_, uses = self.visit(node.operand, env)
        if isinstance(node.operand, Ident) and (node.operand.name, node.field, node.test) == ("result", "err", True):
            self.findings.asks_err = True
        inside = self._field(node, node.operand, type_, node.field)
        here = self._into(uses, type_, node.field)
        if node.test:
            return BOOL, None
        return inside, here

    def _into(self, uses: Uses | None, type_: Static, name: str) -> Uses | None:
        if uses is None:
            return None
        if isinstance(enter(type_), Record | Variant | Result):
            return uses.into(name)
        uses.whole = True
        return None

    def _field(self, node: Expr, operand: Expr, type_: Static, name: str) -> Static:
        names = fields(enter(type_))
        if names is None:
            if kind(type_) not in ("dyn", "null"):
                self._no_fields(node, operand, type_, name)
            return None
        if name not in names:
            noun = "case" if isinstance(enter(type_), Variant | Result) else "field"
            self.problem(node, f"{path(operand)} has no {noun} `{name}`", suggest(name, names))
            return None
        if isinstance(node, Select) and node.test and isinstance(type_, Record):
            self._always(node, names[name])
        return names[name]

    def _no_fields(self, node: Expr, operand: Expr, type_: Static, name: str) -> None:
        hint = ("`.all(x, …)` and `.exists(x, …)` look at the elements",) if kind(type_) == "list" else ()
        self.problem(node, f"{path(operand)} is {article(kind(type_))}, it has no field `{name}`", *hint)

    def _always(self, node: Select, inside: Static) -> None:
        hint = ("an option that is missing is null: compare it with null",) if isinstance(inside, Option) else ()
        self.problem(node, f"`has()` of a record's field `{node.field}` is always true", *hint, severity="warning")

    def _index(self, node: Expr, operand: Expr, index: Expr, env: _Env) -> tuple[Static, Uses | None]:
        type_, uses = self.visit(operand, env)
        self.value(index, env)
        match enter(type_), index:
            case Record() | Variant() | Result(), Const(_, str(name)):
                return self._field(index, operand, type_, name), self._into(uses, type_, name)
            case List(element), _ if element != U8:
                return element, uses and uses.into("*")
            case Tuple(items), Const(_, int(place)):
                self._whole(uses)
                return self._place(index, items, place), None
        self._whole(uses)
        if kind(type_) not in ("dyn", "list", "map", "null"):
            self.problem(node, f"{path(operand)} is {article(kind(type_))}, it has no elements to pick by `[]`")
        return None, None

    def _place(self, node: Expr, items: tuple[Type, ...], place: int) -> Static:
        if 0 <= place < len(items):
            return items[place]
        self.problem(node, f"a tuple of {len(items)} has no place {place}", "places count from 0")
        return None

    @staticmethod
    def _whole(uses: Uses | None) -> None:
        if uses is not None:
            uses.whole = True

    def _call(self, node: Call, env: _Env) -> Static:
        if node.function == "size" and len(node.args) == 1:
            return self._size(node, env)
        types = [self.value(arg, env) for arg in node.args]
        if len(types) == 2:
            return self._binary(node, types[0], types[1])
        if node.function == "_?_:_":
            self._bools(node, types[:1])
            return types[1] if kind(types[1]) == kind(types[2]) else None
        if node.function in ("!_", "@not_strictly_false"):
            self._bools(node, types)
            return BOOL
        if node.function == "-_":
            return types[0]
        return _RESULTS.get(node.function)

    def _size(self, node: Call, env: _Env) -> Static:
        type_, uses = self.visit(node.args[0], env)
        if kind(type_) not in ("string", "bytes", "list", "map", "dyn", "null"):
            found = f"{path(node.args[0])} is {article(kind(type_))}"
            self.problem(node, f"{found}, `size` takes a string, bytes, a list or a map")
        counts_only = isinstance(enter(type_), List) and kind(type_) == "list"
        if not counts_only:
            self._whole(uses)
        return S64

    def _binary(self, node: Call, left: Static, right: Static) -> Static:
        name = node.function
        if name in ("_&&_", "_||_"):
            self._bools(node, [left, right])
        elif name in ("_==_", "_!=_") or name in _ORDERS:
            self._compare(node, left, right)
        elif name in _OPERATORS:
            return self._operate(node, left, right)
        elif name == "@in":
            self._within(node, left, right)
        elif name in _TEXT:
            if kind(left) not in ("string", "dyn"):
                self.problem(node, f"{path(node.args[0])} is {article(kind(left))}, `{name}` is asked of a string")
        else:
            return _RESULTS.get(name)
        return BOOL

    def _bools(self, node: Call, types: list[Static]) -> None:
        for arg, type_ in zip(node.args, types, strict=False):
            if kind(type_) not in ("bool", "dyn"):
                self.problem(arg, f"{path(arg)} is {article(kind(type_))}, `{operator(node.function)}` takes a bool")

    def _compare(self, node: Call, left: Static, right: Static) -> None:
        sort = {"number" if kind(t) in _NUMBERS else kind(t) for t in (left, right)}
        nullable = node.function in ("_==_", "_!=_") and "null" in sort
        if len(sort) > 1 and "dyn" not in sort and not nullable:
            message = f"`{operator(node.function)}` compares {article(kind(left))} with {article(kind(right))}"
            self.problem(node, message)
        for type_, other in ((left, node.args[1]), (right, node.args[0])):
            self._case(type_, other)

    def _case(self, type_: Static, other: Expr) -> None:
        """Whether a literal that is compared with an enum is one of its cases."""
        names = enter(type_)
        literal = other.value if isinstance(other, Const) else None
        if isinstance(names, Enum) and isinstance(literal, str) and literal not in names.cases:
            self.problem(other, f"there is no case `{literal}`", suggest(literal, names.cases))

    def _operate(self, node: Call, left: Static, right: Static) -> Static:
        kinds = {kind(left), kind(right)} - {"dyn"}
        allowed = _NUMBERS | ({"string", "bytes", "list"} if node.function == "_+_" else set())
        if len(kinds) > 1 or not kinds <= allowed:
            names = f"{article(kind(left))} and {article(kind(right))}"
            hint = ("`int(x)` and `uint(x)` turn one into the other",) if kinds == {"int", "uint"} else ()
            self.problem(node, f"`{operator(node.function)}` does not take {names}", *hint)
            return None
        return left if left is not None else right

    def _within(self, node: Call, left: Static, right: Static) -> None:
        if kind(right) not in ("list", "map", "dyn"):
            self.problem(node, f"{path(node.args[1])} is {article(kind(right))}, `in` looks into a list or a map")
        items = node.args[1].items if isinstance(node.args[1], ListOf) else ()
        for item in items:
            self._case(left, item)
        flags = enter(right)
        if isinstance(flags, Flags):
            self._case(Enum(flags.names), node.args[0])

    def _loop(self, node: Loop, env: _Env) -> Static:
        type_, uses = self.visit(node.range, env)
        if kind(type_) not in ("list", "map", "dyn", "null"):
            self.problem(node.range, f"{path(node.range)} is {article(kind(type_))}, a macro goes over a list or a map")
        inner = dict(env)
        inner[node.variable] = self._element(type_, uses)
        inner[node.accumulator] = (self.value(node.start, env), None)
        self.value(node.condition, inner)
        inner[node.accumulator] = (self.value(node.step, inner), None)
        return self.value(node.result, inner)

    def _element(self, type_: Static, uses: Uses | None) -> tuple[Static, Uses | None]:
        match enter(type_):
            case List(element) if element != U8:
                return element, uses and uses.into("*")
            case Flags() | Record() | Variant() | Result():
                self._whole(uses)
                return STRING, None
        self._whole(uses)
        return None, None


def _literal(node: Const) -> Static:
    match node.value:
        case bool():
            return BOOL
        case int():
            return U64 if node.unsigned else S64
        case float():
            return F64
        case str():
            return STRING
        case bytes():
            return BYTES
        case _:
            return NULL


def _list_of(items: list[Static]) -> Static:
    first = items[0] if items else None
    return List(first) if first is not None and first != U8 and all(item == first for item in items) else None
