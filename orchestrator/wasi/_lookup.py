"""The addresses of a name, asked for on a thread of its own: the system's resolver cannot be told to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as texts."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]).partition("%")[0] for address in found))


class Lookup:
    """A question that is being asked.

    Arguments:
        ask: answers it, or raises OSError.
        ring: called when there is an answer.
    """

    def __init__(self, ask: Resolve, host: str, port: int, ring: Callable[[], None]) -> None:
        self.addresses: Sequence[str] = ()
        self.problem: OSError | None = None
        self.is_answered = False
        self._ask, self._of, self._ring = ask, (host, port), ring
        self._over: Callable[[], None] | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="orchestrator-dns", daemon=True).start()

    def _run(self) -> None:
        try:
            self.addresses = self._ask(*self._of)
        except OSError as problem:
            self.problem = problem
        except UnicodeError:  # a label that the system's own encoding does not take
            self.problem = OSError("it is no name")
        with self._lock:
            self.is_answered, over = True, self._over
        self._ring()
        if over is not None:
            over()

    def then(self, over: Callable[[], None]) -> None:
        """Has something called once the question is answered; now, where it is."""
        with self._lock:
            if not self.is_answered:
                self._over = over
                return
        over()
