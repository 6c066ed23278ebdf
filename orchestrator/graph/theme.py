"""The colours, fonts and words of the picture.

Plain classes with a dark set in a media query rather than CSS variables: converters such as librsvg and Inkscape know
no variables. All classes begin with `og-`, as a page may hold several pictures among styles of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.graph.model import ARC_KINDS, TINTS, VERTEX_KINDS, ArcKind, Tint, VertexKind

ARROW = 8.0

KEY_VERTICES: dict[VertexKind, str] = {
    "input": "input",
    "output": "output",
    "node": "component",
    "python": "Python, in the host",
}
KEY_ARCS: dict[ArcKind, str] = {
    "data": "data",
    "call": "call",
    "tool": "tool",
    "detect": "judged by",
    "grant": "used by a grant",
    "implied": "runs before",
}
KEY_TAGS: dict[Tint, str] = {
    "untrusted": "from outside",
    "private": "not for everybody",
    "outbound": "can send",
}

_SANS = 'Inter,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif'
_MONO = 'ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace'


class Palette(NamedTuple):
    """Colours in hexadecimal: of a box its ground and its edge, of chips and tags their ground, edge and text."""

    page: str
    ink: str
    soft: str
    faint: str
    boxes: dict[VertexKind, tuple[str, str]]
    arcs: dict[ArcKind, str]
    chip: tuple[str, str, str]
    stop: tuple[str, str, str]
    tags: dict[Tint, tuple[str, str, str]]
    alarm: str


LIGHT = Palette(
    page="#fbfcfd",
    ink="#16202c",
    soft="#576475",
    faint="#8a96a6",
    boxes={
        "input": ("#e9f6ef", "#5fae86"),
        "output": ("#e8f0fc", "#6d9be0"),
        "node": ("#ffffff", "#c9d1db"),
        "python": ("#fffbea", "#d8b13c"),
    },
    arcs={
        "data": "#2f6fd0",
        "call": "#d9730d",
        "tool": "#8250c8",
        "detect": "#c2418f",
        "grant": "#3f9a70",
        "implied": "#98a2b0",
    },
    chip=("#fff3dc", "#ecc98a", "#7a4b06"),
    stop=("#e3f5ea", "#8cc9a3", "#14593a"),
    tags={
        "untrusted": ("#fde7e3", "#dd8a7c", "#8f2413"),
        "private": ("#e8eafc", "#98a0e2", "#333c9c"),
        "outbound": ("#dff1f3", "#76b3bb", "#12545d"),
    },
    alarm="#c92a1e",
)
_DARK = Palette(
    page="#10151c",
    ink="#e8edf3",
    soft="#a3b0c0",
    faint="#748296",
    boxes={
        "input": ("#15291f", "#468a68"),
        "output": ("#16263f", "#4874b8"),
        "node": ("#1a222d", "#3a4757"),
        "python": ("#2b2614", "#9c8132"),
    },
    arcs={
        "data": "#6aa5f8",
        "call": "#f29a4a",
        "tool": "#b796f2",
        "detect": "#e879b9",
        "grant": "#5cb88c",
        "implied": "#69778a",
    },
    chip=("#33280f", "#6b5420", "#f2cf8d"),
    stop=("#12301f", "#2f6b4a", "#9fe0bd"),
    tags={
        "untrusted": ("#3a1a15", "#8a4436", "#f6b5a7"),
        "private": ("#20254a", "#4d57a8", "#bcc3fb"),
        "outbound": ("#10323a", "#2f6e79", "#a5dfe8"),
    },
    alarm="#ff6b5e",
)


def _rules(p: Palette) -> str:
    """The colours, as CSS."""
    rules = [
        f".og-page{{fill:{p.page}}}",
        f".og-name,.og-label{{fill:{p.ink}}}",
        f".og-sub,.og-key,.og-detail,.og-path{{fill:{p.soft}}}",
        f".og-type{{fill:{p.soft}}}",
        f".og-tag,.og-more{{fill:{p.faint}}}",
        f".og-when{{fill:{p.ink}}}",
        _box("box", p.boxes["node"]),
        *(_box(kind, p.boxes[kind]) for kind in VERTEX_KINDS if kind != "node"),
        f".og-note>rect{{fill:{p.page}}}",
        f".og-note>.og-chip,.og-chip{{fill:{p.chip[0]};stroke:{p.chip[1]}}}",
        f".og-rule{{fill:{p.chip[2]}}}",
        f".og-note>rect.og-stop,rect.og-stop{{fill:{p.stop[0]};stroke:{p.stop[1]}}}text.og-stop{{fill:{p.stop[2]}}}",
        f"text.og-alarm{{fill:{p.alarm}}}.og-box.og-alarm>.og-outline,path.og-alarm{{stroke:{p.alarm}}}",
    ]
    rules.append(f".og-tint{{fill:{p.page};stroke:{p.faint}}}")
    for tint in TINTS:
        ground, edge, ink = p.tags[tint]
        rules.append(f"rect.og-{tint}{{fill:{ground};stroke:{edge}}}text.og-{tint}{{fill:{ink}}}")
        rules.append(f"rect.og-{tint}.og-came{{fill:{p.page}}}")
    for kind in ARC_KINDS:
        colour = p.arcs[kind]
        rules.append(f".og-arc.og-{kind}{{stroke:{colour}}}.og-tip-{kind}{{fill:{colour}}}")
        rules.append(f".og-note-{kind}>rect{{stroke:{colour}}}")
    return "".join(rules)


def _box(kind: str, colours: tuple[str, str]) -> str:
    return f".og-{kind}>rect{{fill:{colours[0]};stroke:{colours[1]}}}"


STYLE = (
    f".og text{{font-family:{_SANS}}}"
    ".og-name{font-size:18px;font-weight:650}"
    ".og-sub{font-size:12px}.og-key{font-size:11px}"
    ".og-label{font-size:14px;font-weight:600}"
    ".og-tag{font-size:9.5px;font-weight:600;letter-spacing:.6px}"
    f".og text.og-type,.og text.og-rule{{font-family:{_MONO}}}"
    ".og-type{font-size:10.5px}.og-rule{font-size:10px}"
    ".og-detail,.og-path,.og-alarm{font-size:11px}"
    "text.og-tagged,text.og-stop{font-size:10px;font-weight:600}"
    "text.og-alarm{font-weight:650}"
    ".og-path{font-weight:500}"
    ".og-when{font-size:10.5px;font-style:italic}.og-more{font-size:10px}"
    ".og-box>rect{stroke-width:1.2}"
    ".og-note>rect{stroke-width:1;stroke-opacity:.38}"
    ".og-note>.og-chip,.og-note>.og-stop{stroke-opacity:1}"
    ".og-arc{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    ".og-arc.og-fused{stroke-width:4}"
    ".og-came{stroke-dasharray:3 2}"
    ".og-box.og-alarm>.og-outline{stroke-width:2.6}"
    "path.og-alarm{fill:none;stroke-width:8;stroke-opacity:.28;stroke-linecap:round}"
    ".og-arc.og-tool{stroke-dasharray:7 4}"
    ".og-arc.og-detect{stroke-dasharray:7 3 2 3}"
    ".og-arc.og-grant{stroke-dasharray:3 3}"
    ".og-arc.og-implied{stroke-dasharray:1.5 4;stroke-linecap:round}"
    + _rules(LIGHT)
    + f"@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
)
