"""Orders a retriever's passages anew, by vectors."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import embeddings, store
from wit_world.imports import retrieval as inner
from wit_world.exports import retrieval as outer

from fusion import fuse, similarity

MOST_CANDIDATES = 200


def _setting(key, default):
    text = store.get(key)
    return default if text is None else json.loads(text)


class Retrieval(exports.Retrieval):
    def index(self, documents):
        return _asked(inner.index, documents)

    def search(self, query, limit):
        wanted = min(limit * max(_setting("candidates", 5), 1), max(limit, MOST_CANDIDATES))
        hits = _asked(inner.search, query, wanted)
        if not hits:
            return []
        asked, *found = _vectors([query, *(hit.passage for hit in hits)])
        fused = fuse([similarity(asked, vector) for vector in found], min(max(_setting("weight", 0.4), 0.0), 1.0))
        return [_scored(hits[place], score) for score, place in fused[:limit]]


def _scored(hit, score):
    return outer.Hit(hit.id, hit.title, hit.passage, score)


def _vectors(texts):
    try:
        return embeddings.embed(texts)
    except Err as error:
        if isinstance(error.value, embeddings.EmbeddingsError_Denied):
            raise Err(outer.RetrievalError_Denied(error.value.value)) from None
        raise Err(outer.RetrievalError_Failed(f"no vectors: {error.value}")) from None


def _asked(function, *arguments):
    """What the retriever behind answers; its errors as one's own."""
    try:
        return function(*arguments)
    except Err as error:
        name = type(error.value).__name__
        raise Err(getattr(outer, name)(error.value.value)) from None
