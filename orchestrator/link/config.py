"""Configuration: keys as the component declares them, values as the texts that `wasi:config/store` answers.

A string is its own text; every other value is JSON. A component without a `component.yaml` declares nothing: its keys
are taken as they are written. An option that is null is left out: the guest finds no value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import ValueMismatch, WitError
from orchestrator.interface import to_json
from orchestrator.interface.types import Option, Type
from orchestrator.link.answers import CONFIG, imports_interface
from orchestrator.link.draft import Draft, Work
from orchestrator.link.inputs import constant, resolve
from orchestrator.link.report import place_of_node
from orchestrator.manifest.model import MISSING, ConfigKey, Where


def link_config(work: Work) -> None:
    """Gives each node the texts of its configuration."""
    for draft in work.drafts.values():
        if draft.component is None:
            continue
        given = draft.node.config
        if given and not imports_interface(draft, CONFIG):
            message = f"`{draft.name}` reads no configuration: its component does not import `{CONFIG}`"
            where = draft.node.where.at("config")
            work.report.error("config", message, where, place_of_node(draft.name), help=("remove `config`",))
        elif draft.component.manifest is None:
            draft.config = {name: text for name, value in given.items() if (text := _text(value)) is not None}
        else:
            draft.config = _declared(work, draft, draft.component.manifest.config)


def _declared(work: Work, draft: Draft, keys: tuple[ConfigKey, ...]) -> Mapping[str, str]:
    known = {key.name: key for key in keys}
    where, place = draft.node.where.at("config"), place_of_node(draft.name)
    for name in draft.node.config:
        if name not in known:
            message = f"the component of `{draft.name}` has no configuration key `{name}`"
            help_ = work.report.suggest(name, known, "it declares")
            work.report.error("config", message, where, place, span=where.keys.get(name), help=help_)
    texts = {key.name: _value(work, draft, key) for key in keys}
    return {name: text for name, text in texts.items() if text is not None}


def _value(work: Work, draft: Draft, key: ConfigKey) -> str | None:
    """The text of one key; None where the guest finds nothing."""
    where, place = draft.node.where.at("config", key.name), place_of_node(draft.name)
    value = draft.node.config.get(key.name, key.default)
    try:
        type_ = resolve(work, key.type)
    except WitError as error:
        message = f"the component of `{draft.name}` declares `{key.name}` with an unknown type: {error.message}"
        work.report.error("config", message, where, place)
        return None
    if value is MISSING and isinstance(type_, Option):
        return None
    if value is MISSING:
        message = f"`{draft.name}` needs the configuration key `{key.name}`"
        work.report.error("config", message, draft.node.where.at("component"), place, help=(_add(key),))
        return None
    return _fitting(work, draft, key, type_, value, where)


def _add(key: ConfigKey) -> str:
    from orchestrator.interface import show_type

    what = f": {key.description}" if key.description else ""
    return f"add `config: {{{key.name}: ...}}`, a value of type {show_type(key.type)}{what}"


def _fitting(work: Work, draft: Draft, key: ConfigKey, type_: Type, value: Any, where: Where) -> str | None:
    try:
        return _text(to_json(type_, constant(type_, value, where, key.name)))
    except ValueMismatch as error:
        message = f"the configuration key `{key.name}` of `{draft.name}` does not fit its type"
        work.report.error("config", message, where, place_of_node(draft.name), causes=(str(error),))
        return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
