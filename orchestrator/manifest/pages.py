"""The reference pages, as Markdown, made from the keys and the codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.manifest.container_shapes import Either, Key, ListOf, MapOf, Object
from orchestrator.manifest.shapes import Shape

_MADE = "<!-- Made by `make bless` from the code; edit it there. -->"

_PIPELINE = """\
# The keys of a pipeline

Every key, once: what it means, what it takes, what holds without it, and which room of the engine makes it hold.
A key that is not here is an error. A key that nothing enforces yet is refused with `not-enforced`.

Scalars follow JSON: `true`, `false`, `null` and numbers are what they are in JSON, everything else is text, so `on`,
`no` and `1:30` are texts. Durations are `5s`, `200ms`, `250us`, `1m`, `1h`; sizes `12B`, `64KiB`, `10MB`; rates
`10/s`, `5/min`, `100/h`. Whole numbers may have underscores: `1_000_000`.

`${NAME}` in a value is a variable that whoever runs the pipeline allows (`--env NAME`); `$${` stands for `${`.
`${inputs.name}` is known in the `path` of a storage grant and the `url` of an http grant.

Names of nodes, inputs and outputs are in kebab-case.
"""

_COMPONENT = """\
# The keys of component.yaml

How the source folder of a component is built, and what the component says of itself.
"""

_CEILING = """\
# The keys of a ceiling

What no pipeline gets past, as whoever runs pipelines says it: `--ceiling FILE`, or the variable `ORCHESTRATOR_CEILING`.
Under `grants` stands all that may be granted at all. [The guide](../guide/plan.md) shows what follows.
"""

_ERRORS = """\
# Error codes

Every error has a code in brackets, `error[unknown-key]`. Codes stay; messages may get better. What is written wrong is
refused when the file is read, and what leads nowhere or fits nothing, when the pipeline is linked.
"""


def reference() -> str:
    """The page docs/reference/pipeline.md."""
    from orchestrator.manifest.pipeline_keys import PIPELINE

    return _page(_PIPELINE, PIPELINE)


def component_reference() -> str:
    """The page docs/reference/component.md."""
    from orchestrator.manifest.component_keys import COMPONENT

    return _page(_COMPONENT, COMPONENT)


def ceiling_reference() -> str:
    """The page docs/reference/ceiling.md."""
    from orchestrator.manifest.ceiling_keys import CEILING

    return _page(_CEILING, CEILING)


def error_reference(tables: Mapping[str, Mapping[str, str]]) -> str:
    """The page docs/reference/errors.md: a section for each table, from its title to its codes and their meanings."""
    sections = []
    for title, codes in tables.items():
        rows = [f"| `{code}` | {_cell(meaning)} |" for code, meaning in codes.items()]
        sections.append("\n".join([f"## {title}", "", "| code | means |", "| --- | --- |", *rows]))
    return "\n".join([_MADE, "", _ERRORS, "\n\n".join(sections), ""])


def _page(head: str, shape: Object) -> str:
    return "\n".join([_MADE, "", head, "\n\n".join(_section(section) for section in objects(shape)), ""])


def objects(shape: Object) -> Iterator[Object]:
    """The object and those inside it, each once, in the order of the keys."""
    seen: dict[str, Object] = {shape.title: shape}
    yield shape
    for key in shape.keys:
        inner = _object(key.shape)
        if inner is not None:
            yield from (found for found in objects(inner) if seen.setdefault(found.title, found) is found)


def _object(shape: Shape) -> Object | None:
    match shape:
        case Object():
            return shape
        case Either(_, long):
            return long
        case ListOf(item, _) | MapOf(_, _, item):
            return _object(item)
        case _:
            return None


def _section(shape: Object) -> str:
    rows = [_row(key) for key in shape.keys if not key.later]
    lines = [
        f"## {shape.title}",
        "",
        "| key | takes | without it | means | held by | shown by |",
        "| --- " * 6 + "|",
        *rows,
    ]
    later = [f"`{key.name}`" for key in shape.keys if key.later]
    if later:
        lines += ["", f"Refused until a version enforces them: {', '.join(later)}."]
    return "\n".join(lines)


def _row(key: Key) -> str:
    inner = _object(key.shape)
    takes = _cell(key.shape.show())
    if inner is not None:
        takes += f" ([{inner.title}](#{inner.title.lower().replace(' ', '-')}))"
    without = "must be there" if key.required else key.default or "—"
    proof = f"`{key.proof}`" if key.proof else "—"
    doc = key.doc + (f" Only of {' and '.join(f'`{kind}`' for kind in key.only)}." if key.only else "")
    return f"| `{key.name}` | {takes} | {_cell(without)} | {_cell(doc)} | {key.enforced or '—'} | {proof} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
