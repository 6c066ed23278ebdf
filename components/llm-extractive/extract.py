"""Choosing the sentences that answer a question."""

import math
from collections import Counter
from dataclasses import dataclass

from sentences import sentences
from words import content_words

LEAST_COVERED = 0.3
LEAST_OF_BEST = 0.5
REPETITION = 0.6


@dataclass
class Chosen:
    """A sentence and the mark of its passage."""

    text: str
    mark: str


@dataclass
class _Candidate:
    place: int
    text: str
    mark: str
    rank: int
    words: frozenset
    score: float = 0.0


def extract(question, passages, most):
    """At most `most` sentences of the passages that share the most telling words with the question, in the order read.

    A word tells the more, the fewer sentences have it. Earlier passages count a little more: whoever wrote the messages
    put the better ones first. What only repeats a chosen sentence is passed over.
    """
    wanted = content_words(question)
    candidates = list(_candidates(passages))
    weights = _weights(wanted, candidates)
    whole = sum(weights.values())
    for candidate in candidates:
        candidate.score = _score(candidate, weights, whole)
    chosen = []
    least = max((c.score for c in candidates), default=0.0) * LEAST_OF_BEST
    for candidate in sorted(candidates, key=lambda c: (-c.score, c.place)):
        if len(chosen) == most or candidate.score <= 0 or candidate.score < least:
            break
        if not any(_repeats(candidate, other) for other in chosen):
            chosen.append(candidate)
    return [Chosen(c.text, c.mark) for c in sorted(chosen, key=lambda c: c.place)]


def _candidates(passages):
    place = 0
    for rank, passage in enumerate(passages):
        for text in sentences(passage.text):
            if not text.endswith("?"):
                yield _Candidate(place, text, passage.mark, rank, frozenset(content_words(text)))
                place += 1


def _weights(wanted, candidates):
    found = Counter(word for candidate in candidates for word in candidate.words & wanted)
    return {word: math.log1p(len(candidates) / (1 + found[word])) for word in wanted}


def _score(candidate, weights, whole):
    covered = sum(weights[word] for word in candidate.words & weights.keys())
    if not whole or covered / whole < LEAST_COVERED:
        return 0.0
    length = max(len(candidate.words), 6)
    return covered / whole * (1 + 4 / length) / (1 + 0.08 * candidate.rank)


def _repeats(candidate, other):
    smaller = min(len(candidate.words), len(other.words)) or 1
    return len(candidate.words & other.words) / smaller > REPETITION
