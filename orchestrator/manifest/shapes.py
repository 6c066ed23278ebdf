"""The forms that a value can have. Each one reads, gives its JSON Schema, and says its name for the reference page.

The keys of the language are written in these, once: see `pipeline_keys` and `component_keys`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from orchestrator.manifest import scalars
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot, describe
from orchestrator.manifest.paths import TextError, kebab, name_fault
from orchestrator.manifest.substitution import SUBSTITUTED
from orchestrator.manifest.tree import Broken, Entries, Items, Scalar, Tree

Schema = dict[str, Any]
LARGEST = (1 << 53) - 1
"""The largest whole number that JSON carries everywhere."""


class Shape(Protocol):
    """A form that a value can have."""

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """The value, or BAD after saying why in the context's report."""

    def schema(self) -> Schema:
        """The JSON Schema of what `read` takes, as near as one can say it."""

    def show(self) -> str:
        """Its name, with an article: "a duration, `5s`"."""


def refuse(context: Context, tree: Tree, spot: Spot, expected: str, help: str = "") -> Bad:
    """Say that something else was expected here."""
    if isinstance(tree, Broken):
        return BAD
    found = describe(tree)
    if found == "nothing":
        hint = help or "give it a value, or remove the key"
        return context.error("empty-value", f"{spot} has no value", spot.mark, label=f"expected {expected}", help=hint)
    return context.error("wrong-kind", f"{spot} must be {expected}, not {found}", tree, help=help)


def text_of(context: Context, tree: Tree, spot: Spot, expected: str, *, template: bool = False) -> Filled | Bad:
    """The text that stands there, variables put in; refuses numbers, booleans, null, maps and lists."""
    if not isinstance(tree, Scalar):
        return refuse(context, tree, spot, expected)
    if not isinstance(scalars.scalar_value(tree), str):
        return refuse(context, tree, spot, expected, f'put it in quotes: "{tree.text}"' if tree.text else "")
    return context.text(tree, spot, template=template)


