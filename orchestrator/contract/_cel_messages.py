"""The library's messages -> messages for a person who wrote one line of CEL."""

from __future__ import annotations

import re

from orchestrator.contract._cel_kinds import operator
from orchestrator.contract._place import Problem
from orchestrator.wording import suggest

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_WORDS = {"and": "`&&`", "or": "`||`", "not": "`!`", "=": "`==`", "===": "`==`", "in": "`in`"}
_PLAIN = {"int64": "int", "uint64": "uint", "null_type": "null"}
_EVALUATION = (
    ("Iteration budget exceeded", "it takes more than 10,000 iterations"),
    ("divide by zero", "division by zero"),
    ("modulus by zero", "division by zero"),
    ("overflow", "a number is out of range"),
    ("Index error: index", "an index is out of bounds"),
    ("onver", "a value cannot be converted"),
    ("SELECT", "a field is asked of a value that has none"),
    ("invalid regular expression", "a pattern is not a regular expression"),
    ("OUT_OF_RANGE", "a number is out of range"),
)


def compile_problems(message: str, text: str, variables: tuple[str, ...]) -> list[Problem]:
    """The problems that the library's refusal of an expression tells of, without those that follow from a first one."""
    found = [(int(m[1]), int(m[2]), m[3]) for m in _ERROR.finditer(message)]
    syntax = [error for error in found if error[2].startswith("Syntax error")]
    lines = text.split("\n")
    problems = []
    for line, column, words in syntax[:1] or found:
        at = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
        problems.append(_problem(words, at, text, variables))
    return problems or [Problem(_plain(message))]


def evaluation_cause(message: str, text: str) -> str:
    """Why an evaluation failed, without a word of the values that it looked at."""
    key = re.search(r'Key not found in map : "(.*)"', message)
    if key:
        return f"there is no `{key[1]}`" if key[1] and key[1] in text else "a key is missing"
    overload = re.search(r"No matching overloads found : (\S+?)\(([\w, ]*)\)", message)
    if overload:
        kinds = ", ".join(_PLAIN.get(name, name) for name in overload[2].split(", "))
        return f"`{operator(overload[1])}` does not take ({kinds})"
    return next((cause for sign, cause in _EVALUATION if sign in message), "the values do not fit the expression")


def _plain(message: str) -> str:
    first = message.split("\n", 1)[0]
    if "recursion" in first:
        return "it is nested too deeply"
    return re.sub(r"^[A-Z_]+: (ERROR: )?|\s*\[[A-Z_]+\]$", "", first)


def _problem(words: str, at: int, text: str, variables: tuple[str, ...]) -> Problem:
    words = _plain(words)
    undeclared = re.match(r"undeclared reference to '([^']*)'", words)
    if undeclared:
        return _undeclared(undeclared[1].split(".")[0], at, text, variables)
    overload = re.match(r"found no matching overload for '([^']*)' applied to '(.*)'", words)
    if overload:
        return Problem(f"`{operator(overload[1])}` does not take {overload[2]}", at)
    if "'<EOF>' expecting" in words or "at input '<EOF>'" in words:
        return Problem("the expression ends too early", at)
    token = re.match(r"Syntax error: [a-z ]+?(?: at)?:? '(.*?)'(?: expecting .*)?$", words, re.DOTALL)
    if token:
        return _token(token[1].strip(), at)
    return Problem(words.removeprefix("Syntax error: "), at)


def _undeclared(name: str, at: int, text: str, variables: tuple[str, ...]) -> Problem:
    if at > 0 and text[at - 1] == "-" and (at < 2 or text[at - 2] != " "):
        return Problem(f"there is no variable `{name}`", at, ("a name with a dash is written in backticks: .`a-name`",))
    called = re.match(r"\w*\s*\(", text[at:]) is not None
    noun = "function" if called else "variable"
    return Problem(f"there is no {noun} `{name}`", at, () if called else (suggest(name, variables),))


def _token(token: str, at: int) -> Problem:
    word = _WORDS.get(token)
    return Problem(f"`{token}` is not expected here", at, (f"CEL writes {word}",) if word else ())
