"""Compiles a snippet so that the value of its last expression can be had, as cheaply as that can be done.

Looking at the tree of the whole costs as much again as compiling does. So a snippet is parted before the last line that
may begin a statement: where what comes before compiles alone and what follows is an expression, or beyond doubt a
statement, both together are the snippet. Otherwise, such as where that line is inside a text, the tree is looked at.
"""

import ast
import re

from failures import described
from refusal import Refused, bounded

_STATEMENT = re.compile(
    r"(?:for|while|if|def|class|import|from|with|try|return|raise|del|assert|pass|global|async)\b"
    r"|[\w.]+(?:\[[^\[\]=]*\])?\s*[-+*/%&|^@]{0,2}=(?!=)"
)
_GOES_ON = re.compile(r"[\s#)\]}]|(?:else|elif|except|finally)\b|$")
_MOST_SAID = 16 << 10


def compiled(source, name):
    """The code objects that make up a snippet: evaluating the last gives the value of its last expression, or None.

    Arguments:
        name: the file name that tracebacks have.

    Raises:
        Refused: it is no Python.
    """
    try:
        return _parted(source, name) or _by_tree(source, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise Refused("invalid-source", bounded(described(error), _MOST_SAID)) from None


def _parted(source, name):
    """The two parts; None where they do not tell."""
    text = source.rstrip()
    start = _last_start(text)
    if start < 0 or text.find(";", start) >= 0 or "\r" in text or "__future__" in text:
        return None
    statement = _STATEMENT.match(text, start)
    try:
        if start == 0:
            return (compile(text, name, "exec" if statement else "eval"),)
        before = compile(text[:start], name, "exec")
        rest = "\n" * text.count("\n", 0, start) + text[start:]
        return before, compile(rest, name, "exec" if statement else "eval")
    except SyntaxError:
        return None


def _last_start(text):
    """Where the last line begins that may begin a statement; -1 where there is none."""
    end = len(text)
    while end >= 0:
        start = text.rfind("\n", 0, end) + 1
        if not _GOES_ON.match(text, start):
            return start
        end = start - 1
    return -1


def _by_tree(source, name):
    tree = ast.parse(source, name)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return (compile(tree, name, "exec"),)
    last = ast.Expression(tree.body.pop().value)
    return compile(tree, name, "exec"), compile(last, name, "eval")
