"""Two orders of the same things as one.

Source: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet" (2009), with a weight.
"""

SMOOTHING = 60


def fuse(similarities, weight):
    """(score, place) pairs, the best first, of things that stand in the first order already.

    Arguments:
        similarities: of each thing; the second order is from the highest down.
        weight: how much the second order counts, from 0 to 1.
    """
    second = {place: rank for rank, place in enumerate(_order(similarities))}
    scores = [
        (1 - weight) / (SMOOTHING + place) + weight / (SMOOTHING + second[place]) for place in range(len(similarities))
    ]
    return [(scores[place] * SMOOTHING, place) for place in _order(scores)]


def _order(values):
    """Places from the highest value down; equal ones as they stand."""
    return sorted(range(len(values)), key=lambda place: -values[place])


def similarity(one, other):
    """The cosine of two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))
