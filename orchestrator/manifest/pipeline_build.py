"""From what was read under each key to the model of a pipeline, with the rules that hold between keys.

Each function here is the `build` or `parse` of one shape in `pipeline_keys`; `grant_build` has those of grants. What
needs another node, a type or a component is left to `link`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from orchestrator.interface.types import PRIMITIVES, STRING, Named, Option, Primitive, Type, Unsupported, walk
from orchestrator.manifest import model, paths
from orchestrator.manifest.container_shapes import Fields
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot
from orchestrator.manifest.model import MISSING, Where
from orchestrator.manifest.shapes import nearest
from orchestrator.manifest.tree import Scalar

PATH_TYPE = Named("path")
"""What `type: path` reads as, until the input is built."""


_NO_STEPS: Mapping[str | int, Where] = MappingProxyType({})


def read_type(context: Context, filled: Filled, _spot: Spot) -> Type | Bad:
    """A WIT type."""
    from orchestrator.errors import WitError
    from orchestrator.interface import parse_type

    try:
        found = parse_type(filled.text)
    except WitError as error:
        start = min(error.offset or 0, len(filled.text))
        place = context.within(filled, start, start + _token(filled.text[start:]))
        help = (
            f"expected {error.expected}"
            if error.expected and f"expected {error.expected}" not in error.message
            else "write a WIT type: `string`, `list<u8>`, `pkg:name/interface.type`"
        )
        return context.error(
            "wit-type", f"`{filled.text.strip()[:60]}` is not a WIT type: {error.message}", place, help=help
        )
    return _carried(context, filled, found)


def _token(rest: str) -> int:
    """The length of the word at the start of a text; 1 where there is none."""
    return max(1, next((at for at, char in enumerate(rest) if not (char.isalnum() or char == "-")), len(rest)))


def _carried(context: Context, filled: Filled, found: Type) -> Type | Bad:
    for inner in walk(found):
        if isinstance(inner, Unsupported):
            at = max(filled.text.find(inner.kind), 0)
            place = context.within(filled, at, at + len(inner.kind))
            help = "a `list` carries values; streams may come with a later version"
            return context.error(
                "wit-type", f"the type `{inner.kind}` is not carried by this version", place, help=help
            )
        if isinstance(inner, Named) and not inner.interface and found != PATH_TYPE:
            return _unknown_type(context, filled, inner.name)
    return found


def _unknown_type(context: Context, filled: Filled, name: str) -> Bad:
    alone = ["path"] if name == filled.text.strip() else []
    near = nearest(name, [*alone, "list", "option", "tuple", "result", *PRIMITIVES])
    at = max(filled.text.find(name), 0)
    return context.error(
        "wit-type",
        f"`{name}` is not a WIT type",
        context.within(filled, at, at + len(name)),
        label=f"did you mean `{near}`?" if near else "",
        help="`path` is the whole type of an input, no part of one"
        if name == PATH_TYPE.name
        else "a declared type is written with its interface: `package:name/interface.type`",
    )


def read_input(context: Context, fields: Fields) -> Any:
    """An input; its default stays in its JSON form."""
    type_ = fields.get("type")
    if type_ is None:
        return BAD
    default = typed_default(context, fields, type_)
    is_path = type_ == PATH_TYPE
    if is_path and default is not MISSING and not isinstance(default, str):
        tree = fields.tree.get("default") or fields.tree
        context.error("wrong-kind", f"{fields.spot} is a path: its default must be a text", tree, help="write a path")
        default = MISSING
    where = context.where(fields.tree, str(fields.spot))
    name = _owned(fields.spot)
    kept = STRING if is_path else type_
    return model.Input(
        name, kept, is_path, default, fields.get("description", ""), fields.get("labels", ()), where=where
    )


def typed_default(context: Context, fields: Fields, type_: Type) -> Any:
    """The default as it is written; a text of digits and underscores stays one where no number is expected."""
    tree = fields.tree.get("default")
    value = fields.get("default", MISSING)
    if isinstance(tree, Scalar) and isinstance(value, int) and "_" in tree.text and not _numeric(type_):
        filled = context.text(tree, fields.spot)
        return MISSING if isinstance(filled, Bad) else filled.text
    return value


def _numeric(type_: Type) -> bool:
    inner = type_.some if isinstance(type_, Option) else type_
    return not isinstance(inner, Primitive) or inner.name not in ("string", "char", "bool")


def _owned(spot: Spot) -> str:
    return spot.owner.partition("`")[2].removesuffix("`")


def read_output(context: Context, filled: Filled, _spot: Spot) -> model.Ref:
    """Where an output's value comes from."""
    found = paths.read_ref(paths.whole(filled.text))
    context.note(filled.scalar, _steps_where(context, filled, found.places))
    return found.ref


