"""Scored rings become case leads: members with roles, amounts, identity, and a narrative in words.

Public names: :func:`build_leads`, :class:`EntityFacts`, :func:`collect_facts`, :func:`load_key`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gangfinder.leads.build import build_leads
    from gangfinder.leads.facts import EntityFacts, collect_facts
    from gangfinder.leads.tokens import load_key

__all__ = ["EntityFacts", "build_leads", "collect_facts", "load_key"]

_HOMES = {"build_leads": "build", "EntityFacts": "facts", "collect_facts": "facts", "load_key": "tokens"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - lazy, so that `gangfinder explain` imports no detector
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
