"""The command line: one file per command, loaded when it is called. Data on stdout, all else on stderr."""

from __future__ import annotations

import sys

from gangfinder.cli._group import root

__all__ = ["main", "root"]


def main() -> None:
    """Run the command line; the entry point ``gangfinder``."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a character shows a question mark instead of a traceback
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    root.main(prog_name="gangfinder")
