"""Why a snippet came to nothing, on its way through the runner."""


class Refused(Exception):
    """A snippet without a value.

    `kind` is a case of `code-error`, `detail` its text; what was raised comes with its traceback and what was printed.
    """

    def __init__(self, kind, detail, traceback="", printed=""):
        self.kind, self.detail, self.traceback, self.printed = kind, detail, traceback, printed
        super().__init__(f"{kind}: {detail}")


def bounded(text, most):
    """A text of at most `most` bytes as UTF-8: of a longer one the beginning and the end.

    What UTF-8 has no form for is written as escapes.
    """
    found = text.encode("utf-8", "backslashreplace")
    if len(found) <= most:
        return found.decode()
    gap = f"\n[… {len(found) - most} bytes left out …]\n".encode()
    half = (most - len(gap)) // 2
    return (found[:half] + gap + found[-half:]).decode("utf-8", "ignore")
