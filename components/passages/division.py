"""A document's text as passages, each under the headings it stands below."""

import re

_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
MOST_PASSAGES = 2000


def divide(text, size):
    """(headings, passage) pairs in order: `headings` names the sections around it, outermost first."""
    passages = []
    for headings, section in _sections(text):
        passages += [(headings, part) for part in _parts(section, size)]
        if len(passages) >= MOST_PASSAGES:
            return passages[:MOST_PASSAGES]
    return passages


def _sections(text):
    open_headings, lines, in_code = [], [], False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        heading = None if in_code else _HEADING.match(line)
        if heading:
            yield tuple(title for _, title in open_headings), "\n".join(lines)
            level = len(heading[1])
            open_headings = [(other, title) for other, title in open_headings if other < level]
            open_headings.append((level, heading[2].rstrip("# ")))
            lines = []
        lines.append(line)
    yield tuple(title for _, title in open_headings), "\n".join(lines)


def _parts(section, size):
    """The section's paragraphs, joined while they fit; a paragraph that alone does not is cut at a line or word."""
    part = ""
    for paragraph in re.split(r"\n\s*\n", section):
        for piece in _pieces(paragraph.strip("\n"), size):
            if part and len(part) + len(piece) > size:
                yield part
                part = ""
            part = f"{part}\n\n{piece}" if part else piece
    if part.strip():
        yield part


def _pieces(paragraph, size):
    while len(paragraph) > size:
        cut = max(paragraph.rfind("\n", size // 2, size), paragraph.rfind(" ", size // 2, size))
        cut = cut if cut > 0 else size
        yield paragraph[:cut]
        paragraph = paragraph[cut:].lstrip()
    if paragraph:
        yield paragraph
