"""Texts as vectors of hashed words."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import store
from wit_world.exports.embeddings import EmbeddingsError_InvalidRequest

from hashing import embed

MOST_TEXTS = 2000
LONGEST = 100_000


class Embeddings(exports.Embeddings):
    def embed(self, texts):
        if len(texts) > MOST_TEXTS:
            raise Err(EmbeddingsError_InvalidRequest(f"{len(texts)} texts at once; at most {MOST_TEXTS} are taken"))
        dimensions = _dimensions()
        return [embed(text[:LONGEST], dimensions) for text in texts]


def _dimensions():
    text = store.get("dimensions")
    return min(max(256 if text is None else int(json.loads(text)), 16), 4096)
