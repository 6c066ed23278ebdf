"""Documents in portions that cross an edge in one call."""

MOST_DOCUMENTS = 200
MOST_CHARACTERS = 2_000_000


def batches(documents):
    """Lists of the documents in order, each of a few megabytes at most (or of one document that is larger)."""
    batch, characters = [], 0
    for document in documents:
        if batch and (len(batch) == MOST_DOCUMENTS or characters + len(document.text) > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(document)
        characters += len(document.text)
    if batch:
        yield batch
