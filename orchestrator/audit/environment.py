"""The exporters that the standard OTEL_* variables ask for.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/ name the variables. What only concerns the sending itself
(headers, timeout, compression, certificates) is read by OpenTelemetry's own exporters.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from orchestrator.audit.thin import Thinned
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace.export import SpanExporter

    from orchestrator.audit.events import Event
    from orchestrator.audit.exporter import Exporter

_GRPC, _HTTP = "grpc", "http/protobuf"
_PORTS = {_GRPC: 4317, _HTTP: 4318}
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


class Unusable:
    """Stands for an exporter that was asked for and cannot be had; says so when it closes."""

    def __init__(self, problem: str) -> None:
        self._problem = printable(problem)

    def export(self, events: Sequence[Event]) -> None:
        """Takes a batch and does nothing."""

    def flush(self, timeout: float) -> bool:
        """Whether all arrived: it did not."""
        return False

    def close(self, timeout: float) -> list[str]:
        """Says what is wrong."""
        return [self._problem]


def exporters_from_environment() -> tuple[Exporter, ...]:
    """The exporters that the environment asks for; none where it asks for none.

    OTEL_TRACES_EXPORTER is a list of `otlp`, `console` and `none`. Where it is not set, spans are sent by OTLP if an
    endpoint is set. OTEL_SDK_DISABLED=true turns all of it off. What is not known becomes a line when the recorder
    closes.
    """
    if _variable("OTEL_SDK_DISABLED").lower() == "true":
        return ()
    default = "otlp" if _traces("ENDPOINT") else "none"
    wanted = [word.strip().lower() for word in (_variable("OTEL_TRACES_EXPORTER") or default).split(",")]
    return tuple(_exporter(name) for name in dict.fromkeys(wanted) if name not in ("", "none"))


def _exporter(name: str) -> Exporter:
    if name == "otlp":
        return otlp_from_environment()
    if name == "console":
        from orchestrator.audit.console import Console

        return Thinned(Console(sys.stderr.write))
    return Unusable(f"OTEL_TRACES_EXPORTER: `{name}` is not known; the exporters are otlp, console and none")


def otlp_from_environment() -> Exporter:
    """The OTLP exporter of OTEL_EXPORTER_OTLP_*.

    Where no protocol is set, it is gRPC for an endpoint at port 4317, which is registered for it, else HTTP.
    """
    from orchestrator.audit.otlp import Otlp

    endpoint = _traces("ENDPOINT")
    try:
        host, port = _host(endpoint)
    except ValueError as error:
        return Unusable(f"OTEL_EXPORTER_OTLP_ENDPOINT: `{_without_secrets(endpoint)}` is not usable: {error}")
    protocol = _traces("PROTOCOL").lower() or (_GRPC if port == _PORTS[_GRPC] else _HTTP)
    if protocol not in _PORTS:
        return Unusable(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: `{protocol}` is not known; the protocols are {_GRPC} and {_HTTP}"
        )
    if not endpoint:
        host, port = "localhost", _PORTS[protocol]
    where = _without_secrets(endpoint) or f"http://{host}:{port}"
    address = (host, port) if port and not _proxied(host) else None
    return Thinned(Otlp(_make_grpc if protocol == _GRPC else _make_http, where, address))


def _host(endpoint: str) -> tuple[str, int | None]:
    """The host and the port that an endpoint names: a URL or, for gRPC, HOST:PORT."""
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    if endpoint and not parts.hostname:
        raise ValueError("it names no host; write http://HOST:PORT")
    known = {"http": 80, "https": 443}
    return parts.hostname or "", parts.port or known.get(parts.scheme)


def _without_secrets(endpoint: str) -> str:
    """The endpoint without a user, a password and a query, for messages."""
    scheme, mark, rest = endpoint.rpartition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _proxied(host: str) -> bool:
    """Whether the way to the host may lead through a proxy, so that looking for it directly says nothing."""
    asked = any(_variable(name) or _variable(name.upper()) for name in _PROXIES)
    if not asked:
        return False
    from urllib.request import proxy_bypass

    return not proxy_bypass(host)


def _make_grpc() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _make_http() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _traces(name: str) -> str:
    """The variable for traces, or else the one for all signals."""
    return _variable(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or _variable(f"OTEL_EXPORTER_OTLP_{name}")


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()