def _steps_where(context: Context, filled: Filled, places: tuple[paths.Piece, ...]) -> dict[str | int, Where]:
    return {at: _where(context, filled, place) for at, place in enumerate(places)}


def _where(context: Context, filled: Filled, piece: paths.Piece, inner: Mapping[str | int, Where] = _NO_STEPS) -> Where:
    return Where(context.span(context.within(filled, piece.start, piece.end)), inner=inner)


def read_data(context: Context, filled: Filled, _spot: Spot) -> tuple[model.Ref, str, str | None]:
    """`source -> node.parameter`."""
    sides = paths.split_edge(filled.text)
    source, target = paths.read_ref(sides.source), paths.read_target(sides.target)
    _note_sides(context, filled, sides, source.places)
    return source.ref, *target


def read_call(context: Context, filled: Filled, _spot: Spot) -> tuple[model.Port, model.Port]:
    """`caller -> callee`, either with a port."""
    sides = paths.split_edge(filled.text)
    caller, callee = paths.read_port(sides.source), paths.read_port(sides.target)
    _note_sides(context, filled, sides)
    return caller, callee


def read_tool(context: Context, filled: Filled, _spot: Spot) -> tuple[str, model.Port]:
    """`caller -> node.interface.function`."""
    sides = paths.split_edge(filled.text)
    caller, callee = paths.read_node(sides.source), paths.read_tool(sides.target)
    _note_sides(context, filled, sides)
    return caller, callee


def _note_sides(context: Context, filled: Filled, sides: paths.Sides, steps: tuple[paths.Piece, ...] = ()) -> None:
    source = _where(context, filled, sides.source, _steps_where(context, filled, steps))
    context.note(filled.scalar, {"source": source, "target": _where(context, filled, sides.target)})


def read_steps(_context: Context, filled: Filled, _spot: Spot) -> model.Steps:
    """A path into a result."""
    return paths.read_path(filled.text)


def read_component(context: Context, filled: Filled, spot: Spot) -> str | Bad:
    """Where a component is: a path of the file system."""
    for scheme, what in (("oci:", "components of a registry"), ("skill:", "skills")):
        if filled.text.startswith(scheme):
            message = f"{spot} begins with `{scheme}`: {what} are not read by this version"
            help = "use a source folder or a `.wasm` file"
            return context.error("not-enforced", message, filled.scalar, label="refused", help=help)
    return filled.text


def read_python(context: Context, fields: Fields) -> Any:
    """A Python function; refused unless the operator allows it."""
    target = fields.get("function")
    if not context.allow_python:
        context.error(
            "python-not-allowed",
            f"{fields.spot.owner} runs Python in the host, without a sandbox",
            fields.spot.mark,
            help="if you trust this file and that function, run it with `--allow-python`",
        )
    return BAD if target is None else model.PythonFunction(target, fields.get("signature", ""))


def read_run_limits(_context: Context, fields: Fields) -> model.RunLimits:
    """The limits of a run."""
    return model.RunLimits(fields.get("timeout"), fields.get("calls"))


def read_repeat(_context: Context, fields: Fields) -> Any:
    """How a node repeats."""
    if "until" not in fields.values or "max" not in fields.values:
        return BAD
    return model.Repeat(
        fields.get("until"), fields.get("feed", model.EMPTY), fields.get("max"), fields.get("at-max", "error")
    )


def read_retry(_context: Context, fields: Fields) -> Any:
    """How a node is tried again."""
    if "times" not in fields.values:
        return BAD
    return model.Retry(fields.get("times"), fields.get("wait", 0.0), fields.get("on", ("timeout", "trap", "err")))


def read_each(_context: Context, fields: Fields) -> model.Each:
    """How a consumer runs for each element."""
    return model.Each(fields.get("parallel", 1))


def read_reject(_context: Context, fields: Fields) -> Any:
    """A pattern that must not match."""
    if "path" not in fields.values or "pattern" not in fields.values:
        return BAD
    return model.Reject(fields.get("path"), fields.get("pattern"))


def read_contract(_context: Context, fields: Fields) -> model.Contract:
    """The rules on an edge."""
    return model.Contract(
        functions=fields.get("functions"),
        max_calls=fields.get("max-calls"),
        rate=fields.get("rate"),
        timeout=fields.get("timeout"),
        max_request=fields.get("max-request"),
        max_response=fields.get("max-response"),
        max_bytes=fields.get("max-bytes"),
        require=fields.get("require", ()),
        ensure=fields.get("ensure", ()),
        reject=fields.get("reject", ()),
        redact=fields.get("redact", ()),
        detect=fields.get("detect", ()),
        on_violation=fields.get("on-violation", "fail"),
    )


