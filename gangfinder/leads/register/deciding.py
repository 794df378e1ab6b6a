"""What investigators decide on leads: checked, and written into the history with who and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gangfinder.errors import RegisterError, nearest
from gangfinder.leads.register.history import append
from gangfinder.leads.register.opening import Register
from gangfinder.leads.register.schema import DECISIONS, decisions, leads, relations, runs
from gangfinder.leads.register.veil import Veil
from gangfinder.leads.tokens import TOKEN_TYPES

if TYPE_CHECKING:
    from sqlalchemy import Connection

RESULTS = ("verified", "unfounded", "open")

LINKED = ("phone", "address", "bank_account", "agent", "terminal", "operator")
"""Entity types whose values can be decided to tie nobody."""

_TOKEN = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides.

    Parameters
    ----------
    kind
        ``dismiss``: keep the lead out of the list until it grows. ``confirm``: it is a case; its members count as known
        cases. ``transfer``: it went to another authority. ``note``, ``assign``. ``never_link``: a value, or a pair of
        people, ties nobody. ``revoke``: an earlier decision does not count. ``outcome``: what came of it.
    reason
        Why; of a note its text.
    expires_on
        Of a dismissal: it ends when the data reach that day.
    document
        Of a transfer: number of the document.
    assignee
        Of an assignment: to whom.
    result, amount
        Of an outcome: one of :data:`RESULTS`, and the money recovered in yuan.
    entity, other
        Of a never-link: ``type:id`` as in ``members.csv`` (the token of a phone, an address …), or two ids of people.
    target
        Of a revocation: number of the decision; default the newest one on the lead that counts.
    """

    kind: str
    reason: str = ""
    expires_on: date | None = None
    document: str = ""
    assignee: str = ""
    result: str = ""
    amount: Decimal | None = None
    entity: str = ""
    other: str = ""
    target: int | None = None


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "dismiss": ("reason",), "confirm": (), "transfer": ("document",), "note": ("reason",), "assign": ("assignee",),
    "never_link": ("entity", "reason"), "revoke": ("reason",), "outcome": ("result",),
}

_MAY: Mapping[str, tuple[str, ...]] = {
    **{kind: (*needed, "reason") for kind, needed in _NEEDED.items()},
    "dismiss": ("reason", "expires_on"), "never_link": ("entity", "other", "reason"),
    "revoke": ("reason", "target"), "outcome": ("result", "amount", "reason"),
}


def decide(register: Register, wanted: str, made: Decision, who: str, veil: Veil) -> tuple[int, str]:
    """Write a decision and return its number and the id of its lead.

    Parameters
    ----------
    register
        Where.
    wanted
        The lead: its id, or the first characters of it.
    made
        What is decided.
    who
        User name.
    veil
        How the register holds texts.

    Raises
    ------
    RegisterError
        If there is no such lead, or the decision lacks something or says too much.
    """
    _checked(made, sealed=veil.sealed)
    with register.writing() as connection:
        lead_id = find(connection, wanted)
        payload: dict[str, Any] = {
            "lead_id": lead_id, "run_id": _last_run(connection), "reason": veil.text(made.reason.strip()),
            "document": veil.text(made.document.strip()), "assignee": veil.text(made.assignee.strip()),
            "result": made.result, "entity": made.entity, "other": made.other,
            "amount_fen": None if made.amount is None else int((made.amount * 100).to_integral_value()),
            "expires_on": made.expires_on and made.expires_on.isoformat(),
        }
        if made.kind == "revoke":
            payload["target_seq"] = _revocable(connection, lead_id, made.target)
        return append(connection, who, made.kind, payload).seq, lead_id


