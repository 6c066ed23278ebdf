"""What a snippet prints: kept up to a size."""

import io

MOST = 1 << 20


class Printed(io.TextIOBase):
    """Both standard output and standard error of a snippet; keeps `most` bytes as UTF-8, and forgets the rest."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, most=MOST):
        self.buffer = _Bytes(self)
        self._most = most
        self.begin()

    def begin(self):
        """Forgets what was printed."""
        self.cut = False
        self._room = self._most
        self._parts = []

    def text(self):
        return "".join(self._parts)

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._room:
            self.cut = self.cut or bool(text)
            return len(text)
        kept, size = text, len(text)
        if not text.isascii():
            found = text.encode("utf-8", "backslashreplace")
            kept, size = found.decode(), len(found)
        if size > self._room:
            kept, size = self._beginning(kept), self._room
        self._room -= size
        self._parts.append(kept)
        return len(text)

    def _beginning(self, text):
        self.cut = True
        return text[: self._room].encode()[: self._room].decode("utf-8", "ignore")

    def writable(self):
        return True


class _Bytes(io.RawIOBase):
    """The same for bytes, as `sys.stdout.buffer`."""

    def __init__(self, printed):
        self._printed = printed

    def write(self, data):
        found = bytes(data)
        self._printed.write(found.decode("utf-8", "backslashreplace"))
        return len(found)

    def writable(self):
        return True
