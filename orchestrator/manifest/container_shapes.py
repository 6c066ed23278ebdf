"""The forms that hold others: any JSON value, lists, maps with free keys, and maps whose keys are the language's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.manifest import scalars
from orchestrator.manifest.context import BAD, Bad, Context, Spot, describe
from orchestrator.manifest.scalar_shapes import Choice, Name, Text, Whole
from orchestrator.manifest.shapes import Schema, Shape, compiled, joined, nearest, not_enforced, refuse
from orchestrator.manifest.substitution import SUBSTITUTED
from orchestrator.manifest.tree import Entries, Items, Scalar, Tree

KINDS = {
    "data": "a data edge",
    "call": "a call edge",
    "tool": "a tool edge",
    "python": "a Python node",
    "component": "a component",
}
"""What an object is called after the key that says its kind."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Anything:
    """Any JSON value; its type is checked by `link`, which knows what takes it."""

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """The value as Python's JSON forms: dict, list, str, int, float, bool, None."""
        match tree:
            case Entries(entries):
                fields = {key.text: self.read(context, value, spot.key(key)) for key, value in entries}
                return BAD if BAD in fields.values() else fields
            case Items(items):
                values = [self.read(context, item, spot.item(index, item)) for index, item in enumerate(items)]
                return BAD if BAD in values else values
            case Scalar():
                return self._scalar(context, tree, spot)
            case _:
                return BAD

    def _scalar(self, context: Context, scalar: Scalar, spot: Spot) -> Any:
        if scalar.style == "plain" and "${" not in scalar.text:
            try:
                grouped = scalars.read_integer(scalar.text) if "_" in scalar.text else None
                return scalars.plain_value(scalar.text) if grouped is None else grouped
            except ValueError as error:
                return context.error(
                    "out-of-range", f"{spot}: {error}", scalar, help="put it in quotes if it is a text"
                )
        filled = context.text(scalar, spot)
        return BAD if isinstance(filled, Bad) else filled.text

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {}

    def show(self) -> str:
        """As `Shape.show`."""
        return "any value"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListOf:
    """A list; `unique` refuses a value twice."""

    item: Shape
    what: str
    unique: bool = False
    empty: bool = True

    def read(self, context: Context, tree: Tree, spot: Spot) -> tuple[Any, ...] | Bad:
        """The values that are not bad, as a tuple."""
        if not isinstance(tree, Items):
            return refuse(
                context,
                tree,
                spot,
                self.what,
                "write it as a list: `[…]`" if isinstance(tree, Scalar) and tree.text else "",
            )
        if not tree.items and not self.empty:
            return context.error("empty-value", f"{spot} is empty", tree, label=f"expected {self.what}")
        values: list[Any] = []
        seen: set[Any] = set()
        kept: list[Tree] = []
        refused: list[Tree] = []
        for index, item in enumerate(tree.items):
            value = self.item.read(context, item, spot.item(index, item))
            if self.unique and value in seen:
                context.error("twice", f"{spot} names {describe(item)} twice", item, help="remove one of them")
                refused.append(item)
            elif value is BAD:
                refused.append(item)
            else:
                values.append(value)
                kept.append(item)
                if self.unique:
                    seen.add(value)
        if refused:
            # A value's index is then another than its item's; those that have no value come last.
            context.note(tree, {index: context.where(item) for index, item in enumerate((*kept, *refused))})
        return tuple(values)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        more: Schema = {"uniqueItems": True} if self.unique else {}
        return {"type": "array", "items": self.item.schema()} | more | ({} if self.empty else {"minItems": 1})

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneOrMore:
    """One item, or a list of such in which none stands twice; always a tuple."""

    item: Shape
    what: str

    def read(self, context: Context, tree: Tree, spot: Spot) -> tuple[Any, ...] | Bad:
        """The values that are not bad."""
        if isinstance(tree, Items):
            return self._list.read(context, tree, spot)
        if not isinstance(tree, Scalar):
            return refuse(context, tree, spot, self.what)
        value = self.item.read(context, tree, spot)
        return BAD if isinstance(value, Bad) else (value,)

    @property
    def _list(self) -> ListOf:
        return ListOf(self.item, self.what, unique=True, empty=False)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"anyOf": [self.item.schema(), self._list.schema()]}

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MapOf:
    """A map whose keys are free.

    Arguments:
        what: its name with an article.
        key: reads a key: a `Name` or a `Text`.
        value: the shape of each value.
        owner: "node": each value is then "node `x`" in messages; empty where the map's own key says enough.
        empty: whether it may be empty.
    """

    what: str
    key: Name | Text
    value: Shape
    owner: str = ""
    empty: bool = True

    def read(self, context: Context, tree: Tree, spot: Spot) -> dict[str, Any] | Bad:
        """The values that are not bad, by key."""
        if not isinstance(tree, Entries):
            return refuse(context, tree, spot, self.what)
        if not tree.entries and not tree.partial and not self.empty:
            return context.error("empty-value", f"{spot} is empty", spot.mark, label=f"expected {self.what}")
        found = {}
        for key, value in tree.entries:
            self._check_key(context, key, spot)
            inner = Spot(f"{self.owner} `{key.text}`", "", (key.start, key.end)) if self.owner else spot.key(key)
            read = self.value.read(context, value, inner)
            if read is not BAD:
                found[key.text] = read
        return found

    def _check_key(self, context: Context, key: Scalar, spot: Spot) -> None:
        if isinstance(self.key, Name):
            self.key.check(
                context,
                key.text,
                key,
                f"the name of an {self.owner}" if self.owner[:1] in "aeiou" else f"the name of a {self.owner}",
            )
        elif self.key.pattern and not compiled(self.key.pattern).fullmatch(key.text):
            message = f"`{key.text}` cannot be a key of {spot}"
            context.error(self.key.code, message, key, label=f"expected {self.key.what}", help=self.key.help)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        keys = self.key.schema()
        found: Schema = {"type": "object", "additionalProperties": self.value.schema()}
        if "pattern" in keys:
            found["propertyNames"] = {"pattern": keys["pattern"].removesuffix(f"|{SUBSTITUTED}")}
        return found if self.empty else found | {"minProperties": 1}

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Either:
    """A text, or a map where more has to be said."""

    short: Shape
    long: Object

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """What the shape that fits makes of it; the long one gets a short text's value under its first key."""
        if isinstance(tree, Entries):
            return self.long.read(context, tree, spot)
        if isinstance(tree, Scalar) and isinstance(self.short, Choice) and type(scalars.scalar_value(tree)) is int:
            first = self.long.keys[0]
            help_ = f"write `{{{first.name}: {tree.text}}}`" if isinstance(first.shape, Whole) else ""
            return refuse(context, tree, spot, self.show(), help_)
        if isinstance(tree, Scalar) and tree.text:
            value = self.short.read(context, tree, spot)
            fields = Fields({self.long.keys[0].name: value}, Entries((), tree.start, tree.end), spot)
            return BAD if value is BAD else self.long.build(context, fields)
        return refuse(context, tree, spot, self.show())

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"anyOf": [self.short.schema(), self.long.schema()]}

    def show(self) -> str:
        """As `Shape.show`."""
        return f"{self.short.show()}, or {self.long.show()}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """A key of the language.

    Arguments:
        name: as it is written.
        shape: of its value.
        doc: what it means, in a line or two.
        default: what holds without it, as the reference says it.
        required: whether it must be there.
        enforced: who makes it hold.
        proof: the file of tests that show it, from the project's root.
        later: known, and refused since nothing enforces it yet.
        only: the kinds of the object (see `Object.kinds`) that may have it; empty: all.
        instead: what to do where the kind may not have it.
        needs: keys of the same object of which one must be there too.
    """

    name: str
    shape: Shape
    doc: str
    default: str = ""
    required: bool = False
    enforced: str = ""
    proof: str = ""
    later: bool = False
    only: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fields:
    """What was read of a map, for the function that builds the model from it.

    Arguments:
        values: the good values by key.
        tree: the map; a scalar's place, without entries, for the short form of `Either`.
        spot: what it is, for messages.
    """

    values: dict[str, Any]
    tree: Entries
    spot: Spot

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`; `default` where it is not given, or was refused."""
        return self.values.get(key, default)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Object:
    """A map whose keys are those of the language.

    Arguments:
        what: its name with an article: "a node".
        keys: the keys it may have.
        build: makes the model of what was read; may report more and give BAD.
        kinds: keys of which exactly one must be there; it says what kind of object this is.
        owner: how messages name it after one of its kinds' values: "edge": "edge `a -> b`"; empty: as its spot does.
    """

    what: str
    keys: tuple[Key, ...]
    build: Callable[[Context, Fields], Any]
    kinds: tuple[str, ...] = ()
    owner: str = ""
    title: str = ""

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """What `build` makes of it."""
        if not isinstance(tree, Entries):
            return refuse(context, tree, spot, "a map", f"the keys of {self.what}: {self._names(spot)}")
        spot = self._own_spot(tree, spot)
        known = {key.name: key for key in self.keys}
        values = {}
        meant = set()
        for name, value in tree.entries:
            key = known.get(name.text)
            if key is None:
                meant.add(self._unknown(context, name, spot))
            elif key.later:
                not_enforced(context, str(spot.key(name)), name, "remove it; a later version may know it")
            elif not self._placed(context, key, name, tree, spot):
                continue
            elif (found := key.shape.read(context, value, spot.key(name))) is not BAD:
                values[name.text] = found
        if not tree.partial:
            self._missing(context, {name.text for name, _ in tree.entries} | meant, spot)
        return self.build(context, Fields(values, tree, spot))

    def _own_spot(self, tree: Entries, spot: Spot) -> Spot:
        given = [(name, value) for name, value in tree.entries if name.text in self.kinds]
        if not given:
            return spot
        name, value = given[0]
        shown = " ".join(value.text.split()) if isinstance(value, Scalar) else ""
        if not self.owner or not shown:
            return Spot(spot.owner, spot.path, spot.mark, name.text)
        return Spot(f"{self.owner} `{shown}`", "", (name.start, name.end), name.text)

    def _allowed(self, spot: Spot) -> list[str]:
        return [key.name for key in self.keys if not key.later and not self._forbidden(key, spot)]

    def _names(self, spot: Spot) -> str:
        return ", ".join(self._allowed(spot))

    def _unknown(self, context: Context, name: Scalar, spot: Spot) -> str:
        """Refuse a key; gives the one that was probably meant."""
        allowed = self._allowed(spot)
        near = nearest(name.text, allowed)
        context.error(
            "unknown-key",
            f"{spot} has no key `{name.text}`",
            name,
            label=f"did you mean `{near}`?" if near else "",
            help=f"the keys of {self.what}: {self._names(spot)}",
        )
        return near

    def _forbidden(self, key: Key, spot: Spot) -> bool:
        return bool(key.only and spot.kind and spot.kind not in key.only)

    def _placed(self, context: Context, key: Key, name: Scalar, tree: Entries, spot: Spot) -> bool:
        """Whether the key may stand beside the others; one that lacks company is read all the same."""
        kind = self._second_kind(tree, name)
        if kind:
            message = f"{spot} has both `{kind}` and `{name.text}`"
            context.error("conflicting-keys", message, name, help=f"{self.what} has one of {joined(self.kinds, 'and')}")
            return False
        if self._forbidden(key, spot):
            what = KINDS[spot.kind]
            message = f"{what} has no `{spot.key(name).path}`"
            context.error(
                "misplaced-key", message, name, label=f"of {spot.owner}", help=key.instead.get(spot.kind, "remove it")
            )
            return False
        if key.needs and not any(tree.get(other) for other in key.needs):
            others = joined([other for other in key.needs if other in ("run", spot.kind or other)])
            message = f"{spot} has `{name.text}` without {others}"
            context.error("missing-key", message, name, help=f"add {others}, or remove `{name.text}`")
        return True

    def _second_kind(self, tree: Entries, name: Scalar) -> str:
        kinds = [key.text for key, _ in tree.entries if key.text in self.kinds]
        return kinds[0] if name.text in kinds[1:] else ""

    def _missing(self, context: Context, given: set[str], spot: Spot) -> None:
        place = spot.mark
        if self.kinds and given.isdisjoint(self.kinds):
            message = f"{spot} lacks {joined(self.kinds)}"
            context.error("missing-key", message, place, help=f"{self.what} has exactly one of them")
        for key in self.keys:
            if key.required and key.name not in given:
                context.error(
                    "missing-key",
                    f"{spot} lacks `{key.name}`",
                    place,
                    help=f"add `{key.name}`, {key.shape.show()}: {key.doc[:1].lower()}{key.doc[1:]}",
                )

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        properties = {key.name: key.shape.schema() | {"description": key.doc} for key in self.keys if not key.later}
        found: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
        required = [key.name for key in self.keys if key.required]
        found |= {"required": required} if required else {}
        if self.kinds:
            found["oneOf"] = [{"required": [kind]} for kind in self.kinds]
            found["allOf"] = [
                {"if": {"required": [kind]}, "then": {"properties": self.without(kind)}} for kind in self.kinds
            ]
        if needs := {key.name: _any_of(key.needs) for key in self.keys if key.needs}:
            found["dependentSchemas"] = needs
        return found

    def without(self, kind: str) -> Schema:
        """The properties that an object of this kind may not have, those of objects inside it included."""
        found: Schema = {}
        for key in self.keys:
            if key.only and kind not in key.only:
                found[key.name] = False
            elif isinstance(key.shape, Object) and not key.shape.kinds and (inner := key.shape.without(kind)):
                found[key.name] = {"properties": inner}
        return found

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


def _any_of(keys: tuple[str, ...]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in keys]}
