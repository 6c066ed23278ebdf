"""Looks for what is wrong with documents."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import store
from wit_world.imports.documents import Document
from wit_world.imports.findings import Finding, Severity
from wit_world.exports.detector import DetectorError_InvalidValue, Verdict
from wit_world.exports.inspection import InspectionError_Failed

import links
import prose
import secrets_check

CHECKS = {
    "links": links.check,
    "secrets": secrets_check.check,
    "prose": lambda documents: prose.check(documents, _setting("longest-sentence", 50)),
}


def _setting(key, default):
    text = store.get(key)
    return default if text is None else json.loads(text)


class Inspection(exports.Inspection):
    def inspect(self, documents):
        wanted = _setting("checks", list(CHECKS))
        unknown = [name for name in wanted if name not in CHECKS]
        if unknown:
            raise Err(InspectionError_Failed(f"no check is called `{unknown[0]}`; there are {', '.join(CHECKS)}"))
        found = [one for name in wanted for one in CHECKS[name](documents)]
        order = {document.id: place for place, document in enumerate(documents)}
        found.sort(key=lambda one: (order[one.id], one.line, one.rule))
        return [Finding(o.id, o.line, o.rule, Severity[o.severity.upper()], o.message) for o in found]


class Transform(exports.Transform):
    def apply(self, documents):
        return [_cleaned(document) for document in documents]


class Detector(exports.Detector):
    def detect(self, value):
        try:
            texts = _texts(json.loads(value))
        except (ValueError, RecursionError) as error:
            raise Err(DetectorError_InvalidValue(str(error))) from None
        found = dict.fromkeys(what for text in texts for _, what, _, _ in secrets_check.secrets(text))
        return Verdict(not found, f"it holds {', '.join(found)}" if found else "")


def _cleaned(document):
    text, count = secrets_check.removed(document.text)
    if not count:
        return document
    return Document(document.id, document.title, text, [*document.metadata, ("secrets-removed", str(count))])


def _texts(value):
    """Every string in a JSON value, keys of objects included."""
    waiting, found = [value], []
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
    return found
