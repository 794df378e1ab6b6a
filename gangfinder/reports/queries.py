"""The numbers of a register, by SQL, as they stood before the run that followed the one reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from gangfinder.errors import RegisterError

if TYPE_CHECKING:
    from sqlalchemy import Connection

Record = Mapping[str, Any]

_STANDING = """
    SELECT d.* FROM decisions d
    WHERE d.seq < :cut AND d.kind <> 'revoke' AND NOT EXISTS (
        SELECT 1 FROM decisions r WHERE r.kind = 'revoke' AND r.target_seq = d.seq AND r.seq < :cut)
"""

_LEADS = f"""
WITH standing AS ({_STANDING}),
word AS (
    SELECT w.* FROM standing w WHERE w.seq = (
        SELECT max(o.seq) FROM standing o WHERE o.lead_id = w.lead_id
        AND (o.kind IN ('dismiss', 'confirm', 'transfer') OR o.result IN ('verified', 'unfounded')))
),
outcome AS (
    SELECT w.* FROM standing w WHERE w.seq = (
        SELECT max(o.seq) FROM standing o WHERE o.lead_id = w.lead_id AND o.result IN ('verified', 'unfounded'))
),
seen AS (SELECT s.* FROM sightings s WHERE s.seq < :cut),
last AS (SELECT s.* FROM seen s WHERE s.seq = (SELECT max(o.seq) FROM seen o WHERE o.lead_id = s.lead_id)),
present AS (
    SELECT s.* FROM seen s WHERE s.seq = (
        SELECT max(o.seq) FROM seen o WHERE o.lead_id = s.lead_id AND o.status NOT IN ('merged', 'vanished'))
)
SELECT
    l.lead_id, l.subject_type, f.window_to AS first_to, f.started_at AS first_at,
    last.status, last.rank, present.typologies, present.n_core, present.n_members, present.n_evidence,
    present.amount_low_fen, present.amount_high_fen, present.first_seen, present.last_seen, present.headline,
    present.members_run,
    (SELECT r.other FROM relations r WHERE r.seq < :cut AND r.lead_id = l.lead_id AND r.kind = 'merged_into')
        AS merged_into,
    EXISTS (SELECT 1 FROM seen s WHERE s.lead_id = l.lead_id AND s.rank IS NOT NULL) AS found,
    COALESCE(word.kind = 'dismiss' AND NOT EXISTS (
        SELECT 1 FROM seen s JOIN runs r ON r.run_id = s.run_id
        WHERE s.lead_id = l.lead_id AND s.status = 'reopened' AND r.known_seq >= word.seq), 0) AS dismissed,
    EXISTS (SELECT 1 FROM standing d WHERE d.lead_id = l.lead_id AND d.kind = 'confirm') AS confirmed,
    EXISTS (SELECT 1 FROM standing d WHERE d.lead_id = l.lead_id AND d.kind = 'transfer') AS transferred,
    COALESCE(outcome.result = 'verified', 0) AS verified,
    COALESCE(outcome.result = 'unfounded', 0) AS unfounded,
    word.kind IS NOT NULL AS decided,
    COALESCE((SELECT sum(d.amount_fen) FROM standing d WHERE d.lead_id = l.lead_id AND d.kind = 'outcome'), 0)
        AS recovered_fen,
    (SELECT d.assignee FROM standing d WHERE d.lead_id = l.lead_id AND d.kind = 'assign'
        ORDER BY d.seq DESC LIMIT 1) AS assignee,
    (SELECT d.document FROM standing d WHERE d.lead_id = l.lead_id AND d.kind = 'transfer'
        ORDER BY d.seq DESC LIMIT 1) AS document
FROM leads l
JOIN runs f ON f.run_id = l.first_run
JOIN last ON last.lead_id = l.lead_id
JOIN present ON present.lead_id = l.lead_id
LEFT JOIN word ON word.lead_id = l.lead_id
LEFT JOIN outcome ON outcome.lead_id = l.lead_id
WHERE l.seq < :cut
ORDER BY last.rank IS NULL, last.rank, l.lead_id
"""

_INSTITUTIONS = """
SELECT s.lead_id, m.entity_id FROM sightings s
JOIN members m ON m.run_id = s.members_run AND m.lead_id = s.lead_id
WHERE m.entity_type IN ('institution', 'office') AND s.seq = (
    SELECT max(o.seq) FROM sightings o
    WHERE o.lead_id = s.lead_id AND o.seq < :cut AND o.status NOT IN ('merged', 'vanished'))
ORDER BY s.lead_id, m.entity_id
"""

STATUSES = (
    "new", "grown", "shrunk", "unchanged", "split", "reopened", "dismissed", "merged", "vanished",
)

_WAS_LISTED = """(
    SELECT p.rank FROM sightings p WHERE p.lead_id = s.lead_id AND p.seq < s.seq
    AND p.status NOT IN ('merged', 'vanished') ORDER BY p.seq DESC LIMIT 1) IS NOT NULL"""

_TOLD = f"(s.status NOT IN ('merged', 'vanished') OR {_WAS_LISTED})"
"""Nobody is told that a lead is gone which was dismissed when it was last seen."""

_TREND = f"""
WITH human AS (SELECT d.* FROM decisions d WHERE d.seq < :cut AND d.target_seq IS NULL),
told AS (SELECT s.* FROM sightings s WHERE s.seq < :cut AND {_TOLD})
SELECT r.run_id, r.seq, r.started_at, r.window_from, r.window_to, r.n_leads,
    {", ".join(f"COALESCE(sum(s.status = '{one}'), 0) AS n_{one}" for one in STATUSES)},
    COALESCE(sum(s.rank IS NOT NULL), 0) AS listed,
    sum(CASE WHEN s.rank IS NOT NULL THEN s.amount_high_fen END) AS amount_fen,
    group_concat(CASE WHEN s.rank IS NOT NULL THEN s.lead_id END, ' ') AS listed_ids,
    (SELECT count(*) FROM human d WHERE d.run_id = r.run_id AND d.kind = 'dismiss') AS dismissals,
    (SELECT count(*) FROM human d WHERE d.run_id = r.run_id AND d.kind = 'transfer') AS transfers,
    (SELECT count(*) FROM human d WHERE d.run_id = r.run_id AND d.result = 'verified') AS verifications,
    (SELECT count(*) FROM human d WHERE d.run_id = r.run_id) AS decisions,
    (SELECT COALESCE(sum(d.amount_fen), 0) FROM ({_STANDING}) d WHERE d.run_id = r.run_id AND d.kind = 'outcome')
        AS recovered_fen
