"""The forms of one text or number: a name, a word of a few, a flag, a whole number, a duration, a text taken apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.manifest import scalars
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot, describe
from orchestrator.manifest.paths import NAME, TextError, kebab, name_fault
from orchestrator.manifest.shapes import (
    Schema,
    compiled,
    joined,
    nearest,
    refuse,
    substituted,
    text_of,
    text_schema,
)
from orchestrator.manifest.substitution import SUBSTITUTED
from orchestrator.manifest.tree import Broken, Scalar, Tree

LARGEST = (1 << 53) - 1
"""The largest whole number that JSON carries everywhere."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
        if self.pattern and not compiled(self.pattern).fullmatch(filled.text):
            message = f"{spot} must be {self.what}, not {describe(tree)}"
            return context.error(self.code, message, tree, label=substituted(tree), help=self.help)
        return filled.text

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"type": "string"} if self.empty and not self.pattern else text_schema(self.pattern)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
        others = "".join(f"(?!{name}$)" for name in self.reserved)
        return text_schema(others + NAME)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def read(self, context: Context, tree: Tree, spot: Spot) -> str | Bad:
        """The word."""
        filled = text_of(context, tree, spot, self.show())
        if isinstance(filled, Bad):
            return BAD
        if filled.text in self.options:
            return filled.text
        near = nearest(filled.text, self.options)
        return context.error(
            "wrong-choice",
            f"{spot} must be {self.show()}, not {describe(tree)}",
            tree,
            label=f"did you mean `{near}`?" if near else substituted(tree),
        )

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"anyOf": [{"enum": list(self.options)}, {"type": "string", "pattern": SUBSTITUTED}]}

    def show(self) -> str:
        """As `Shape.show`."""
        return joined(self.options)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Only:
    """The one word that may stand where everything else asks for what does not exist.

    Arguments:
        word: the word.
        message: what anything else is answered with.
        help: what to do instead.
    """

    word: str
    message: str
    help: str

    def read(self, context: Context, tree: Tree, _spot: Spot) -> str | Bad:
        """The word."""
        if isinstance(tree, Scalar) and tree.text == self.word:
            return self.word
        if isinstance(tree, Broken):
            return BAD
        return context.error("wrong-choice", self.message, tree, label=f"expected `{self.word}`", help=self.help)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"const": self.word}

    def show(self) -> str:
        """As `Shape.show`."""
        return f"`{self.word}`"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Flag:
    """`true` or `false`."""

    def read(self, context: Context, tree: Tree, spot: Spot) -> bool | Bad:
        """Which of the two."""
        plain = isinstance(tree, Scalar) and isinstance(scalars.scalar_value(tree), bool)
        if not isinstance(tree, Scalar) or not (plain or "${" in tree.text):
            return refuse(context, tree, spot, self.show(), self._hint(tree))
        filled = context.text(tree, spot)
        if isinstance(filled, Bad):
            return BAD
        if filled.text not in ("true", "false"):
            message = f"{spot} must be {self.show()}, not {describe(tree)}"
            return context.error("wrong-kind", message, tree, label=substituted(tree))
        return filled.text == "true"

    def _hint(self, tree: Tree) -> str:
        return "leave out the quotes" if isinstance(tree, Scalar) and tree.text in ("true", "false") else ""

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": SUBSTITUTED}]}

    def show(self) -> str:
        """As `Shape.show`."""
        return "`true` or `false`"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Whole:
    """A whole number between two bounds."""

    least: int = 0
    most: int = LARGEST

    def read(self, context: Context, tree: Tree, spot: Spot) -> int | Bad:
        """The number."""
        if (
            not isinstance(tree, Scalar)
            or scalars.scalar_value(tree) is None
            or (tree.style != "plain" and "${" not in tree.text)
        ):
            number = isinstance(tree, Scalar) and scalars.read_integer(tree.text) is not None
            return refuse(context, tree, spot, self.show(), "leave out the quotes" if number else "")
        filled = context.text(tree, spot)
        if isinstance(filled, Bad):
            return BAD
        value = scalars.read_integer(filled.text)
        if value is None:
            message = f"{spot} must be {self.show()}, not {describe(tree)}"
            return context.error("wrong-kind", message, tree, label=substituted(tree))
        if not self.least <= value <= self.most:
            message = f"{spot} is {value}: it must be from {self.least} to {self.most}"
            return context.error("out-of-range", message, tree, label=substituted(tree))
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
        label = "a unit is missing" if number else substituted(tree)
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
            place = context.within(filled, error.start, error.end)
            return context.error(self.code, error.message, place, label=substituted(tree), help=error.help)

    def schema(self) -> Schema:
        """As `Shape.schema`."""
        return text_schema(self.pattern)

    def show(self) -> str:
        """As `Shape.show`."""
        return self.what
