"""The first register: history, runs, leads, sightings, members, evidence, relations, decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

TABLES = (
    "history", "facts", "runs", "leads", "decisions", "relations", "sightings", "evidence", "members", "sealings",
)


def upgrade() -> None:
    """Make the tables, which are only added to."""
    _tables()
    for name in TABLES:
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {name}_no_{what.lower()} BEFORE {what} ON {name} "
                "BEGIN SELECT RAISE(ABORT, 'a register is only added to'); END"
            )


def _tables() -> None:
    op.create_table(
        "history",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "facts",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("name", "seq"),
    )
    op.create_index("ix_facts_seq", "facts", ["seq"])
    op.create_table(
        "runs",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("settings_digest", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("window_from", sa.Text()),
        sa.Column("window_to", sa.Text()),
        sa.Column("n_leads", sa.Integer(), nullable=False),
        sa.Column("result_digest", sa.Text(), nullable=False),
        sa.Column("known_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("ix_runs_seq", "runs", ["seq"])
    op.create_table(
        "leads",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("first_run", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["first_run"], ["runs.run_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("lead_id"),
    )
    op.create_index("ix_leads_seq", "leads", ["seq"])
    op.create_table(
        "decisions",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.Integer()),
        sa.Column("expires_on", sa.Text()),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("target_seq", sa.Integer()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"]),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.ForeignKeyConstraint(["target_seq"], ["decisions.seq"]),
        sa.PrimaryKeyConstraint("seq"),
        sa.CheckConstraint(
            "kind IN ('dismiss', 'confirm', 'transfer', 'note', 'assign', 'never_link', 'revoke', 'outcome')",
            name="known_decision",
        ),
    )
    op.create_index("ix_decisions_lead_id", "decisions", ["lead_id"])
    op.create_table(
        "relations",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"]),
        sa.ForeignKeyConstraint(["other"], ["leads.lead_id"]),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id", "lead_id", "kind", "other"),
        sa.CheckConstraint(
            "kind IN ('merged_into', 'split_from')",
            name="known_kind",
        ),
    )
    op.create_index("ix_relations_seq", "relations", ["seq"])
    op.create_table(
        "sightings",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer()),
        sa.Column("previous_rank", sa.Integer()),
        sa.Column("score", sa.Float()),
        sa.Column("q_value", sa.Float()),
        sa.Column("typologies", sa.Text(), nullable=False),
        sa.Column("amount_low_fen", sa.Integer()),
        sa.Column("amount_high_fen", sa.Integer()),
        sa.Column("first_seen", sa.Text()),
        sa.Column("last_seen", sa.Text()),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("n_core", sa.Integer(), nullable=False),
        sa.Column("n_members", sa.Integer(), nullable=False),
        sa.Column("n_evidence", sa.Integer(), nullable=False),
        sa.Column("n_joined", sa.Integer(), nullable=False),
        sa.Column("n_left", sa.Integer(), nullable=False),
        sa.Column("n_new_evidence", sa.Integer(), nullable=False),
        sa.Column("n_gone_evidence", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("members_run", sa.Text()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.lead_id"]),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id", "lead_id"),
        sa.CheckConstraint(
            "status IN ('new', 'grown', 'shrunk', 'unchanged', 'split', 'reopened', 'dismissed', 'merged', 'vanished')",
            name="known_status",
        ),
    )
    op.create_index("ix_sightings_lead_id", "sightings", ["lead_id"])
    op.create_index("ix_sightings_seq", "sightings", ["seq"])
    op.create_index("sightings_by_status", "sightings", ["status"])
    op.create_table(
        "evidence",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("event_on", sa.Text()),
        sa.Column("amount_fen", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id", "lead_id", "key"),
    )
    op.create_index("ix_evidence_lead_id", "evidence", ["lead_id"])
    op.create_index("ix_evidence_seq", "evidence", ["seq"])
    op.create_table(
        "members",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("membership", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id", "lead_id", "entity_type", "entity_id"),
    )
    op.create_index("ix_members_seq", "members", ["seq"])
    op.create_table(
        "sealings",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id", "lead_id"], ["sightings.run_id", "sightings.lead_id"]),
        sa.ForeignKeyConstraint(["seq"], ["history.seq"]),
        sa.PrimaryKeyConstraint("run_id", "lead_id"),
    )
    op.create_index("ix_sealings_seq", "sealings", ["seq"])
