"""T20: a ring's papers go over one desk as no roster explains, and whoever sits there is tied to the ring (内外勾结).

A desk alone names nobody: members of staff are named where the desk stands out *and* the person has a tie of his own to
the ring. What only the process shows (one pair of hands) is T28's, and what is a contradiction about the person
(money into his own account) is T27's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.typologies._circle import CHANCE, accounts_of, circle, contacts, kin_of, tied
from gangfinder.typologies._desk_tails import desk_anomalies, named, tie_anomalies
from gangfinder.typologies._inside_texts import CLEARS, PROVISIONS, RECORDS, SENTENCES
from gangfinder.typologies._office_desks import (
    FLAGS,
    Params,
    acts,
    desks,
    district_of,
    looked_at,
    papers,
    ring_acts,
    ring_papers,
    slots,
)
from gangfinder.typologies._staff_tables import ONE_OF, PAPERS, REGISTERS
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

_DESK = (
    "m_role", "m_stratum", "m_own", "m_slots", "m_marked", "m_tests", "m_rostered", "m_batch", "m_desks",
    "m_rest_slots", "m_rest_marked", "m_home_slots", "m_home_marked", "m_name_slots", "m_name_marked",
    "m_pair_slots", "m_pair_marked", "m_pair_ring", "m_queue", "m_handler", "m_patient", *(f"m_{f}" for f in FLAGS),
    *(f"m_{f}_marked" for f in FLAGS),
)
_TIE = (
    "m_part", "m_how", "m_tied_type", "m_tied", *CHANCE,
)


def detect(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - all parameters are used in the steps
    """Return a ring's papers as seen from each desk that many of them passed, and where its owner's circle meets it."""
    seen = _exposed(tables)
    return _aligned(seen).union(_aligned(_drawn(tables, seen)), _aligned(_met(tables)), distinct=False)


def _exposed(tables: Tables) -> ir.Table:
    """Return the ring's papers that passed the office of somebody looked at, own ones marked."""
    import ibis

    slot, apart = tables["slots"], tables["slots"].anti_join(tables["ring_papers"], "paper")
    seen = slot.inner_join(tables["ring_papers"], "paper").inner_join(
        tables["looked_at"], ["ring_id", "role", "staff_id"]
    )
    mine, one = ibis.ifelse(slot.actor == slot.staff_id, 1, 0), ibis.ifelse(apart.actor == apart.staff_id, 1, 0)
    by = ["staff_id", "role", "stratum"]
    whole = slot.group_by(*by).aggregate(
        m_slots=slot.count(), m_marked=mine.sum(), **{f"m_{f}_marked": (slot[f] * mine).sum() for f in FLAGS}
    )
    seen = seen.inner_join(whole, by)
    place = apart.left_join(district_of(tables["patients"]), "patient_id").drop("patient_id_right")
    own = ibis.ifelse(ibis._.actor == ibis._.staff_id, 1, 0)
    seen = seen.left_join(district_of(tables["patients"]), "patient_id").drop("patient_id_right")
    seen = _beside(seen, apart.group_by("staff_id", "role", "queue").aggregate(
        m_rest_slots=apart.count(), m_rest_marked=one.sum(), m_desks=apart.actor.nunique()
    ), ["staff_id", "role", "queue"])
    for column, name in (("home", "home"), ("surname", "name")):
        alike = place.filter(place[column].notnull()).group_by("staff_id", "role", "queue", column).aggregate(
            **{f"m_{name}_slots": ibis._.count(), f"m_{name}_marked": own.sum()}
        )
        seen = _beside(seen, alike, ["staff_id", "role", "queue", column])
    pair = apart.filter((apart.role == "reviewer") & apart.handler_id.notnull())
    seen = _beside(seen, pair.group_by("staff_id", "role", "queue", "handler_id").aggregate(
        m_pair_slots=pair.count(), m_pair_marked=own.sum()
    ), ["staff_id", "role", "queue", "handler_id"])
    ring = seen.filter((seen.role == "reviewer") & seen.handler_id.notnull())
    seen = _beside(seen, ring.group_by("ring_id", "staff_id", "role", "queue", "handler_id").aggregate(
        m_pair_ring=ring.paper.nunique()
    ), ["ring_id", "staff_id", "role", "queue", "handler_id"])
    return seen.mutate(
        group_id=seen.ring_id, subject_id=seen.staff_id, source_table=seen.source, source_key=seen.key,
        event_at=seen["at"], shows=ibis.ifelse(seen.role == "handler", "handled", "reviewed"),
        m_role=seen.role, m_stratum=seen.stratum, m_queue=seen.queue,
        m_own=ibis.ifelse(seen.actor == seen.staff_id, 1, 0), m_rostered=seen.rostered,
        m_batch=seen.batch, m_handler=seen.handler_id, m_patient=seen.patient_id,
        **{f"m_{f}": seen[f] for f in FLAGS},
    )


