"""``gangfinder review``."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_table

if TYPE_CHECKING:
    from gangfinder.leads.register.deciding import Decision
    from gangfinder.leads.register.opening import Register

ACTIONS = ("dismiss", "confirm", "transfer", "note", "assign", "never-link", "revoke", "outcome")

_COLUMNS = {
    "rank": "#rank", "lead_id": "lead", "status": "status", "decided": "decided", "assignee": "assigned to",
    "n_core": "#core", "headline": "to be verified",
}

_DECIDED = {"seq": "#no", "at": "at", "who": "who", "kind": "decision", "says": "says", "reason": "reason"}

_SEEN = {
    "run_id": "run", "status": "status", "rank": "#rank", "n_core": "#core", "n_joined": "#joined", "n_left": "#left",
    "n_new_evidence": "#new rows",
}


class _Yuan(click.ParamType[Decimal]):
    """An amount of money."""

    name = "yuan"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401
        """Return the amount that was written."""
        try:
            return Decimal(str(value))
        except InvalidOperation:
            self.fail("give an amount in yuan, such as 12345.67", param, ctx)


@click.command(cls=Command, short_help="Decide on leads; every decision is remembered.")
@click.argument("register", metavar="REG", type=click.Path(path_type=Path))
@click.argument("lead_id", required=False)
@click.argument("action", required=False, type=click.Choice(ACTIONS), metavar="[ACTION]")
@click.option("--reason", help="Why it is decided; of a note its text.")
@click.option(
    "--expires", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="A dismissal ends when data reach that day."
)
@click.option("--document", help="Number of the document of a transfer.")
@click.option("--to", "assignee", help="To whom the lead is assigned.")
@click.option("--result", type=click.Choice(["verified", "unfounded", "open"]), help="Of an outcome: what it is.")
@click.option("--amount", type=_Yuan(), help="Of an outcome: money recovered, in yuan.")
@click.option("--value", metavar="TYPE:ID", help="What shall tie nobody, as members.csv names it.")
@click.option("--pair", nargs=2, metavar="ID ID", help="Two people who shall not be tied.")
@click.option("--decision", "target", type=int, help="Number of the decision that is revoked; default the newest.")
@click.option("--every", is_flag=True, help="List also leads that are gone.")
@click.option("--sealed", is_flag=True, allow_from_autoenv=False, help="Leads on fund staff; asks for a reason.")
@click.option("--identity", type=click.Path(path_type=Path), help="File with the age secret key of sealed leads.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 - one parameter an option
    register: Path,
    lead_id: str | None,
    action: str | None,
    every: bool,  # noqa: FBT001 - click passes options by name
    sealed: bool,  # noqa: FBT001
    identity: Path | None,
    as_json: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    **given: Any,  # noqa: ANN401 - the parts of a decision
) -> None:
    """List the leads of a register, show one with what was decided on it, or decide.

    REG is the file that was --register of gangfinder run. LEAD_ID is an id or its first characters. Decisions
    act on the next run: a dismissed lead stays out of the list while its evidence does not grow.

    Example:
      gangfinder review leads.db

    Decide:
      gangfinder review leads.db L-7F3A2B4C dismiss --reason "buying office, list seen"

    Actions:
      dismiss     keep it out of the list until it grows (--reason, --expires)
      confirm     it is a case; its members count as known cases (--reason)
      transfer    it went to another authority (--document, --reason)
      note        remember something (--reason)
      assign      somebody works on it (--to)
      never-link  a value or a pair of people ties nobody (--value or --pair, --reason)
      revoke      an earlier decision does not count (--decision, --reason)
      outcome     what came of it (--result, --amount, --reason)

    Sealed leads are for discipline inspection alone: --sealed asks for a --reason, which is recorded in
    REG.sealed/access.jsonl before anything is shown.

    Sealed:
      gangfinder review leads.db --sealed --reason "file 2026-14"
    """
    del quiet  # nothing here takes long enough to show progress
    if identity is not None and not sealed:
        msg = "--identity goes with --sealed"
        raise click.UsageError(msg)
    book = _register(register, lead_id, given["reason"], sealed=sealed)
    if action is not None and lead_id is not None:
        _decide(book, lead_id, _decision(action, given), as_json=as_json, sealed=sealed)
    elif lead_id is not None:
        _show(book, lead_id, identity, as_json=as_json)
    else:
        _list(book, identity, every=every, as_json=as_json)


def _register(path: Path, lead_id: str | None, reason: str | None, *, sealed: bool) -> Register:
    from gangfinder.leads.register.opening import open_register
    from gangfinder.leads.register.unsealing import open_sealed_register

    return open_sealed_register(path, lead_id or "", reason or "") if sealed else open_register(path)


def _decision(action: str, given: dict[str, Any]) -> Decision:
    from gangfinder.leads.register.deciding import Decision

    entity, other = given["pair"] or (given["value"] or "", "")
    expires: datetime | None = given["expires"]
    return Decision(
        kind=action.replace("-", "_"), reason=given["reason"] or "", expires_on=_day(expires),
        document=given["document"] or "", assignee=given["assignee"] or "", result=given["result"] or "",
        amount=given["amount"], entity=entity, other=other, target=given["target"],
    )


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()


def _decide(book: Register, lead_id: str, made: Decision, *, as_json: bool, sealed: bool) -> None:
    from gangfinder.leads.access import user_name
    from gangfinder.leads.register.deciding import decide
    from gangfinder.leads.register.unsealing import veil_of

    seq, own = decide(book, lead_id, made, user_name(), veil_of(book, sealed=sealed))
    if as_json:
        show_json({"decision": seq, "lead_id": own, "kind": made.kind})
    else:
        click.echo(f"Decision {seq} on lead {own}: {made.kind.replace('_', '-')}; it acts on the next run")


def _show(book: Register, lead_id: str, identity: Path | None, *, as_json: bool) -> None:
    from gangfinder.leads.register.reading import detail

    found = detail(book, lead_id, identity)
    if as_json:
        show_json(found)
        return
    show_table([found], _COLUMNS)
    click.echo("")
    show_table(found["sightings"], _SEEN, "Seen")
    click.echo("")
    show_table([{**d, "says": _says(d)} for d in found["decisions"]], _DECIDED, "Decided")


def _says(made: dict[str, Any]) -> str:
    expires = f"until {made['expires_on']}" if made["expires_on"] else ""
    of = f"of {made['target_seq']}" if made["target_seq"] else ""
    told = [made["document"], made["assignee"], made["result"], made["amount"] or "", made["entity"], made["other"]]
    return ", ".join(w for w in (*told, expires, of, "revoked" if made["revoked"] else "") if w)


def _list(book: Register, identity: Path | None, *, every: bool, as_json: bool) -> None:
    from gangfinder.leads.register.reading import overview

    found = overview(book, identity, every=every)
    if as_json:
        show_json(found)
    elif found:
        show_table(found, _COLUMNS)
    else:
        click.echo("No leads.")
