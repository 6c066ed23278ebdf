"""An event loop for `asyncio.run`: coroutines and timers, as there are neither sockets to wait for nor threads."""

import asyncio
import time


class Loop(asyncio.BaseEventLoop):
    """Waits by sleeping until the next timer; where nothing can come any more, that is an error rather than a stop."""

    def __init__(self):
        super().__init__()
        self._selector = self

    def select(self, timeout):
        """What a selector does, for a loop without files."""
        if timeout is None:
            raise RuntimeError("the event loop waits for what nothing will bring about")
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class Policy(asyncio.events._AbstractEventLoopPolicy):
    """Makes such loops."""

    _loop = None

    def get_event_loop(self):
        if self._loop is None:
            raise RuntimeError("there is no current event loop")
        return self._loop

    def set_event_loop(self, loop):
        self._loop = loop

    def new_event_loop(self):
        return Loop()
