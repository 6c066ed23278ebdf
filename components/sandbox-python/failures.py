"""What is said of an exception: its message and its traceback, of the snippet's own lines alone."""

import traceback

NAME = "<snippet"
"""What the file names of all snippets begin with."""
_MOST_LINKED = 16
_MODULES = (
    "this sandbox has Python's standard library as far as it does without files, threads and sockets, and no packages"
)


def described(error):
    """An exception without a traceback, with the line of the source where it is about one."""
    return _text(lambda: "".join(_looked_at(error).format_exception_only()).rstrip("\n"), error)


def message(error):
    """Its kind and what it says, on one line where that is one."""
    return _text(lambda: _message(error), error)


def told(error):
    """An exception with its traceback, as Python shows it."""
    return _text(lambda: _told(error), error)


def _told(error):
    _shorten(error)
    found = _looked_at(error)
    _keep_own(found)
    return "".join(found.format()).rstrip("\n")


def _looked_at(error):
    if isinstance(error, ModuleNotFoundError) and _MODULES not in getattr(error, "__notes__", ()):
        error.add_note(_MODULES)
    return traceback.TracebackException(type(error), error, error.__traceback__, lookup_lines=False, compact=True)


def _keep_own(found, depth=0):
    """Takes out the frames of the library and of this component, which say nothing to the snippet's author."""
    found.stack[:] = [frame for frame in found.stack if frame.filename.startswith(NAME)]
    for other in (found.__cause__, found.__context__, *(found.exceptions or ())):
        if other is not None and depth < 2 * _MOST_LINKED:
            _keep_own(other, depth + 1)


def _shorten(error):
    """Cuts a chain of exceptions that was raised one after another, of which only the last few matter."""
    for _ in range(_MOST_LINKED):
        following = error.__cause__ or error.__context__
        if following is None:
            return
        error = following
    error.__cause__ = error.__context__ = None


def _message(error):
    kind = type(error)
    module = kind.__module__
    name = kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"
    try:
        said = str(error)
    except BaseException:
        said = "<exception str() failed>"
    return f"{name}: {said}" if said else name


def _text(make, error):
    """A text about an exception; where making it fails in turn, since the snippet broke what it needs, its kind."""
    try:
        return make()
    except BaseException:
        return str(type.__name__.__get__(type(error)))
