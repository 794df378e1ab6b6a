"""Tables of the register, as the newest migration leaves them. Every row names the history entry that wrote it.

Money is in fen (1/100 yuan), whole numbers: SQLite has no decimals, and reports sum by SQL. Instants are ISO texts.
In the sealed register ids are keyed tokens, and what can be read stands in ``sealings`` alone.

The members of a lead at a sighting are the rows of ``members`` with ``run_id = sightings.members_run``: a list that
stays as it was is not written again. The evidence of a lead is what its rows of ``evidence`` add, less what later ones
with ``gone`` take back; rows that merely left the window of the data are not taken back.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

STATUSES = ("new", "grown", "shrunk", "unchanged", "split", "reopened", "dismissed", "merged", "vanished")
"""What a sighting says of a lead. ``dismissed``: it is in the data and kept out of the list. ``merged``, ``vanished``:
it is not in the data, said once, by the run that missed it."""

DECISIONS = ("dismiss", "confirm", "transfer", "note", "assign", "never_link", "revoke", "outcome")

metadata = MetaData()


def _seq() -> Column[int]:
    return Column("seq", Integer, ForeignKey("history.seq"), nullable=False, index=True)


history = Table(
    "history", metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),         # with offset from UTC
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),     # created, run, or a decision
    Column("payload", Text, nullable=False),    # canonical JSON
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
)

facts = Table(
    "facts", metadata, _seq(),
    Column("name", Text, nullable=False),       # kind, key_check, sealed_recipient
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name", "seq"),
)

runs = Table(
    "runs", metadata, _seq(),
    Column("run_id", Text, primary_key=True),
    Column("started_at", Text, nullable=False),
    Column("input_digest", Text, nullable=False),
    Column("settings_digest", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("window_from", Text),                # days of the data
    Column("window_to", Text),
    Column("n_leads", Integer, nullable=False),     # listed ones
    Column("result_digest", Text, nullable=False),
    Column("known_seq", Integer, nullable=False),   # the last history entry that the run knew
)

leads = Table(
    "leads", metadata, _seq(),
    Column("lead_id", Text, primary_key=True),
    Column("first_run", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("subject_type", Text, nullable=False),
)

sightings = Table(
    "sightings", metadata, _seq(),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("lead_id", Text, ForeignKey("leads.lead_id"), nullable=False, index=True),
    Column("status", Text, CheckConstraint(f"status IN {STATUSES}", name="known_status"), nullable=False),
    Column("rank", Integer),                    # null: not listed
    Column("previous_rank", Integer),
    Column("score", Float),
    Column("q_value", Float),
    Column("typologies", Text, nullable=False),     # codes, a blank between them
    Column("amount_low_fen", Integer),
    Column("amount_high_fen", Integer),
    Column("first_seen", Text),
    Column("last_seen", Text),
    Column("headline", Text, nullable=False),   # in the language of the run
    Column("n_core", Integer, nullable=False),
    Column("n_members", Integer, nullable=False),
    Column("n_evidence", Integer, nullable=False),
    Column("n_joined", Integer, nullable=False),    # core members since the sighting before
    Column("n_left", Integer, nullable=False),
    Column("n_new_evidence", Integer, nullable=False),
    Column("n_gone_evidence", Integer, nullable=False),
    Column("why", Text, nullable=False),        # of a reopened one: vanished, expired, members, typology, evidence
    Column("members_run", Text),
    PrimaryKeyConstraint("run_id", "lead_id"),
)

members = Table(
    "members", metadata, _seq(),
    Column("run_id", Text, nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    Column("entity_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("membership", Text, nullable=False),     # core, associated
    Column("subject", Integer, nullable=False),     # 1: of the core by which the lead is recognised
    PrimaryKeyConstraint("run_id", "lead_id", "entity_type", "entity_id"),
    ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
)

evidence = Table(
    "evidence", metadata, _seq(),
    Column("run_id", Text, nullable=False),
    Column("lead_id", Text, nullable=False, index=True),
    Column("key", Text, nullable=False),        # keyed digest of subject, source table and source key
    Column("gone", Integer, nullable=False),    # 1: the row is no longer evidence of the lead
    Column("subject", Text, nullable=False),
    Column("event_on", Text),
    Column("amount_fen", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "lead_id", "key"),
    ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
)

relations = Table(
    "relations", metadata, _seq(),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("lead_id", Text, ForeignKey("leads.lead_id"), nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('merged_into', 'split_from')", name="known_kind"), nullable=False),
    Column("other", Text, ForeignKey("leads.lead_id"), nullable=False),
    PrimaryKeyConstraint("run_id", "lead_id", "kind", "other"),
)

sealings = Table(
    "sealings", metadata, _seq(),
    Column("run_id", Text, nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("text", Text, nullable=False),       # JSON, or age: and base64
    PrimaryKeyConstraint("run_id", "lead_id"),
    ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
)

decisions = Table(
    "decisions", metadata,
    Column("seq", Integer, ForeignKey("history.seq"), primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("run_id", Text, ForeignKey("runs.run_id")),      # the last run when it was made
    Column("lead_id", Text, ForeignKey("leads.lead_id"), nullable=False, index=True),
    Column("kind", Text, CheckConstraint(f"kind IN {DECISIONS}", name="known_decision"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", Text, nullable=False),   # of a transfer: its number
    Column("result", Text, nullable=False),     # of an outcome: verified, unfounded, open
    Column("amount_fen", Integer),              # of an outcome: recovered money
    Column("expires_on", Text),                 # of a dismissal: it ends when the data reach that day
    Column("assignee", Text, nullable=False),
    Column("entity", Text, nullable=False),     # of never_link: type:id or token
    Column("other", Text, nullable=False),      # the second of a pair
    Column("target_seq", Integer, ForeignKey("decisions.seq")),     # revoked, or inherited from
)

Index("sightings_by_status", sightings.c.status)

PROJECTED = (facts, runs, leads, sightings, members, evidence, relations, sealings, decisions)
"""Every table that follows from the history, in an order in which foreign keys are met."""
