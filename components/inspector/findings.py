"""What a check gives, and the lines of a document that are prose."""

from collections import namedtuple

Found = namedtuple("Found", "id line rule severity message")
"""A finding: the document's id, the line from 1, the rule, `note`, `warning` or `error`, and a sentence."""


def prose_lines(text):
    """(number, line) of each line outside fenced code, numbers from 1."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif not in_code:
            yield number, line
