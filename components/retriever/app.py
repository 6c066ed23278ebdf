"""Finds passages by the words of a question."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import store
from wit_world.exports.retrieval import (
    Hit,
    RetrievalError_IndexFull,
    RetrievalError_InvalidQuery,
)

import passages
from bm25 import Index, IndexFull
from words import words

MOST_HITS = 1000


def _setting(key, default):
    text = store.get(key)
    return default if text is None else json.loads(text)


class Retrieval(exports.Retrieval):
    texts = None
    passage = 1200

    def index(self, documents):
        texts = self._texts()
        try:
            for document in documents:
                texts.add(document.id, document.title, document.text)
        except (IndexFull, MemoryError) as error:
            raise Err(RetrievalError_IndexFull(str(error) or "the memory of the node")) from None
        return len(texts)

    def search(self, query, limit):
        texts = self._texts()
        if not words(query):
            raise Err(RetrievalError_InvalidQuery("there is no word in it to search for"))
        return [
            Hit(id, title, passage, score)
            for score, id, title, passage in passages.search(texts, query, min(limit, MOST_HITS), self.passage)
        ]

    def _texts(self):
        if self.texts is None:
            Retrieval.passage = _setting("passage", 1200)
            Retrieval.texts = Index(_setting("k1", 1.2), _setting("b", 0.75), _setting("max-bytes", 1 << 27))
        return self.texts