def text_schema(pattern: str = "", **more: Any) -> Schema:
    """The schema of a text with a form; what is substituted cannot be checked before it is."""
    form = {"pattern": f"^(?:{pattern})$|{SUBSTITUTED}"} if pattern else {"minLength": 1}
    return {"type": "string", **form, **more}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Text:
    """A text, of a form if there is one.

    Arguments:
        what: its name with an article.
        pattern: of the whole text.
        code: of the error when the pattern does not fit.
        help: what to write instead.
        empty: whether it may be empty.
        template: whether `${inputs.x}` stays in it, for `link`.
    """

    what: str = "a text"
    pattern: str = ""
    code: str = "wrong-form"
    help: str = ""
    empty: bool = False
    template: bool = False
    longest: int = 0

    def read(self, context: Context, tree: Tree, spot: Spot) -> str | Bad:
        """The text."""
        filled = text_of(context, tree, spot, self.what, template=self.template)
        if isinstance(filled, Bad):
            return BAD
        if not filled.text.strip() and not self.empty:
            return context.error("empty-value", f"{spot} is empty", tree, label=f"expected {self.what}", help=self.help)
        if self.longest and len(filled.text) > self.longest:
            message = f"{spot} has {len(filled.text)} characters; at most {self.longest} are read"
            return context.error("too-long", message, tree)
        if self.pattern and not _compiled(self.pattern).fullmatch(filled.text):
            message = f"{spot} must be {self.what}, not {describe(tree)}"
            return context.error(self.code, message, tree, help=self.help)
        return filled.text

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"type": "string"} if self.empty and not self.pattern else text_schema(self.pattern)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True)
class Name:
    """A name in kebab-case, of a pipeline, node, input or output."""

    what: str = "a name"
    reserved: tuple[str, ...] = ()

    def read(self, context: Context, tree: Tree, spot: Spot) -> str | Bad:
        """The name."""
        filled = text_of(context, tree, spot, self.what)
        if isinstance(filled, Bad) or not self.check(context, filled.text, tree, self.what):
            return BAD
        return filled.text

    def check(self, context: Context, name: str, at: Tree, what: str) -> bool:
        """Whether a text is such a name; says what is wrong with it otherwise."""
        if name in self.reserved:
            message = f"the name `{name}` is taken: `{name}.x` is an input of the pipeline"
            context.error("reserved-name", message, at, help="choose another")
            return False
        if not (fault := name_fault(name)):
            return True
        near = kebab(name)
        label = f"did you mean `{near}`?" if near else ""
        context.error("name", f"`{name}` cannot be {what}", at, label=label, help=fault)
        return False

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        from orchestrator.manifest.paths import NAME

        others = "".join(f"(?!{name}$)" for name in self.reserved)
        return text_schema(others + NAME)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, context: Context, tree: Tree, spot: Spot) -> str | Bad:
        """The word."""
        filled = text_of(context, tree, spot, self.show())
        if isinstance(filled, Bad):
            return BAD
        if filled.text in self.later:
            return not_enforced(context, f"`{filled.text}`", tree, f"use {self.show()}")
        if filled.text in self.options:
            return filled.text
        near = nearest(filled.text, self.options)
        return context.error(
            "wrong-choice",
            f"{spot} must be {self.show()}, not {describe(tree)}",
            tree,
            label=f"did you mean `{near}`?" if near else "",
        )

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"anyOf": [{"enum": list(self.options)}, {"type": "string", "pattern": SUBSTITUTED}]}

    def show(self) -> str:
        """As `Shape.show`."""
        return listed(self.options)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two bounds."""

    least: int = 0
    most: int = LARGEST

    def read(self, context: Context, tree: Tree, spot: Spot) -> int | Bad:
        """The number."""
        if not isinstance(tree, Scalar) or (tree.style != "plain" and "${" not in tree.text):
            number = isinstance(tree, Scalar) and scalars.read_integer(tree.text) is not None
            return refuse(context, tree, spot, self.show(), "leave out the quotes" if number else "")
        filled = context.text(tree, spot)
        if isinstance(filled, Bad):
            return BAD
        value = scalars.read_integer(filled.text)
        if value is None:
            return refuse(context, tree, spot, self.show())
        if not self.least <= value <= self.most:
            return context.error("out-of-range", f"{spot} is {value}: it must be {self.show()}", tree)
        return value

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        text = text_schema(scalars.GROUPED)
        return {"anyOf": [{"type": "integer", "minimum": self.least, "maximum": self.most}, text]}

    def show(self) -> str:
        """As `Shape.show`."""
        if self.most == LARGEST:
            return f"a whole number from {self.least}"
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit.

    Arguments:
        what: `duration`, `size` or `rate`; the code of its errors.
        parse: the value in seconds, bytes, or a pair; None for another text.
        pattern: of the text.
        example: as the help shows it.
        units: the units there are.
        least, most: bounds of the value; `least` is allowed where `zero` is set.
    """

    what: str
    parse: Callable[[str], Any]
    pattern: str
    example: str
    units: str
    most: float
    zero: bool = False

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """The value."""
        filled = context.text(tree, spot) if isinstance(tree, Scalar) and tree.text else None
        if isinstance(filled, Bad):
            return BAD
        value = self.parse(filled.text) if filled else None
        if value is None:
            return self._refuse(context, tree, spot)
        amount = value[0] if isinstance(value, tuple) else value
        if amount > self.most or (not amount and not self.zero):
            bound = "too large" if amount else "zero"
            help = f"a {self.what} is above zero" if not amount else f"at most {self.shown(self.most)}"
            return context.error(self.what, f"{spot} is {bound}", tree, help=help)
        return value

    def shown(self, amount: float) -> str:
        """A bound as a text of the language."""
        if self.what == "size":
            return scalars.show_size(int(amount))
        return scalars.show_duration(amount) if self.what == "duration" else f"{int(amount)}/s"

    def _refuse(self, context: Context, tree: Tree, spot: Spot) -> Bad:
        if not isinstance(tree, Scalar) or not tree.text:
            return refuse(context, tree, spot, self.show())
        number = scalars.read_integer(tree.text) is not None
        label = "a unit is missing" if number else ""
        return context.error(
            self.what,
            f"{spot} must be {self.show()}, not {describe(tree)}",
            tree,
            label=label,
            help=f"units: {self.units}",
        )

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return text_schema(self.pattern, examples=[self.example])

    def show(self) -> str:
        """As `Shape.show`."""
        return f"a {self.what} (`{self.example}`)"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text that a function takes apart; faults are shown at their place in the text.

    Arguments:
        what: its name with an article.
        code: of its errors.
        parse: from (context, text, spot) to the value; raises `TextError`.
        pattern: of the text, for the schema.
    """

    what: str
    code: str
    parse: Callable[[Context, Filled, Spot], Any]
    pattern: str = ""

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """What `parse` makes of the text."""
        filled = text_of(context, tree, spot, self.what)
        if isinstance(filled, Bad):
            return BAD
        if not filled.text.strip():
            return context.error("empty-value", f"{spot} is empty", tree, label=f"expected {self.what}")
        try:
            return self.parse(context, filled, spot)
        except TextError as error:
            return context.error(
                self.code, error.message, context.within(filled, error.start, error.end), help=error.help
            )

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return text_schema(self.pattern)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True)
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
        for index, item in enumerate(tree.items):
            value = self.item.read(context, item, spot.item(index, item))
            if self.unique and value in values:
                context.error("twice", f"{spot} names {describe(item)} twice", item, help="remove one of them")
            elif value is not BAD:
                values.append(value)
        return tuple(values)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        more: Schema = {"uniqueItems": True} if self.unique else {}
        return {"type": "array", "items": self.item.schema()} | more | ({} if self.empty else {"minItems": 1})

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True)
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
        if not tree.entries and not self.empty:
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
        elif self.key.pattern and not _compiled(self.key.pattern).fullmatch(key.text):
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


@dataclass(frozen=True, slots=True)
class Either:
    """A text, or a map where more has to be said."""

    short: Shape
    long: Object

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """What the shape that fits makes of it; the long one gets a short text's value under its first key."""
        if isinstance(tree, Entries):
            return self.long.read(context, tree, spot)
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


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the language.

    Arguments:
        name: as it is written.
        shape: of its value.
        doc: what it means, in a line or two.
        default: what holds without it, as the reference says it.
        required: whether it must be there.
        enforced: who makes it hold.
        proof: the test that shows it.
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
            return refuse(context, tree, spot, self.what)
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
        self._missing(context, {name.text for name, _ in tree.entries} | meant, spot)
        return self.build(context, Fields(values, tree, spot))

    def _own_spot(self, tree: Entries, spot: Spot) -> Spot:
        given = [(name, value) for name, value in tree.entries if name.text in self.kinds]
        if not given:
            return spot
        name, value = given[0]
        if not self.owner:
            return Spot(spot.owner, spot.path, spot.mark, name.text)
        shown = " ".join(value.text.split()) if isinstance(value, Scalar) else ""
        owner = f"{self.owner} `{shown}`" if shown else f"the {self.owner} `{spot.path}`"
        return Spot(owner, "", (name.start, name.end), name.text)

    def _unknown(self, context: Context, name: Scalar, spot: Spot) -> str:
        """Refuse a key; gives the one that was probably meant."""
        allowed = [key.name for key in self.keys if not key.later and not self._forbidden(key, spot)]
        near = nearest(name.text, allowed)
        context.error(
            "unknown-key",
            f"{spot} has no key `{name.text}`",
            name,
            label=f"did you mean `{near}`?" if near else "",
            help=f"{self.what} has: {', '.join(allowed)}",
        )
        return near

    def _forbidden(self, key: Key, spot: Spot) -> bool:
        return bool(key.only and spot.kind and spot.kind not in key.only)

    def _placed(self, context: Context, key: Key, name: Scalar, tree: Entries, spot: Spot) -> bool:
        """Whether the key may stand beside the others; one that lacks company is read all the same."""
        kind = self._second_kind(tree, name)
        if kind:
            message = f"{spot} has both `{kind}` and `{name.text}`"
            context.error("conflicting-keys", message, name, help=f"{self.what} has one of {listed(self.kinds, 'and')}")
            return False
        if self._forbidden(key, spot):
            what = KINDS[spot.kind]
            message = f"{what} has no `{spot.key(name).path}`"
            context.error(
                "misplaced-key", message, name, label=f"of {spot}", help=key.instead.get(spot.kind, "remove it")
            )
            return False
        if key.needs and not any(tree.get(other) for other in key.needs):
            others = listed([other for other in key.needs if other in ("run", spot.kind or other)])
            message = f"{spot} has `{name.text}` without {others}"
            context.error("missing-key", message, name, help=f"add {others}, or remove `{name.text}`")
        return True

    def _second_kind(self, tree: Entries, name: Scalar) -> str:
        kinds = [key.text for key, _ in tree.entries if key.text in self.kinds]
        return kinds[0] if name.text in kinds[1:] else ""

    def _missing(self, context: Context, given: set[str], spot: Spot) -> None:
        place = spot.mark
        if self.kinds and given.isdisjoint(self.kinds):
            message = f"{spot} lacks {listed(self.kinds)}"
            context.error("missing-key", message, place, help=f"{self.what} has exactly one of them")
        for key in self.keys:
            if key.required and key.name not in given:
                context.error(
                    "missing-key",
                    f"{spot} lacks `{key.name}`",
                    place,
                    help=f"`{key.name}` is {key.shape.show()}: {key.doc}",
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


KINDS = {
    "data": "a data edge",
    "call": "a call edge",
    "tool": "a tool edge",
    "python": "a Python node",
    "component": "a component",
}
"""What an object is called after the key that says its kind."""


def _any_of(keys: tuple[str, ...]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in keys]}


def not_enforced(context: Context, what: str, at: Tree, help: str) -> Bad:
    """Refuse what the language knows and nothing enforces yet."""
    return context.error("not-enforced", f"{what} is not enforced by this version", at, label="refused", help=help)


def listed(names: Sequence[str], word: str = "or") -> str:
    """Names in backticks, the last one after `word`."""
    quoted = [f"`{name}`" for name in names]
    return f" {word} ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


def nearest(word: str, options: tuple[str, ...] | list[str]) -> str:
    """The option that a word was probably meant to be, or nothing."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:100].lower().replace("_", "-"), options, n=1, cutoff=0.6)), "")