def read_node(context: Context, fields: Fields) -> model.Node:
    """A node; what was refused of it keeps its default, so that `link` can look at the rest."""
    return model.Node(
        name=_owned(fields.spot),
        component=fields.get("component", ""),
        python=fields.get("python"),
        run=fields.get("run", ""),
        args=fields.get("args", model.EMPTY),
        config=fields.get("config", model.EMPTY),
        grants=fields.get("grants", model.Grants()),
        limits=fields.get("limits", model.Limits()),
        lifetime=fields.get("lifetime", "run"),
        bulk=fields.get("bulk", "auto"),
        repeat=fields.get("repeat"),
        retry=fields.get("retry"),
        fallback=fields.get("fallback", ""),
        labels=fields.get("labels", ()),
        snapshot=fields.get("snapshot"),
        revert_after=fields.get("revert-after", "never"),
        revert_on=fields.get("revert-on"),
        description=fields.get("description", ""),
        where=context.where(fields.tree, str(fields.spot)),
    )


def read_warm_up(_context: Context, fields: Fields) -> Any:
    """A call before the first snapshot."""
    return model.WarmUp(fields.get("call"), fields.get("args", model.EMPTY)) if "call" in fields.values else BAD


def read_snapshots(_context: Context, fields: Fields) -> model.Snapshots:
    """Which states of a node are kept."""
    return model.Snapshots(fields.get("warm-up"), fields.get("steps", 0), fields.get("quarantine", 0))


def read_revert_on(_context: Context, fields: Fields) -> model.RevertOn:
    """What takes a node back."""
    return model.RevertOn(fields.get("violations"), fields.get("denials"))


def read_declassify(_context: Context, fields: Fields) -> Any:
    """Labels that do not cross an edge."""
    if "labels" not in fields.values or "reason" not in fields.values:
        return BAD
    return model.Declassify(fields.get("labels"), fields.get("reason"), fields.get("of", ""))


def read_label(context: Context, fields: Fields) -> Any:
    """A label of the pipeline's own."""
    name = _owned(fields.spot)
    if name in model.BUILT_IN:
        message = f"the label `{name}` is one that every pipeline has"
        return context.error("reserved-name", message, fields.spot.mark, help="choose another name")
    if "is" not in fields.values:
        return BAD
    where = context.where(fields.tree, str(fields.spot))
    return model.Label(name, fields.get("is"), fields.get("description", ""), where)


def read_edge(context: Context, fields: Fields) -> Any:
    """An edge of the kind that its first key says."""
    where = context.where(fields.tree, str(fields.spot))
    contract = fields.get("contract", model.Contract())
    declassify, description = fields.get("declassify"), fields.get("description", "")
    if "data" in fields.values:
        source, node, parameter = fields.get("data")
        when, each = fields.get("when", ""), fields.get("each")
        return model.DataEdge(source, node, parameter, when, each, contract, declassify, description, where)
    if "call" in fields.values:
        caller, callee = fields.get("call")
        _interface_once(context, fields, caller, callee)
        interface, fuse = fields.get("interface", ""), fields.get("fuse", False)
        return model.CallEdge(caller, callee, interface, contract, fuse, declassify, description, where)
    if "tool" in fields.values:
        caller, callee = fields.get("tool")
        return model.ToolEdge(caller, callee, contract, declassify, description, where)
    return BAD


def _interface_once(context: Context, fields: Fields, caller: model.Port, callee: model.Port) -> None:
    """An interface is named by `interface:` or by a port, not by both."""
    tree = fields.tree.get("interface")
    named = next((port for port in (caller, callee) if ":" in port.name), None)
    if tree is not None and named is not None:
        message = f"{fields.spot} names an interface twice: `{named.name}` and `interface`"
        context.error("conflicting-keys", message, tree, help="leave out `interface`, or write the nodes alone")


def read_pipeline(context: Context, fields: Fields) -> model.Manifest:
    """The whole pipeline."""
    where = context.where(fields.tree, "the pipeline")
    outputs: dict[str, model.Ref] = fields.get("outputs", {})
    return model.Manifest(
        name=fields.get("pipeline", ""),
        description=fields.get("description", ""),
        inputs=tuple(fields.get("inputs", {}).values()),
        outputs=tuple(_output(name, ref, where.at("outputs", name)) for name, ref in outputs.items()),
        nodes=tuple(fields.get("nodes", {}).values()),
        edges=fields.get("edges", ()),
        limits=fields.get("limits", model.RunLimits()),
        labels=tuple(fields.get("labels", {}).values()),
        where=where,
    )


def _output(name: str, source: model.Ref, where: Where) -> model.Output:
    return model.Output(name, source, Where(where.span, f"output `{name}`", where.inner, where.keys))
