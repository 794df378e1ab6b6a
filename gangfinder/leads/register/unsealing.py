"""The sealed register for those who may see it: for a reason, which is recorded before anything is shown."""

from __future__ import annotations

from pathlib import Path

from gangfinder.errors import LeadError
from gangfinder.leads.access import record_access
from gangfinder.leads.register.opening import Register, open_register, sealed_path
from gangfinder.leads.register.veil import Open, Veil, Written


def open_sealed_register(path: Path, wanted: str, reason: str) -> Register:
    """Open the sealed register beside an open one, and record that it was asked for.

    Parameters
    ----------
    path
        The open register.
    wanted
        Which lead is asked for; empty for a list.
    reason
        Why.

    Raises
    ------
    LeadError
        If there is no reason.
    RegisterError
        If there is no such register.
    OutputError
        If the record cannot be written.
    """
    if not reason.strip():
        msg = "sealed leads are opened for a reason alone"
        raise LeadError(msg, hint='give --reason "…"; it is recorded with your name and the time')
    register = open_register(sealed_path(path))
    record_access(sealed_path(path).parent, wanted, None, reason)
    return register


def veil_of(register: Register, *, sealed: bool) -> Veil:
    """Return how texts that somebody writes now are held: as the last run wrote them."""
    if not sealed:
        return Open()
    from sqlalchemy import select

    from gangfinder.leads.register.schema import facts

    with register.reading() as connection:
        own = select(facts.c.value).where(facts.c.name == "sealed_recipient").order_by(facts.c.seq.desc()).limit(1)
        return Written(connection.execute(own).scalar_one_or_none() or None)


__all__ = ["open_sealed_register", "veil_of"]
