"""The part of a text that bears on a query."""

from words import question_words, words

MOST_PARAGRAPHS = 5000


def best_passage(text, query, weight, size):
    """Neighbouring paragraphs of about `size` characters that hold most of the query's words.

    Arguments:
        weight: how much a word tells.
    """
    if len(text) <= size:
        return text.strip()
    weights = {word: weight(word) for word in dict.fromkeys(question_words(query))}
    pieces = list(_pieces(text, size))
    found = [weights.keys() & set(words(text[start:end])) for start, end in pieces]
    best, best_score = (pieces[0][0], pieces[0][1]), -1.0
    for first, (start, _) in enumerate(pieces):
        here, last = set(), first
        while last < len(pieces) and (last == first or pieces[last][1] - start <= size):
            here |= found[last]
            last += 1
        score = sum(weights[word] for word in here) + 0.001 * len(found[first])
        if score > best_score:
            best, best_score = (start, pieces[last - 1][1]), score
    return text[best[0] : best[1]].strip()


def _pieces(text, size):
    """Where paragraphs begin and end; one that is longer than `size` is divided."""
    start = count = 0
    while start < len(text) and count < MOST_PARAGRAPHS:
        end = text.find("\n\n", start)
        end = len(text) if end < 0 else end + 2
        while end - start > size:
            cut = _cut(text, start, size)
            yield start, cut
            start, count = cut, count + 1
        yield start, end
        start, count = end, count + 1


def _cut(text, start, size):
    """The end of a line, a sentence or a word near `start + size`."""
    for mark in ("\n", ". ", " "):
        at = text.rfind(mark, start + size // 2, start + size)
        if at > 0:
            return at + len(mark)
    return start + size