def _beside(seen: ir.Table, more: ir.Table, by: list[str]) -> ir.Table:
    """Join what others show, where there is any."""
    joined = seen.left_join(more, by)
    return joined.drop(*(f"{c}_right" for c in by))


def _drawn(tables: Tables, seen: ir.Table) -> ir.Table:
    """Return what the ring drew from the fund on the papers of somebody looked at."""
    import ibis

    own = seen.filter(seen.m_own == 1).select("ring_id", "staff_id", subject="patient_id").distinct()
    drawn = _rows_of(tables).inner_join(own, ["ring_id", "subject"])
    return drawn.select(
        "source_table", "source_key", "event_at", "amount", group_id=drawn.ring_id, subject_id=drawn.staff_id,
        shows=ibis.literal("drawn"), institution_id=ibis.null().cast("string"), m_patient=drawn.subject,
    )


def _rows_of(tables: Tables) -> ir.Table:
    """Return the evidence rows of the open leads: ring_id, subject, and the row."""
    rows = tables["ring_rows"]
    return rows.select(
        "ring_id", "source_table", "source_key", "event_at", "amount", subject=rows.subject_id
    ).distinct()


def _met(tables: Tables) -> ir.Table:
    """Return where the circle of somebody looked at meets the ring, on the rows that show it."""
    import ibis

    asked = tables["looked_at"].select("ring_id", "staff_id").distinct()
    tie = tables["tied"].inner_join(asked, ["ring_id", "staff_id"])
    p = tables["papers"].inner_join(tables["ring_papers"], "paper")
    parts = [p.select("ring_id", "patient_id", entity_type=ibis.literal("patient"), entity_id=p.patient_id)]
    agents = tables["patients"].select(agent="patient_id", agent_id_number="id_number")
    acting = p.inner_join(agents, "agent_id_number")
    parts.append(acting.select("ring_id", "patient_id", entity_type=ibis.literal("patient"), entity_id=acting.agent))
    for kind, column in (
        ("agent", "agent_id_number"), ("phone", "agent_phone"), ("bank_account", "payee_account"),
        ("name", "payee_name"), ("institution", "institution_id"),
    ):
        parts.append(p.select("ring_id", "patient_id", entity_type=ibis.literal(kind), entity_id=p[column]))
    rings = tables["rings"].filter(tables["rings"].subject_type == "patient")
    member = rings.select("ring_id", patient_id="subject_id").distinct()
    phones = member.inner_join(tables["patients"].select("patient_id", "phone"), "patient_id")
    parts.append(phones.select("ring_id", "patient_id", entity_type=ibis.literal("phone"), entity_id=phones.phone))
    parts.append(member.mutate(entity_type=ibis.literal("patient"), entity_id=member.patient_id))
    bears = parts[0].union(*parts[1:], distinct=True)
    met = tie.inner_join(bears, ["ring_id", "entity_type", "entity_id"])
    met = met.inner_join(_rows_of(tables).rename(patient_id="subject"), ["ring_id", "patient_id"])
    return met.select(
        "source_table", "source_key", "event_at", "amount", *CHANCE, group_id=met.ring_id,
        subject_id=met.staff_id, shows=ibis.literal("tie"),
        institution_id=ibis.null().cast("string"), m_part=met.part, m_how=met.how, m_tied_type=met.entity_type,
        m_tied=met.entity_id, m_patient=met.patient_id,
    ).distinct()


