"""Texts as vectors of hashed words and letter groups.

Source: K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009): one bit of the hash gives the
sign, so that collisions cancel instead of adding up.
"""

import math
import re
from collections import Counter
from zlib import crc32

GROUP = 3
GROUP_WEIGHT = 1.0
_WORD = re.compile(r"[^\W_]+")


def embed(text, dimensions):
    """The vector of a text, of length 1; all zeros for one without words."""
    vector = [0.0] * dimensions
    for word, count in Counter(_WORD.findall(text.lower())).items():
        weight = 1 + math.log(count)
        _add(vector, word, weight)
        groups = _groups(word)
        for group in groups:
            _add(vector, group, weight * GROUP_WEIGHT / math.sqrt(len(groups)))
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


def _groups(word):
    """The word's groups of letters, its beginning and end marked."""
    marked = f"<{word}>"
    return [marked[at : at + GROUP] for at in range(len(marked) - GROUP + 1)]


def _add(vector, feature, weight):
    hashed = crc32(feature.encode("utf-8", "replace"))
    vector[(hashed >> 1) % len(vector)] += weight if hashed & 1 else -weight
