"""What a model replies: code, and what it asks to remember."""

import re

_BLOCK = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)
_NOTE = re.compile(r"^# remember: *(.+)$", re.MULTILINE)


def read(content):
    """The code of a reply, that of its first block if it has one, and the notes in it."""
    block = _BLOCK.search(content)
    return (block[1] if block else content), _NOTE.findall(content)
