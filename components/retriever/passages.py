"""The part of a text that bears on a query, and the texts whose parts bear on it most."""

from collections import Counter

from words import question_words, words

MOST_PARAGRAPHS = 5000
_FURTHER = 10
"""How many texts beyond those asked for are looked into."""
_HEADING, _PROSE, _LISTED = 3.0, 1.0, 0.5
"""What a word counts for: in a heading and in prose each time, in a table or in code once."""
_CLEARLY = 1.1
"""How much better than an earlier passage a later one must fit: what is said first, says what it is about."""
_PASSAGE = 2.0
"""What the fit of the best passage counts for beside the fit of the whole text."""


def search(index, query, limit, size):
    """(score, id, title, passage) of the best texts, the best first: both a text and its best passage count."""
    found = []
    for score, id, title, text in index.search(query, limit + _FURTHER if limit else 0):
        passage, fit = best_passage(text, query, index.weight, size)
        found.append((score + _PASSAGE * fit, id, title, passage))
    return sorted(found, key=lambda hit: -hit[0])[:limit]


def best_passage(text, query, weight, size):
    """Neighbouring paragraphs of about `size` characters that hold most of the query's words, and how well they fit.

    Arguments:
        weight: how much a word tells.
    """
    weights = {word: weight(word) for word in dict.fromkeys(question_words(query))}
    pieces = [(start, end, _counts(text[start:end], weights)) for start, end in _pieces(text, size)]
    best, best_fit = (0, len(text) if len(text) <= size else size), 0.0
    for first, (start, _, bearing) in enumerate(pieces):
        if not bearing:
            continue
        counts, end = {}, start
        for _, piece_end, found in pieces[first:]:
            if end > start and piece_end - start > size:
                break
            end = piece_end
            for word, count in found.items():
                counts[word] = counts.get(word, 0.0) + count
        fit = sum(weights[word] * count / (count + 0.5) for word, count in counts.items())
        if fit > best_fit * _CLEARLY:
            best, best_fit = (start, end), fit
    return (text.strip() if len(text) <= size else text[best[0] : best[1]].strip()), best_fit


def _counts(piece, weights):
    """How often a paragraph has each word that is asked for, by what kind of paragraph it is."""
    bare = piece.lstrip()
    found = [word for word in words(piece) if word in weights]
    if bare.startswith(("|", "```", "~~~")):
        return dict.fromkeys(found, _LISTED)
    each = _HEADING if bare.startswith("#") else _PROSE
    return {word: each * count for word, count in Counter(found).items()}


def _pieces(text, size):
    """Where paragraphs begin and end: a block of code is one, a heading too; what is longer than `size` is divided."""
    start = count = 0
    while start < len(text) and count < MOST_PARAGRAPHS:
        end = _end(text, start)
        while end - start > size:
            cut = _cut(text, start, size)
            yield start, cut
            start, count = cut, count + 1
        yield start, end
        start, count = end, count + 1


def _end(text, start):
    """Where the paragraph that begins at `start` ends."""
    fence = text[start : start + 3]
    at = start
    if fence in ("```", "~~~"):
        closing = text.find(f"\n{fence}", start)
        at = closing + 4 if closing >= 0 else start
    end = text.find("\n\n", at)
    return len(text) if end < 0 else end + 2


def _cut(text, start, size):
    """The end of a line, a sentence or a word near `start + size`."""
    for mark in ("\n", ". ", " "):
        at = text.rfind(mark, start + size // 2, start + size)
        if at > 0:
            return at + len(mark)
    return start + size
