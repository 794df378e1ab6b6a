"""Hand-made scored rings for the tests of leads and exports."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd

from gangfinder.leads.facts import EntityFacts
from gangfinder.leads.texts import Texts
from gangfinder.leads.tokens import Key
from gangfinder.model.evidence import Anomaly, EvidenceRow, Family, Finding, Grade, Judgement, Result
from gangfinder.model.lead import Ring, Score, ScoredRing, ScorePart

KEY = Key(b"0" * 64)
PEOPLE = tuple(f"P{n:03d}" for n in range(1, 7))

TEXTS = Texts(
    typologies={
        "T01": SimpleNamespace(
            code="T01",
            title="疑似集中持卡结算",
            sentences={
                "same_dates": "{n_core} 人在 {n_dates} 个不同日期先后到 {n_houses} 家机构结算",
                "order": "卡的先后次序 {n_dates} 次中有 {n_same} 次相同",
                "session": "与他人同时段结算",
            },
            clears=("药店代购登记",),
            records=("终端监控", "取药签名"),
            provisions=("条例第四十条",),
        ),
        "T10": SimpleNamespace(
            code="T10",
            title="疑似冒名使用",
            sentences={"in_hospital": "{n} 人住院期间在另一机构结算", "overlap": "住院期间的结算"},
            clears=("转诊单",),
            records=("终端监控", "门诊病历"),
            provisions=(),
        ),
    },
    explanations={
        "family": SimpleNamespace(
            title="家庭与共济", sentences={"partly": "覆盖 {n_covered} 人，其余仍成立"}
        ),
        "care_home": SimpleNamespace(title="养老院", sentences={}),
        "refill_day": SimpleNamespace(title="慢病取药日", sentences={"untestable": "户籍未知"}),
    },
)


def evidence(day: int, person: str, *, amount: str = "120.50", grade: Grade = Grade.E2) -> EvidenceRow:
    at = datetime(2025, 3, 2, 9, 30) + timedelta(days=7 * day, minutes=PEOPLE.index(person))
    return EvidenceRow(
        "patient", person, "H1", "settlements", f"S{day}-{person}", at, Decimal(amount), grade, "session"
    )


def pool(people: tuple[str, ...] = PEOPLE, *, days: int = 4) -> ScoredRing:
    rows = tuple(evidence(day, person) for day in range(days) for person in people)
    anomalies = (
        Anomaly(
            Family.CALENDAR,
            "same_dates",
            -14.2,
            182_340,
            {"n_core": len(people), "n_dates": days, "n_houses": 1},
        ),
        Anomaly(Family.TEMPO, "order", -3.7, 12, {"n_dates": days, "n_same": days - 1}),
    )
    finding = Finding(
        "T01", people, "patient", Grade.E2, anomalies, rows, (("terminal", "TM1", "terminal"),), 5
    )
    judgements = (
        Judgement("family", Result.PARTLY, ("P900",), "partly", {"n_covered": 1}),
        Judgement("care_home", Result.FAILS),
        Judgement("refill_day", Result.UNTESTABLE),
    )
    ring = Ring(f"R-{people[0]}", "patient", people, (finding,), judgements)
    score = Score((ScorePart("surprise", 8.9, 1.0, {}), ScorePart("amount", 3.4, 0.5, {})))
    return ScoredRing(ring, score, 1.25e-9, "two_families")


def impersonation() -> ScoredRing:
    """A contradiction in two rows, one of them a refund, beside weaker rows of the same people."""
    people = PEOPLE[:2]
    strong = tuple(evidence(0, p, amount="50.00", grade=Grade.E1) for p in people)
    weak = (evidence(1, people[0]), evidence(2, people[1], amount="-20.00"))
    anomaly = Anomaly(Family.CONTRADICTION, "in_hospital", 0.0, 1, {"n": 2})
    finding = Finding("T10", people, "patient", Grade.E1, (anomaly,), strong + weak)
    ring = Ring("R-2", "patient", people, (finding,), ())
    return ScoredRing(ring, Score((ScorePart("contradiction", 1.0, 6.0, {}),)), 1e-4, "contradiction")


def facts() -> EntityFacts:
    """Every evidence row of :func:`pool`: one operator, a doctor of half the people, a passing one."""
    rows = []
    for day in range(4):
        for n, person in enumerate(PEOPLE):
            rows.append(
                {
                    "source_key": f"S{day}-{person}",
                    "institution_id": "H1",
                    "operator_id": "OP1",
                    "doctor_id": "D1" if n < 3 else None,
                    "card_id": f"C{person}",
                    "contact_phone": "19900000001",
                    "terminal_id": "TM1",
                }
            )
    rows[0]["doctor_id"] = "D9"
    return EntityFacts.of({"settlements": pd.DataFrame(rows)})
