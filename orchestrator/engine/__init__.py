"""The engine room: loads components, makes linkers and instances of them. The only room that knows wasmtime.

    engine.py      loading, from binaries, text and source      component.py   a loaded component, as data
    linker.py      what answers a component's imports           instance.py    a live component
    carried.py     values between calls, outside of Python      fused.py       components that share a store
    frame.py       what a call brings into an instance          turn.py        one thread at a time in a store
    settings.py    what an instance is given                    cache.py       the folder of compiled components
    build.py       components from their sources                imports.py     what the host answers
    host.py        what the host serves, as who serves it       stack.py       how deep a chain of calls may go
                   writes it

Inside, by what they are about:

    a binary         _sections reads it; _binary: what it makes; _outline: what it imports and exports; _lifts: what is
                     behind an export; _skeleton and _images put others in the places of its modules
    compiling        _compiler asks _compile_program, another process, which runs _compile, within _bounds; _code loads
                     what came of it; _reflect, _wasi_check: its world, and whether its WASI is what is served; _apart:
                     what several share; _room: the size of the cache
    around a guest   _component_text, _guest, _splice: text around binaries; _libc: the memory it brings; _shim,
                     _shim_hosted, _owning: one guest, for values in bulk and what the host serves; _fuse,
                     _fusable, _tap: several guests, for fused nodes
    bulk values      _chosen: which functions; _direct: which of them need no shim; _flat, _leaves: how values lie;
                     _written, _store, _load, _block_sizes, _layouts: functions written for types; _reflat; _arena;
                     _numbered: handles among them; _lanes, _lane_sites, _lay: bytes past the adapters
    C values         _native, _memory: the C API; _kinds, _values, _sizes, _plan: values of it; _numbers: plain ones
    calls            _calls, _bulk_call, _direct_call: into an instance; _serve, _serve_bulk: out of one, over an edge;
                     _serve_host, _serve_hosted, _serve_lane: to the host, by each way; _resources
    taking back      snapshot: states of instances; saved: those in files; _base: what their memories are mapped from;
                     _keep, _steady: what is added to a component for it, and which components can have it
    memories         _memories, _posix: mapped and recycled; _image_file: what they hold at first; _tables: how large
                     tables may get
    the rest         _live, _ticker: callbacks, and the clock of running guests; _failure, _last_words: why one ended;
                     _children: processes; _sources, _source_note, _build_failure, _python_builder,
                     _javascript_builder: builds; _config: the settings

Not for what nodes and edges mean: that is `link` and `runtime`. Names are imported when they are first used, wasmtime
when the first component runs or is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.engine._calls import Exported as Exported
    from orchestrator.engine._calls import exported as exported
    from orchestrator.engine._fusable import CannotFuse as CannotFuse
    from orchestrator.engine._resources import Handle as Handle
    from orchestrator.engine._serve import Denial as Denial
    from orchestrator.engine._serve import Gate as Gate
    from orchestrator.engine.carried import Carried as Carried
    from orchestrator.engine.carried import python_of as python_of
    from orchestrator.engine.component import Component as Component
    from orchestrator.engine.engine import Engine as Engine
    from orchestrator.engine.frame import Frame as Frame
    from orchestrator.engine.frame import Stop as Stop
    from orchestrator.engine.fused import FusedComponent as FusedComponent
    from orchestrator.engine.fused import Link as Link
    from orchestrator.engine.host import CannotKeep as CannotKeep
    from orchestrator.engine.host import Guarded as Guarded
    from orchestrator.engine.host import Host as Host
    from orchestrator.engine.host import HostResource as HostResource
    from orchestrator.engine.host import Refused as Refused
    from orchestrator.engine.instance import Instance as Instance
    from orchestrator.engine.linker import Linker as Linker
    from orchestrator.engine.settings import InstanceSettings as InstanceSettings
    from orchestrator.engine.snapshot import Contents as Contents
    from orchestrator.engine.snapshot import Snapshot as Snapshot
    from orchestrator.engine.snapshot import capture as capture
    from orchestrator.engine.snapshot import put as put
    from orchestrator.engine.snapshot import take as take

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "_calls": ["Exported", "exported"],
        "_fusable": ["CannotFuse"],
        "_resources": ["Handle"],
        "_serve": ["Denial", "Gate"],
        "carried": ["Carried", "python_of"],
        "component": ["Component"],
        "engine": ["Engine"],
        "frame": ["Frame", "Stop"],
        "fused": ["FusedComponent", "Link"],
        "host": ["CannotKeep", "Guarded", "Host", "HostResource", "Refused"],
        "instance": ["Instance"],
        "linker": ["Linker"],
        "settings": ["InstanceSettings"],
        "snapshot": ["Contents", "Snapshot", "capture", "put", "take"],
    },
)
