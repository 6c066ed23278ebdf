"""`redact: [path]`: what never appears in spans, logs or errors. The values that cross the edge stay as they are.

No event holds a value, so what could show one is what a node says: an error, what it prints. The runtime replaces that
at both ends of an edge that redacts something; the paths say what it is for, and are proven to exist.
"""

from __future__ import annotations

HIDDEN = "[redacted]"
"""What is shown instead."""
