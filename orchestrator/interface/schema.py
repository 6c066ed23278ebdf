"""The JSON Schema of a type's JSON form, for tools, inputs and editors.

Source: JSON Schema draft 2020-12, https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface._json_form import LARGEST_NUMBER
from orchestrator.interface._mismatch import INTEGERS
from orchestrator.interface._python_form import refused

__all__ = ["json_schema"]

Schema = dict[str, Any]


def json_schema(type_: t.Type) -> Schema:
    """The schema that a value's JSON form fits; a fresh dict that the caller may change.

    Raises `UnsupportedType` for a type whose values have no JSON form: handles, `stream`, `future`, `map`.
    """
    schema = _schema(type_)
    name = getattr(type_, "name", None)
    if name and not isinstance(type_, t.Primitive):
        schema = {"title": name, **schema}
    return schema


def _schema(type_: t.Type) -> Schema:
    match type_:
        case t.Primitive(name):
            return _primitive(name)
        case t.List(element):
            return _bytes() if element == t.U8 else {"type": "array", "items": json_schema(element)}
        case t.Option(some):
            inner = json_schema(some)
            return {"anyOf": [{"type": "null"}, _object({"some": inner}) if isinstance(some, t.Option) else inner]}
        case t.Result(ok, err):
            return {"oneOf": [_object({"ok": _side(ok)}), _object({"err": _side(err)})]}
        case t.Tuple(items):
            return {
                "type": "array",
                "prefixItems": [json_schema(item) for item in items],
                "minItems": len(items),
                "items": False,
            }
        case t.Record(fields):
            required = [f.name for f in fields if not isinstance(f.type, t.Option)]
            return _object({f.name: json_schema(f.type) for f in fields}, required)
        case t.Variant(cases):
            return _variant(cases)
        case t.Enum(names):
            return {"type": "string", "enum": list(names)}
        case t.Flags(names):
            return {"type": "array", "items": {"type": "string", "enum": list(names)}, "uniqueItems": True}
        case _:
            raise refused(type_)


def _primitive(name: str) -> Schema:
    if name in INTEGERS:
        return _integer(name)
    if name in ("f32", "f64"):
        return {"anyOf": [{"type": "number"}, {"type": "string", "enum": ["nan", "inf", "-inf"]}]}
    if name == "char":
        return {"type": "string", "minLength": 1, "maxLength": 1}
    return {"type": "boolean" if name == "bool" else "string"}


def _integer(name: str) -> Schema:
    low, high = INTEGERS[name]
    number = {"type": "integer", "minimum": low, "maximum": high}
    if high <= LARGEST_NUMBER:
        return number
    sign = "-?" if low else ""
    return {"anyOf": [number, {"type": "string", "pattern": f"^(0|{sign}[1-9][0-9]{{0,19}})$"}]}


def _bytes() -> Schema:
    return {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}


def _side(side: t.Type | None) -> Schema:
    return {"type": "null"} if side is None else json_schema(side)


def _object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def _variant(cases: tuple[t.Case, ...]) -> Schema:
    bare = [case.name for case in cases if case.type is None]
    forms: list[Schema] = [{"type": "string", "enum": bare}] if bare else []
    forms += [_object({case.name: json_schema(case.type)}) for case in cases if case.type is not None]
    return {"oneOf": forms}
