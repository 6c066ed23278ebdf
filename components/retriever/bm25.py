"""An index of texts, ranked by BM25.

Source: S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the inverse document
frequency is Lucene's, which is never negative.
"""

import heapq
import math
from array import array
from collections import Counter

from words import question_words, words

TITLE_WEIGHT = 3
_MOST_COUNTED = 255


class IndexFull(Exception):
    """The text would outgrow the index's limit."""


class Index:
    """Texts by id. A word's occurrences in a document take four bytes: the document's number and a byte's count."""

    def __init__(self, k1=1.2, b=0.75, max_bytes=1 << 27):
        self.k1, self.b, self.max_bytes = k1, b, max_bytes
        self.numbers, self.texts = {}, []
        self.lengths, self.postings = array("I"), {}
        self.total_length = self.total_bytes = 0

    def __len__(self):
        return len(self.numbers)

    def add(self, id, title, text):
        """Adds a text, in place of the one with the same id."""
        number = self.numbers.get(id)
        if number is not None and self.texts[number] == (id, title, text):
            return
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self.total_bytes + size > self.max_bytes:
            raise IndexFull(f"{self.max_bytes} bytes of text")
        if number is not None:
            self._remove(number)
        self.total_bytes += size
        self._append(id, title, text)

    def search(self, query, limit):
        """(score, id, title, text) of the best texts, the best first; equal ones in the order they were added."""
        scores = {}
        for word in dict.fromkeys(question_words(query)):
            self._score(word, scores)
        best = heapq.nsmallest(limit, scores.items(), key=lambda item: (-item[1], item[0]))
        return [(score, *self.texts[number]) for number, score in best]

    def weight(self, word):
        """How much a word tells: little for one that is in most texts."""
        return self._weight(sum(1 for entry in self.postings.get(word, ()) if self.texts[entry >> 8]))

    def _weight(self, found_in):
        return math.log1p((len(self) - found_in + 0.5) / (found_in + 0.5))

    def _append(self, id, title, text):
        number = self.numbers[id] = len(self.texts)
        self.texts.append((id, title, text))
        counts = Counter(words(text))
        length = sum(counts.values())
        for word in words(f"{title} {id}"):
            counts[word] += TITLE_WEIGHT
        self.lengths.append(length)
        self.total_length += length
        postings, head = self.postings, number << 8
        for word, count in counts.items():
            entry = head | (count if count < _MOST_COUNTED else _MOST_COUNTED)
            if word in postings:
                postings[word].append(entry)
            else:
                postings[word] = array("I", (entry,))

    def _remove(self, number):
        """Forgets a text; its occurrences stay behind and are passed over."""
        text = self.texts[number][2]
        self.total_bytes -= len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        self.total_length -= self.lengths[number]
        self.texts[number] = None

    def _score(self, word, scores):
        alive = [entry for entry in self.postings.get(word, ()) if self.texts[entry >> 8]]
        weight, k1, b = self._weight(len(alive)) * (self.k1 + 1), self.k1, self.b
        average = self.total_length / len(self) or 1.0 if alive else 1.0
        for entry in alive:
            number, count = entry >> 8, entry & 255
            held_back = k1 * (1 - b + b * self.lengths[number] / average)
            scores[number] = scores.get(number, 0.0) + weight * count / (count + held_back)
