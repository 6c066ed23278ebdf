"""`orchestrator completion`: the script that makes a shell complete this command."""

from __future__ import annotations

import click

from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define


@define(
    "completion",
    "bash: put  source <(orchestrator completion bash)  into ~/.bashrc\n\n"
    "zsh:  put  source <(orchestrator completion zsh)  into ~/.zshrc\n\n"
    "fish: write it to ~/.config/fish/completions/orchestrator.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str, as_json: bool) -> None:
    """Prints the script."""
    script = _script(shell)
    if as_json:
        terminal.put_json({"shell": shell, "script": script})
    else:
        terminal.put(script)


def _script(shell: str) -> str:
    from click.shell_completion import get_completion_class

    from orchestrator.cli._app import application

    kind = get_completion_class(shell)
    assert kind is not None, shell
    # `source()` of bash first runs bash to ask for its version; the script itself needs no shell to be made.
    complete = kind(application(), {}, "orchestrator", "_ORCHESTRATOR_COMPLETE")
    return complete.source_template % complete.source_vars()
