"""Regular expressions that take linear time: RE2 (`google-re2`), since a pattern and a text may both be hostile.

RE2 has no back-references and no look-around; it lets other threads run while it searches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1000
"""Characters of a pattern."""
_MEMORY = 1 << 20


def searcher(pattern: str) -> Callable[[str], bool]:
    """What tells whether the pattern matches anywhere in a text. Raises ValueError, saying why, where it is refused."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    if len(pattern) > LONGEST:
        raise ValueError(f"it has {len(pattern)} characters, at most {LONGEST} are allowed")
    try:
        compiled = re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise ValueError("it is not valid Unicode") from None
    except re2.error as error:
        raise ValueError(_reason(error)) from None
    return lambda text: compiled.search(text.encode(errors="surrogatepass")) is not None


def pattern_problem(pattern: str) -> str:
    """Why the pattern is refused; empty for a good one."""
    try:
        searcher(pattern)
    except ValueError as error:
        return str(error)
    return ""


def _reason(error: Exception) -> str:
    words = error.args[0] if error.args else ""
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
