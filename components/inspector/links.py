"""Links between documents: whether what they lead to is there."""

import posixpath
import re
from urllib.parse import unquote

from findings import Found, prose_lines

_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
_DEFINED = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)")
_CODE = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
_ANCHOR = re.compile(r"<a\s[^>]*?(?:id|name)=[\"']([^\"']+)")


def check(documents):
    """Links to documents that are not there, and to headings that are not in them.

    Only links to files of the kinds that were given are judged: whether others exist cannot be known here.
    """
    anchors = {document.id: _anchors(document.text) for document in documents}
    kinds = {posixpath.splitext(id)[1] for id in anchors} - {""}
    for document in documents:
        for line, target in _links(document.text):
            problem = _problem(document.id, target, anchors, kinds)
            if problem:
                yield Found(document.id, line, *problem)


def _links(text):
    for number, line in prose_lines(text):
        plain = _CODE.sub("", line)
        for match in [*_LINK.finditer(plain), *_DEFINED.finditer(plain)]:
            yield number, match[1]


def _problem(id, target, anchors, kinds):
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", target):
        return None
    path, _, anchor = unquote(target).partition("#")
    path = path.partition("?")[0]
    other = posixpath.normpath(posixpath.join(posixpath.dirname(id), path)) if path else id
    if other.startswith(("..", "/")) or (path and posixpath.splitext(path)[1] not in kinds):
        return None
    if other not in anchors:
        return "broken-link", "error", f"the link to `{target}` leads to no document; there is no `{other}`"
    if anchor and anchor.lower() not in anchors[other]:
        return "broken-anchor", "warning", f"the link to `{target}` leads to no heading of `{other}`"
    return None


def _anchors(text):
    """What can stand after `#`: headings as GitHub spells them, and anchors in HTML."""
    found, seen = set(), {}
    for _, line in prose_lines(text):
        found.update(anchor.lower() for anchor in _ANCHOR.findall(line))
        heading = _HEADING.match(line)
        if heading:
            slug = _slug(heading[1])
            found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
            seen[slug] = seen.get(slug, 0) + 1
    return found


def _slug(heading):
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
