"""`http`: many instances at once leave the process threads and files for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from orchestrator.errors import TimedOut
from orchestrator.wasi import _exchange
from orchestrator.wasi._everywhere import FILES, LOOKUPS
from tests.security.conftest import Attack
from tests.support.http_guests import RAW, ended, granting, silent
from tests.support.http_servers import plain, saying, serving
from tests.support.reach import open_files

DNS = "orchestrator-dns"
OPTIONS = "options = RequestOptions(); options.set_connect_timeout(200_000_000)"


def asking(authority: str, options: str = "None") -> str:
    """What begins a request in the guest."""
    return f"outgoing_handler.handle(request(Scheme_Http(), '{authority}', '/'), {options})"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names are asked for, and nobody answers until it is set."""
    done = threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        done.wait(60)
        return ["127.0.0.1"]

    monkeypatch.setattr(_exchange, "resolve", resolve)
    yield done
    done.set()
    assert ended(DNS)


def test_names_that_nobody_answers_for_take_few_threads_whoever_asks(
    attack: Attack, nowhere: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver cannot be told to stop: every instance that is gone could leave some of them behind."""
    monkeypatch.setattr(LOOKUPS, "most", lambda: 5)
    code = f"{RAW}\nfor _ in range(10): {asking('slow.example')}\nwait({asking('slow.example')})"
    for _ in range(3):
        guest = attack(granting("http://slow.example/**"))
        with pytest.raises(TimedOut):
            guest.run(code, seconds=0.3)
        guest.instance.close()
    assert ended()
    assert len([thread for thread in threading.enumerate() if thread.name == DNS]) == LOOKUPS.taken == 5
    guest = attack(granting("http://slow.example/**"))
    assert (
        guest.run(f"{RAW}\n{OPTIONS}\nresult = repr(wait({asking('slow.example', 'options')}))")
        == "ErrorCode_DnsTimeout()"
    )
    nowhere.set()
    assert ended(DNS)
    with serving(saying(plain(b"fine"))) as server:
        place = f"slow.example:{server.port}"
        guest = attack(granting(f"http://{place}/**"))
        assert guest.run(f"{RAW}\nresult = wait({asking(place)}).status()") == 200
    assert ended(DNS)
    assert LOOKUPS.taken == 0


def test_connections_count_as_files_of_all_instances(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    done, before = threading.Event(), open_files()
    with serving(silent(done)) as server:
        held = FILES.taken
        monkeypatch.setattr(FILES, "most", lambda: held + 31)
        asks = asking(f"127.0.0.1:{server.port}")
        one, other = attack(granting(f"{server.url}/**")), attack(granting(f"{server.url}/**"))
        one.run(f"{RAW}\nimport builtins\nbuiltins.kept = [{asks} for _ in range(10)]")
        assert other.run(f"{RAW}\nresult = repr(wait({asks}))") == "ErrorCode_ConnectionLimitReached()"
        told = other.desk.exchanges[-1]["error"]
        assert told == f"connection-limit-reached: {held + 31} files and connections are open in all instances together"
        one.instance.close()
        assert ended()
        assert FILES.taken == held
        done.set()
        assert other.run(f"{RAW}\nresult = repr(wait({asks}))") != "ErrorCode_ConnectionLimitReached()"
    assert ended()
    assert open_files() <= before + 2


def test_a_host_without_threads_gives_back_what_it_took(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name in ("orchestrator-http", DNS) and thread.name not in works:
            raise RuntimeError("can't start new thread")
        start(thread)

    works = list[str]()
    monkeypatch.setattr(threading.Thread, "start", fail)
    asks = f"{RAW}\nresult = repr(wait({asking('slow.example')}))"
    guest, held = attack(granting("http://slow.example/**")), (FILES.taken, LOOKUPS.taken)
    assert guest.run(asks) == 'ErrorCode_InternalError(value="can\'t start new thread")'
    works.append("orchestrator-http")
    assert guest.run(asks) == "ErrorCode_InternalError(value='RuntimeError')"
    assert ended()
    assert (FILES.taken, LOOKUPS.taken) == held