def _checked(made: Decision, *, sealed: bool) -> None:
    if made.kind not in DECISIONS:
        msg = f"there is no decision '{made.kind}'"
        raise RegisterError(msg, hint=f"decisions: {', '.join(DECISIONS)}")
    for name in _NEEDED[made.kind]:
        if not str(getattr(made, name)).strip():
            msg = f"{_words(made.kind)} needs {_option(name)}"
            raise RegisterError(msg, hint="what is decided has to be understood by others later")
    for name in ("expires_on", "document", "assignee", "result", "amount", "entity", "other", "target"):
        if getattr(made, name) not in (None, "") and name not in _MAY[made.kind]:
            msg = f"{_words(made.kind)} has no {_option(name)}"
            raise RegisterError(msg, hint="see gangfinder review --help")
    if made.result and made.result not in RESULTS:
        msg = "there is no such result"
        raise RegisterError(msg, hint=f"results: {', '.join(RESULTS)}")
    if made.amount is not None and made.amount < 0:
        msg = "money recovered is 0 or more"
        raise RegisterError(msg, hint="give yuan")
    if made.kind == "never_link":
        _check_ties(made, sealed=sealed)


def _check_ties(made: Decision, *, sealed: bool) -> None:
    if sealed:
        msg = "sealed leads know no never-link decisions"
        raise RegisterError(msg, hint="nobody on the staff is linked by attributes alone")
    if made.other:
        if made.entity == made.other:
            msg = "a pair has two ids"
            raise RegisterError(msg, hint="give the ids of two people from members.csv")
        return
    kind, _, one = made.entity.partition(":")
    if kind not in LINKED or not one:
        msg = "a value is named by its type and id"
        raise RegisterError(msg, hint=f"give TYPE:ID from members.csv; types: {', '.join(LINKED)}")
    if kind in TOKEN_TYPES and not _TOKEN.fullmatch(one):
        msg = f"a value of type '{kind}' is named by its token"
        raise RegisterError(msg, hint=f"give {kind}: and the 16 characters from members.csv, never the value itself")


def _option(name: str) -> str:
    return {"expires_on": "--expires", "assignee": "--to", "entity": "--value or --pair", "other": "--pair",
            "target": "--decision"}.get(name, f"--{name}")


def _words(kind: str) -> str:
    return kind.replace("_", "-")


def find(connection: Connection, wanted: str) -> str:
    """Return the id of the lead that is meant.

    Raises
    ------
    RegisterError
        If there is none, several fit, or it went into another one.
    """
    from sqlalchemy import select

    prefix = wanted.upper() if wanted.upper().startswith("L-") else f"L-{wanted.upper()}"
    ids = sorted(connection.execute(select(leads.c.lead_id)).scalars())
    fits = [one for one in ids if one == prefix] or [one for one in ids if one.startswith(prefix)]
    if len(fits) > 1:
        msg = f"'{wanted}' fits {len(fits)} leads"
        raise RegisterError(msg, hint=f"give more characters: {', '.join(fits[:5])}")
    if not fits:
        msg = f"the register has no lead '{wanted}'"
        raise RegisterError(msg, hint=f"nearest: {', '.join(nearest(prefix, ids) or ids[:3])}" if ids else None)
    into = select(relations.c.other).where(relations.c.lead_id == fits[0], relations.c.kind == "merged_into")
    other = connection.execute(into).scalar_one_or_none()
    if other is not None:
        msg = f"lead {fits[0]} went into lead {other}"
        raise RegisterError(msg, hint=f"decide on {other}")
    return str(fits[0])


def _last_run(connection: Connection) -> str | None:
    from sqlalchemy import select

    newest = select(runs.c.run_id).order_by(runs.c.seq.desc()).limit(1)
    found: str | None = connection.execute(newest).scalar_one_or_none()
    return found


def _revocable(connection: Connection, lead_id: str, target: int | None) -> int:
    from sqlalchemy import select

    own = select(decisions.c.seq, decisions.c.kind, decisions.c.target_seq).where(decisions.c.lead_id == lead_id)
    rows = connection.execute(own.order_by(decisions.c.seq)).all()
    revoked = {r.target_seq for r in rows if r.kind == "revoke"}
    standing = [r.seq for r in rows if r.kind != "revoke" and r.seq not in revoked]
    if target is not None and target not in standing:
        msg = f"decision {target} is none on this lead that counts"
        raise RegisterError(msg, hint=f"those that count: {', '.join(map(str, standing)) or 'none'}")
    if not standing:
        msg = "there is no decision on this lead that counts"
        raise RegisterError(msg, hint="gangfinder review REG LEAD_ID shows what was decided")
    return target or standing[-1]


__all__ = ["LINKED", "RESULTS", "Decision", "decide", "find"]
