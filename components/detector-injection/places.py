"""The texts in a JSON value, each with its place as a JSON pointer (RFC 6901)."""

import json
import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a key has to look like to be shown: other ones may be what somebody else wrote."""


class NotJson(ValueError):
    """The text is not JSON."""


class _Pairs(list):
    """The keys and values of an object, those that stand there twice as well."""


def texts(value):
    """Every text of a JSON text with its place, in order: values, and keys that say more than a name does.

    Raises `NotJson`; the message does not quote the text.
    """
    left = [("", _read(value))]
    while left:
        place, item = left.pop()
        if isinstance(item, str):
            yield place, item
        elif isinstance(item, _Pairs):
            yield from ((f"{place}/{_shown(key)} (a key)", key) for key, _ in item if not _NAME.fullmatch(key))
            left += [(f"{place}/{_shown(key)}", inner) for key, inner in reversed(item)]
        elif isinstance(item, list):
            left += [(f"{place}/{at}", item[at]) for at in reversed(range(len(item)))]


def _read(value):
    try:
        return json.loads(value, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as problem:
        raise NotJson(f"line {problem.lineno}, column {problem.colno}: {problem.msg}") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except ValueError:
        raise NotJson("a number has too many digits") from None


def _shown(key):
    return key if _NAME.fullmatch(key) else "…"