def _aligned(rows: ir.Table) -> ir.Table:
    """Return the rows in the columns of evidence and all measures; what they do not have is null."""
    import ibis

    texts = {"m_role", "m_stratum", "m_queue", "m_handler", "m_patient", "m_part", "m_how", "m_tied_type", "m_tied"}
    measures = {
        name: rows[name].cast("string" if name in texts else "int64") if name in rows.columns
        else ibis.null().cast("string" if name in texts else "int64")
        for name in (*_DESK, *_TIE)
    }
    return rows.select(
        group_id=rows.group_id, subject_type=ibis.literal("staff"), subject_id=rows.subject_id,
        institution_id=rows.institution_id, source_table=rows.source_table, source_key=rows.source_key,
        event_at=rows.event_at.cast("timestamp"), amount=rows.amount.cast("decimal(18,2)"),
        grade=ibis.literal(Grade.E2.value), shows=rows.shows, **measures,
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Name those whose desk stands out in the ring's papers and who have a tie of their own to the ring.

    Notes
    -----
    The ties are asked only of those whose desk shows anything; see :func:`gangfinder.typologies._desk_tails.named`.
    """
    rows = group.rows
    desk = {s: desk_anomalies(s, part, params) for s, part in _by_staff(rows[rows["m_role"].notna()])}
    met = {s: tie_anomalies(s, part, params) for s, part in _by_staff(rows[rows["m_part"].notna()]) if desk.get(s)}
    who = named(desk, met, params)
    if not who:
        return None
    kept = rows["subject_id"].isin(who) & (rows["m_role"].isna() | (rows["m_own"] == 1))
    kept &= rows["source_table"] != "enrolments"  # an enrolment has no key to cite: what was drawn on it stands for it
    return Verdict(tuple(who), tuple(a for s in who for a in (*desk[s], *_with(met[s], who[s]))), kept)


def _with(ties: tuple[Anomaly, ...], tail: float) -> tuple[Anomaly, ...]:
    """Return the ties with how surprising they and the desk are together: by this the lead is admitted."""
    return tuple(replace(tie, detail={**tie.detail, "together_log10_p": round(tail, 4)}) for tie in ties)


def _by_staff(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(staff), part) for staff, part in rows.groupby("subject_id", sort=True)]


TYPOLOGY = Typology(
    code="T20",
    slug="inside_collusion",
    title="疑似经办环节内外关联",
    grade=Grade.E2,
    requires={"staff": frozenset({"staff_id"})},
    one_of=ONE_OF,
    without="who sits at a desk is named only with a tie of his own, and a share of papers alone names nobody",
    optional={**PAPERS, **REGISTERS},
    uses=frozenset({"rings", "ring_rows"}),
    detect=detect,
    confirm=confirm,
    steps=(
        ("papers", papers), ("desks", desks), ("ring_papers", ring_papers), ("acts", acts), ("ring_acts", ring_acts),
        ("looked_at", looked_at), ("slots", slots), ("kin", kin_of), ("accounts", accounts_of), ("circle", circle),
        ("contacts", contacts), ("tied", tied),
    ),
    grouping="hub",
    benign=(
        "month_end_batch", "queue_by_district", "regional_office", "small_office", "sole_handler", "staff_as_patients",
        "teaching_shift",
    ),
    provisions=PROVISIONS,
    clears=CLEARS,
    records=RECORDS,
    sentences=SENTENCES,
    params=Params(),
    minimum_subjects=0,
    subject_type="staff",
    sealed=True,
)
