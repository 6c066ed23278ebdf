"""States of nodes that were kept to be looked into: the folder that they are in, and what can be seen of them.

A revert may keep what it took away (a state that is in quarantine): which pages changed, what can be read there, after
which calls, in which trace. Their number and size is bounded, and the oldest go. Not for how a state is taken or put
back, nor for its file: that is `engine`; nor for when one is kept: `runtime`.
"""

from orchestrator.snapshots.look import Look, Region, Text, differences, look, regions, texts
from orchestrator.snapshots.store import About, Entry, Store, default_folder

__all__ = [
    "About",
    "Entry",
    "Look",
    "Region",
    "Store",
    "Text",
    "default_folder",
    "differences",
    "look",
    "regions",
    "texts",
]