FROM runs r LEFT JOIN told s ON s.run_id = r.run_id
WHERE r.seq < :cut
GROUP BY r.run_id ORDER BY r.seq
"""

_CHANGES = f"""
SELECT s.*, (SELECT group_concat(r.other, ' ') FROM relations r
             WHERE r.run_id = s.run_id AND r.lead_id = s.lead_id) AS others,
    (SELECT p.amount_high_fen FROM sightings p WHERE p.lead_id = s.lead_id AND p.seq < s.seq
        AND p.status NOT IN ('merged', 'vanished') ORDER BY p.seq DESC LIMIT 1) AS before_fen,
    (SELECT p.headline FROM sightings p WHERE p.lead_id = s.lead_id AND p.seq <= s.seq
        AND p.status NOT IN ('merged', 'vanished') ORDER BY p.seq DESC LIMIT 1) AS last_headline
FROM sightings s WHERE s.run_id = :run_id AND {_TOLD}
ORDER BY s.rank IS NULL, s.rank, s.lead_id
"""

_TEXTS = "SELECT lead_id, seq, text FROM sealings WHERE seq < :cut ORDER BY seq, lead_id"

_DECISIONS = """
SELECT d.*, EXISTS (SELECT 1 FROM decisions r WHERE r.kind = 'revoke' AND r.target_seq = d.seq AND r.seq < :cut)
    AS revoked
FROM decisions d WHERE d.seq < :cut AND d.run_id = :run_id AND (d.target_seq IS NULL OR d.kind = 'revoke')
ORDER BY d.seq
"""


@dataclass(frozen=True, slots=True)
class Period:
    """The run of which a report tells.

    Parameters
    ----------
    run
        Its row.
    cut
        History entries from here on are later.
    week
        ISO week of its last day of data, such as ``2025-W10``.
    """

    run: Record
    cut: int
    week: str


def week_of(run: Record) -> str:
    """Return the ISO week of a run: of the last day of its data, or of its start where data have no days."""
    day = date.fromisoformat(str(run["window_to"] or run["started_at"])[:10])
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def period(connection: Connection, week: str | None) -> Period:
    """Return the last run of a week, or the last run.

    Raises
    ------
    RegisterError
        If there is none.
    """
    found = _all(connection, "SELECT * FROM runs ORDER BY seq", {})
    fits = [n for n, run in enumerate(found) if week is None or week_of(run) == week]
    if not found:
        msg = "the register has no run"
        raise RegisterError(msg, hint="gangfinder run … --register FILE records one")
    if not fits:
        msg = f"the register has no run with data up to week {week}"
        raise RegisterError(msg, hint=f"weeks: {', '.join(sorted({week_of(run) for run in found})[-6:])}")
    place = fits[-1]
    later = [run["seq"] for run in found[place + 1 : place + 2]]
    cut = later[0] if later else 1 + max(
        one["seq"] for one in _all(connection, "SELECT max(seq) AS seq FROM history", {})
    )
    return Period(found[place], cut, week_of(found[place]))


def leads(connection: Connection, at: Period) -> list[Record]:
    """Return every registered lead as it stands, listed ones first."""
    return _all(connection, _LEADS, {"cut": at.cut})


def institutions(connection: Connection, at: Period) -> dict[str, tuple[str, ...]]:
    """Return the institutions that each lead names: lead id → ids."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _all(connection, _INSTITUTIONS, {"cut": at.cut}):
        found[row["lead_id"]] = (*found.get(row["lead_id"], ()), row["entity_id"])
    return {lead: tuple(dict.fromkeys(ids)) for lead, ids in found.items()}


def trend(connection: Connection, at: Period) -> list[Record]:
    """Return the counts of every run up to the one reported, oldest first."""
    return _all(connection, _TREND, {"cut": at.cut})


def changes(connection: Connection, at: Period) -> list[Record]:
    """Return what the run said of each lead."""
    return _all(connection, _CHANGES, {"run_id": at.run["run_id"]})


def decisions(connection: Connection, at: Period) -> list[Record]:
    """Return what people decided after the run and before the next one, oldest first."""
    return _all(connection, _DECISIONS, {"cut": at.cut, "run_id": at.run["run_id"]})


def texts(connection: Connection, at: Period) -> list[Record]:
    """Return what can be read of sealed leads, as the sealed register holds it, oldest first."""
    return _all(connection, _TEXTS, {"cut": at.cut})


def _all(connection: Connection, query: str, given: Record) -> list[Record]:
    from sqlalchemy import text

    return [dict(row) for row in connection.execute(text(query), dict(given)).mappings()]
