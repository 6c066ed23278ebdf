"""Choosing the sentences that answer a question."""

import math
import re
from collections import Counter
from dataclasses import dataclass

from sentences import sentences
from words import asked_words, content_words, topic

LEAST_COVERED = 0.3
LEAST_OF_BEST = 0.5
REPETITION = 0.6
HEADING = 0.5
"""What a word of the question counts for that stands in the heading above a sentence, and not in the sentence."""
SUBJECT, DEFINITION = 1.4, 2.2
"""What it counts for that a sentence begins with what the question asks the meaning of, and goes on "is"."""


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
    around: frozenset
    worth: float
    score: float = 0.0


def extract(question, passages, most):
    """At most `most` sentences of the passages that share the most telling words with the question, in the order read.

    A word tells the more, the fewer sentences have it; one in the heading above a sentence counts for less. Earlier
    passages count a little more: whoever wrote the messages put the better ones first. So does a sentence that begins
    with what a "What is …?" asks for. What only repeats a chosen sentence is passed over.
    """
    asked = topic(question)
    wanted = asked_words(asked or question)
    candidates = list(_candidates(passages, _beginning(asked)))
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


def _candidates(passages, beginning):
    place = 0
    for rank, passage in enumerate(passages):
        for sentence in sentences(passage.text):
            if not sentence.text.endswith("?"):
                own = frozenset(content_words(sentence.text))
                around = frozenset(content_words(f"{passage.label} {sentence.heading}")) - own
                worth = sentence.worth * _defines(sentence.text, beginning)
                yield _Candidate(place, sentence.text, passage.mark, rank, own, around, worth)
                place += 1


def _beginning(asked):
    """How a sentence begins whose subject is what is asked for, with the word after it; None where nothing is."""
    phrase = r"\W+".join(re.escape(word) for word in re.findall(r"\w+", asked))
    subject = rf"\W*(?:(?:an?|the)\s+)?\W*{phrase}(?:e?s)?(?![\w.])\W*(\w*)"
    return re.compile(subject, re.IGNORECASE) if phrase else None


def _defines(sentence, beginning):
    found = beginning.match(sentence) if beginning else None
    if not found:
        return 1.0
    return DEFINITION if found[1].lower() in ("is", "are", "means", "mean") else SUBJECT


def _weights(wanted, candidates):
    found = Counter(word for candidate in candidates for word in candidate.words & wanted)
    return {word: math.log1p(len(candidates) / (1 + found[word])) for word in wanted}


def _score(candidate, weights, whole):
    own = sum(weights[word] for word in candidate.words & weights.keys())
    covered = own + HEADING * sum(weights[word] for word in candidate.around & weights.keys())
    if not own or covered / whole < LEAST_COVERED:
        return 0.0
    length = max(len(candidate.words), 6)
    return candidate.worth * covered / whole * (1 + 4 / length) / (1 + 0.08 * candidate.rank)


def _repeats(candidate, other):
    smaller = min(len(candidate.words), len(other.words)) or 1
    return len(candidate.words & other.words) / smaller > REPETITION
