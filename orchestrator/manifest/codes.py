"""What each code of this room's errors means. The page docs/reference/errors.md is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "file": "The file cannot be read.",
        "yaml-encoding": "The file is not UTF-8.",
        "yaml-size": "The document is over 1 MiB.",
        "yaml-character": "A control character, or another one that YAML does not carry, stands in the document.",
        "yaml-syntax": "The text is not YAML.",
        "yaml-depth": "The document is nested over 64 levels.",
        "yaml-documents": "The file holds more than one document.",
        "yaml-empty": "The document is empty.",
        "yaml-tab": "A tab stands in the indentation.",
        "yaml-anchor": "An anchor (`&x`) is used; the language has none.",
        "yaml-alias": "An alias (`*x`) is used; the language has none.",
        "yaml-tag": "A tag (`!x`) or a %TAG directive is used; the language has none.",
        "yaml-key": "A key is not a text.",
        "duplicate-key": "A key stands twice in one map.",
        "unknown-key": "A key that the language does not have here.",
        "missing-key": "A key that must be there is not.",
        "misplaced-key": "A key that this kind of node or edge does not have.",
        "conflicting-keys": "Two keys of which only one may be there.",
        "not-enforced": "The language knows it and nothing in this version enforces it, so it is refused.",
        "empty-value": "A key has no value, or an empty one.",
        "wrong-kind": "A value of another kind was expected: a text, a number, a list, a map.",
        "wrong-choice": "A word that is not one of those allowed.",
        "out-of-range": "A number is too small, too large or too long.",
        "too-long": "A text is too long.",
        "twice": "A list names something twice that it may name once.",
        "duration": "Not a duration: a number and `us`, `ms`, `s`, `m` or `h`.",
        "size": "Not a size: a whole number and `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.",
        "rate": "Not a rate: a whole number and `/s`, `/min` or `/h`.",
        "time": "Not a time of RFC 3339 from 1970 on: `2026-01-01T00:00:00Z`.",
        "method": "Not a method of HTTP in capitals.",
        "variable": "Not the name of a variable, nor the beginning of one and `*`.",
        "address-range": "Not a range of addresses: `127.0.0.0/8`.",
        "secret-name": "Not the name of a secret: letters, digits, `_` and `-`.",
        "name": "A name that is not in kebab-case.",
        "reserved-name": "A name that the language keeps for itself.",
        "wit-type": "A text is not a WIT type, or one that this version does not carry.",
        "edge": "The text of an edge does not follow its form.",
        "path": "A path into a value does not follow its form.",
        "function-name": "A text does not name an exported function.",
        "interface-name": "A text does not name an interface.",
        "world-name": "A text does not name a WIT world.",
        "module-name": "A text does not name a Python module.",
        "python-function": "A text does not name a Python function.",
        "python-not-allowed": "A node is a Python function and Python was not allowed.",
        "version": "A text is not a semantic version.",
        "substitution": "`${…}` is not written right, or names what it may not.",
        "too-many-errors": "There are more errors than are shown.",
        "not-writable": "A pipeline that was built in Python cannot be written as YAML.",
    }
)
