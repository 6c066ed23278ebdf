"""Divides documents into passages before they are indexed."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import retrieval as inner
from wit_world.imports import store
from wit_world.imports.documents import Document
from wit_world.exports import retrieval as outer

from division import divide

BATCH = 500
MOST_CHARACTERS = 2_000_000
AT_ONCE = 4
MOST_HITS = 1000


_counts = {}
"""How many passages each document was divided into."""


class Retrieval(exports.Retrieval):
    def index(self, documents):
        batch, characters, size = [], 0, _size()
        for document in documents:
            for passage in _passages(document, size):
                batch.append(passage)
                characters += len(passage.text)
                if len(batch) >= BATCH or characters >= MOST_CHARACTERS:
                    _asked(inner.index, batch)
                    batch, characters = [], 0
        if batch:
            _asked(inner.index, batch)
        return len(_counts)

    def search(self, query, limit):
        limit = min(limit, MOST_HITS)
        best = {}
        for hit in _asked(inner.search, query, limit * AT_ONCE):
            id = hit.id.rpartition("#")[0]
            if id in _counts and hit.passage and id not in best:
                best[id] = outer.Hit(id, hit.title, hit.passage, hit.score)
        return list(best.values())[:limit]


def _passages(document, size):
    """The document's passages; where it had more before, empty ones in the place of those that are gone."""
    before, number = _counts.get(document.id, 0), 0
    for number, (headings, text) in enumerate(divide(document.text, size), 1):
        title = " / ".join(dict.fromkeys([document.title, *headings]))
        yield Document(f"{document.id}#{number}", title, text, [("source", document.id)])
    _counts[document.id] = number
    for gone in range(number + 1, before + 1):
        yield Document(f"{document.id}#{gone}", "", "", [("source", document.id)])


def _size():
    text = store.get("size")
    return max(1200 if text is None else int(json.loads(text)), 100)


def _asked(function, *arguments):
    """What the retriever behind answers; its errors as one's own."""
    try:
        return function(*arguments)
    except Err as error:
        name = type(error.value).__name__
        raise Err(getattr(outer, name)(error.value.value)) from None
