"""T13: a suspended house whose regulars and desks appear at another, or that settles all the same (出借结算系统)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._flows import (
    BEFORE,
    DESK,
    DESKS,
    OWN,
    SHIFT,
    Params,
    elsewhere,
    marked_of,
    own_desks_of,
    own_rows,
    pairs_of,
    stops_of,
    visits_of,
)
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return what houses without a contract settled, and what their regulars and desks did elsewhere."""
    own = own_rows(visits_of(tables), tables["stops"], params)
    return own.union(elsewhere(tables, params), distinct=False)


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house that settled while suspended, or whose regulars and desks went to one other house."""
    house = str(group.rows["m_house"].iloc[0])
    own = group.rows[group.rows["shows"] == OWN]
    away = group.rows[group.rows["shows"] != OWN]
    found = [_settling(own, params)] if len(own) else []
    shift = [_shift(away, params), _desk(away, params)] if len(away) else []
    if all(a is not None for a in shift):
        found += shift
    else:
        away = away.iloc[:0]
    anomalies = tuple(a for a in found if a is not None)
    if not anomalies:
        return None
    kept = away.index if found[0] is None else away.index.union(own.index)
    if len(own) and found[0] is None and not len(away):
        return None
    others = sorted(away["m_other"].dropna().unique())
    hubs = tuple(("institution", str(h), "settles") for h in (house, *others))
    core = tuple(sorted({house, *(str(h) for h in others)}))
    return Verdict(core, anomalies, group.rows.index.to_series().isin(kept), hubs)


def _settling(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test the rows of a suspended house against those of other suspended houses, by what each usually settled."""
    k, days = len(rows), int(rows["event_at"].dt.normalize().nunique())
    people = int(rows["m_patient_id"].nunique())
    if k < params.own_rows or days < params.own_days or people < params.own_people:
        return None
    facts = rows.iloc[0]
    rate = (float(facts["m_rest_cases"]) + 0.5) / (float(facts["m_rest_expected"]) + params.prior_rows)
    n, n_tests = max(k, round(float(facts["m_house_expected"]))), max(1, int(facts["m_stops"]))
    tail = float(log10_binomial_tail(k, n, min(1.0, rate)))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_rows": k, "n_days": days, "n_patients": people, "n_usual": n,
        "n_other_rows": int(facts["m_rest_cases"]), "n_other_usual": round(float(facts["m_rest_expected"])),
        "prior_rows": params.prior_rows,
    }
    return Anomaly(Family.CONTRADICTION, "settles_suspended", tail, n_tests, detail)


def _shift(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test how many regulars turn up anew at the house where the desks went, given where visitors went before."""
    facts = rows.iloc[0]
    k, n = int(facts["m_new"]), int(facts["m_active"])
    tail, n_tests = float(log10_binomial_tail(k, n, float(facts["m_chance"]))), max(1, int(facts["m_candidates"]))
    if k < params.people or log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_new": k, "n_active": n, "n_regulars": int(facts["m_regulars"]), "n_known": int(facts["m_known"]),
        "chance": round(float(facts["m_chance"]), 6), "after_days": params.after_days,
    }
    return Anomaly(Family.CALENDAR, "flow_shift", tail, n_tests, detail)


def _desk(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test how many rows of the other house stand under the stopped one's desks, against the time before."""
    facts = rows.iloc[0]
    k, n = int(facts["m_desk_after"]), int(facts["m_rows_after"])
    rate = (float(facts["m_desk_before"]) + 0.5) / (float(facts["m_rows_before"]) + 1)
    tail, n_tests = float(log10_binomial_tail(k, n, min(1.0, rate))), max(1, int(facts["m_tests"]))
    if k < params.desk_rows or log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_desk": k, "n_rows": n, "n_desk_before": int(facts["m_desk_before"]),
        "n_rows_before": int(facts["m_rows_before"]),
    }
    return Anomaly(Family.CONTROL, "shared_desk", tail, n_tests, detail)


TYPOLOGY = Typology(
    code="T13",
    slug="flow_shift",
    title="疑似出借结算系统或为暂停协议机构结算",
    grade=Grade.E1,
    requires={
        "settlements": frozenset({"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"}),
        "contracts": frozenset({"institution_id", "valid_from", "status"}),
    },
    optional={
        "settlements": frozenset({"occurred_at", "visit_type", *DESKS}),
        "contracts": frozenset({"valid_to"}),
        "institutions": frozenset({"institution_id", "suspended_from", "suspended_to"}),
    },
    detect=detect,
    confirm=confirm,
    steps=(("stops", stops_of), ("own_desks", own_desks_of), ("pairs", pairs_of), ("marked", marked_of)),
    grouping="hub",
    uses=frozenset({"visits"}),
    benign=("relocation",),
    provisions=(
        "医疗保障基金使用监督管理条例 第十五条、第三十八条",
        "医疗保障定点协议（暂停、解除期间不得结算，急诊除外）",
    ),
    clears=(
        "机构更名、搬迁或合并的批复", "协议续签或提前恢复的文件", "急诊、抢救或在院患者的结算说明",
        "参保人就近改去其他机构的说明",
    ),
    records=(
        "两家机构的终端、操作员登记与登录日志", "进销存与随货同行单", "营业场所监控",
        "参保人购药或就诊地点的核实记录",
    ),
    sentences={
        OWN: "协议暂停期间（宽限日与急诊除外）的结算",
        DESK: "暂停协议机构的终端、操作员或医师在另一机构结算",
        SHIFT: "暂停协议机构的常客此前未到过、暂停后出现在该机构的结算",
        BEFORE: "常客在协议暂停前最后一次到该机构的结算",
        "settles_suspended": (
            "协议暂停期间仍结算 {n_rows} 次（{n_days} 天，{n_patients} 人；按往常应有约 {n_usual} 次）；"
            "发生率不高于该机构的其他暂停机构合计 {n_other_rows} 次"
        ),
        "flow_shift": (
            "协议停止后 {after_days} 天内有就医购药记录的 {n_active} 名常客中，有 {n_new} 人首次出现在同一家机构"
            "（常客共 {n_regulars} 人，此前到过该机构的 {n_known} 人）"
        ),
        "shared_desk": (
            "该机构此后 {n_rows} 次结算中有 {n_desk} 次出自暂停协议机构的终端、操作员或医师；"
            "此前 {n_rows_before} 次中有 {n_desk_before} 次"
        ),
    },
    params=Params(),
    minimum_subjects=0,
    subject_type="institution",
)
