"""All grants of one node together: refused with every reason, or prepared as the authority of an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.capability import clock, environment, random, stdio, storage
from orchestrator.capability._place import refuse
from orchestrator.capability.clock import Time
from orchestrator.capability.operator import NOBODY, Operator
from orchestrator.capability.random import Numbers
from orchestrator.capability.storage import GrantInput, NotGranted, Preopen
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import RunError
from orchestrator.manifest.model import EMPTY, Grants, Http, Limits, Secret, Stdio, Storage, Where
from orchestrator.manifest.substitution import escape, fill, inputs_of

if TYPE_CHECKING:
    from orchestrator.capability import http, secrets
    from orchestrator.capability.addresses import Network
    from orchestrator.capability.bounds import Bound


@dataclass(frozen=True, slots=True)
class Authority:
    """What an instance may reach.

    Arguments:
        preopens: folders of the host, and where the guest sees them.
        environment: names and values of the guest's environment, sorted by name.
        http: requests that it may send.
        secrets: what the host adds to them.
        networks: addresses that the operator lets them go to, beside public ones.
        clock: what it is told of the time.
        random: which random numbers it gets.
        stdio: where the guest's standard output and error go.
    """

    preopens: tuple[Preopen, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    http: tuple[http.Rule, ...] = ()
    secrets: tuple[secrets.Rule, ...] = ()
    networks: tuple[Network, ...] = ()
    clock: Time = Time()
    random: Numbers = Numbers()
    stdio: Stdio = "captured"


def validate(grants: Grants, node: str, where: Where, inputs: Mapping[str, GrantInput]) -> tuple[Diagnostic, ...]:
    """Every reason why the grants are refused; nothing of the host is looked at.

    Arguments:
        node: the node's name.
        where: where its grants stand.
        inputs: the pipeline's inputs with resolved types.
    """
    return (
        *storage.validate(grants.storage, node, where.at("storage"), inputs),
        *_validate_requests(grants, node, where, inputs),
        *environment.validate(grants.environment, node, where.at("environment")),
        *clock.validate(grants.clock, grants.clock_at, node, where.at("clock")),
        *random.validate(grants.random, grants.random_seed, node, where.at("random")),
        *stdio.validate(grants.stdio, node, where.at("stdio")),
    )


def _validate_requests(
    grants: Grants, node: str, where: Where, inputs: Mapping[str, GrantInput]
) -> tuple[Diagnostic, ...]:
    """Those of `http` and `secrets`, which most pipelines do without: nothing of them is imported then."""
    found: tuple[Diagnostic, ...] = ()
    if grants.http:
        from orchestrator.capability import http

        found += http.validate(grants.http, node, where.at("http"), inputs)
    if grants.secrets:
        from orchestrator.capability import secrets

        found += secrets.validate(grants.secrets, node, where.at("secrets"))
        found = found or tuple(_astray(grants, node, where.at("secrets")))
    return found


def _astray(grants: Grants, node: str, where: Where) -> Iterator[Diagnostic]:
    """Refuses a secret for where no request may go: its address or that of the grant is a mistake."""
    from orchestrator.capability import http
    from orchestrator.capability.url import parse

    if any(inputs_of(grant.url) for grant in grants.http):
        return
    rules = [replace(http.rule_of(grant), methods=frozenset({""}), segments=(), deep=True) for grant in grants.http]
    for index, secret in enumerate(grants.secrets):
        origin = parse(secret.to)
        if not any(rule.admits("", origin) for rule in rules):
            message = f"the secret `{secret.name}` goes to `{secret.to}`, where no request of `{node}` may go"
            help_ = f'grant `http: [{{url: "{origin.origin}/**"}}]`, or remove the secret'
            yield refuse(message, node, where.at(index, "to"), help_)


Told = Callable[[str, str, str, bool], None]
"""Is told of a decision: the operation, upon what, the rule that made it, and whether it was allowed."""


def _nobody(_operation: str, _subject: str, _rule: str, _allowed: bool) -> None:
    return None


def prepare(
    grants: Grants,
    inputs: Mapping[str, Any],
    folder: Path,
    node: str = "",
    operator: Operator = NOBODY,
    bounds: Sequence[Bound] = (),
    places: Mapping[str, Sequence[int]] = EMPTY,
    told: Told = _nobody,
) -> Authority:
    """The authority of an instance for one run.

    Arguments:
        grants: grants that `validate` does not refuse.
        inputs: the run's inputs by name. A relative path is taken from `folder`: who gives it from elsewhere (a command
            line, a caller) makes it absolute first.
        folder: where relative paths of the manifest start.
        node: the node, for the error.
        operator: what whoever runs it says.
        bounds: what the node gets past in no run: folders are asked as they are now, and what has an input in it.
        places: by `storage`, `http` and `secrets`, for each of those grants its number in the pipeline.
        told: is told what a bound forbids in this run.

    Raises RunError for a folder that is missing, is no directory or may not be read or written, for an address that an
    input makes none of, for what a bound does not allow, and for a secret that has no value.
    """
    try:
        return _Preparing(grants, inputs, bounds, places, told).done(folder, operator)
    except NotGranted as error:
        raise RunError(str(error), node=node) from None


def prepare_once(
    grants: Grants,
    node: str = "",
    operator: Operator = NOBODY,
    bounds: Sequence[Bound] = (),
    places: Mapping[str, Sequence[int]] = EMPTY,
) -> Authority | None:
    """The authority where it is the same in every run; None where a run has to be there: no folder is looked for.

    What keeps it from being prepared at all (a secret that has no value) is for the run to say. Arguments as of
    `prepare`.
    """
    if grants.storage or any(inputs_of(grant.url) for grant in grants.http):
        return None
    try:
        return prepare(grants, EMPTY, Path(), node, operator, bounds, places)
    except RunError:
        return None


_Grant = TypeVar("_Grant", Storage, Http, Secret)


@dataclass(frozen=True, slots=True)
class _Preparing:
    """The work of `prepare`; arguments as there."""

    grants: Grants
    inputs: Mapping[str, Any]
    bounds: Sequence[Bound]
    places: Mapping[str, Sequence[int]]
    told: Told

    def done(self, folder: Path, operator: Operator) -> Authority:
        """Raises NotGranted."""
        grants = self.grants
        folders = (self.folder(grant, folder, place) for grant, place in self.placed("storage", grants.storage))
        found = Authority(
            tuple(one for one in folders if one is not None),
            environment.prepare(grants.environment),
            clock=Time(grants.clock, grants.clock_at),
            random=Numbers(grants.random, grants.random_seed),
            stdio=grants.stdio,
        )
        return self.with_requests(found, operator) if grants.http or grants.secrets else found

    def placed(self, key: str, row: Sequence[_Grant]) -> Iterator[tuple[_Grant, str]]:
        numbers = self.places.get(key) or range(len(row))
        return ((grant, f"grants.{key}[{number}]") for grant, number in zip(row, numbers, strict=True))

    def folder(self, grant: Storage, start: Path, place: str) -> Preopen | None:
        """A folder, as far as every bound allows it where it is now; None where the node has to do without."""
        found = storage.prepare(grant, self.inputs, start, place)
        for bound in self.bounds:
            most = bound.access(Path(found.host))
            if most == "write" or (most == "read" and not found.writable):
                continue
            self.told("storage grant", grant.at, bound.says("storage"), False)
            if not (grant.optional or self.grants.optional):
                asked = "written" if found.writable else "read"
                raise NotGranted(
                    f"the folder granted at `{grant.at}` may not be {asked}: {found.host}: {bound.says('storage')}"
                )
            if most is None:
                return None
            found = replace(found, writable=False, quota=None, files=None)
        return found

    def with_requests(self, found: Authority, operator: Operator) -> Authority:
        """With what it may send requests to, and what is added to them."""
        from orchestrator.capability import http, secrets
        from orchestrator.capability.url import NotAnAddress

        try:
            rules = tuple(
                http.rule_of(grant, f"{place}: {grant.url}")
                for asked, place in self.placed("http", self.grants.http)
                for grant in self.addresses(asked)
            )
            added = tuple(
                replace(rule, place=place)
                for grant, place in self.placed("secrets", self.grants.secrets)
                for rule in secrets.prepare((grant,), operator.secrets)
            )
        except (NotAnAddress, secrets.NotGiven) as error:
            raise NotGranted(str(error)) from None
        return replace(found, http=rules, secrets=added, networks=operator.networks)

    def addresses(self, grant: Http) -> tuple[Http, ...]:
        """The addresses of a grant, its inputs put in; what they say is held against the bounds."""
        filled = replace(grant, url=fill(grant.url, lambda name: str(self.inputs[name])))
        if not self.bounds or not inputs_of(grant.url):
            return (filled,)
        from orchestrator.capability.narrowing import narrow

        asked = Grants(http=(replace(filled, url=escape(filled.url)),), optional=self.grants.optional)
        within = narrow(asked, Limits(), self.bounds, Path())
        for cut in within.cuts:
            self.told("http grant", filled.url, cut.bound.says("http"), False)
            if not cut.optional:
                raise NotGranted(f"no request may be sent as granted: {cut.asked}: {cut.bound.says('http')}")
        return tuple(replace(kept, url=fill(kept.url, EMPTY)) for kept in within.grants.http)
