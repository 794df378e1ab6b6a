"""Village, market and visiting-doctor days: people come on the same fixed days, and queue like people (DOMAIN §5.4).

Dates and minutes are two tests. A fixed calendar, or days on which everybody else comes as well, explains the dates. It
does not explain runs of people minutes apart at any hour, nor equal bills: whoever shows those is not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gangfinder.benign._calendars import days_of_month, keeps_to
from gangfinder.benign._queueing import Queue, company_tails, conspicuous, outings
from gangfinder.benign.contract import Explanation
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params(Queue):
    """Parameters of the clinic-day explanation.

    Parameters
    ----------
    dates_log10
        Tail down to which a person's company is what everybody's dates explain.
    calendar_share
        Least share of joint days, and of a person's own days, on a fixed calendar.
    calendar_log10
        Largest chance that random days keep to some calendar, over all calendars tried.
    joint_units
        Fewest unrelated units at the house on a joint day.
    """

    dates_log10: float = -3.0
    calendar_share: float = 0.8
    calendar_log10: float = -2.0
    joint_units: int = 2


def judge(group: Group, params: Params) -> Judgement:
    """Say which members a fixed clinic day explains."""
    frame = outings(group)
    if frame.empty:
        return Judgement("clinic_day", Result.FAILS, reason="fails_dates", detail={"n_dates": 0})
    dated, detail = explained_dates(group, frame, params)
    none: frozenset[str] = frozenset()
    hasty, equal = conspicuous(group, frame, params, detail) if dated else (none, none)
    covered = dated - hasty - equal
    detail["n_covered"] = len(covered)
    if len(covered) == len(group.members) or (covered and len(group.members) - len(covered) < 2):
        reason = "holds_calendar" if detail["calendar"] else "holds_dates"
        return Judgement("clinic_day", Result.HOLDS, tuple(sorted(covered)), reason, detail)
    if covered:
        return Judgement("clinic_day", Result.PARTLY, tuple(sorted(covered)), "partly", detail)
    reason = "fails_dates" if not dated else ("fails_tempo" if hasty else "fails_amount")
    return Judgement("clinic_day", Result.FAILS, (), reason, detail)


def explained_dates(
    group: Group, frame: pd.DataFrame, params: Params
) -> tuple[frozenset[str], dict[str, str | int | float]]:
    """Return the members whose dates everybody's dates or a fixed calendar explain, and the numbers behind it."""
    members, observed, expected, log10_p = company_tails(frame, group.calendar)
    usual = {m for m, p in zip(members, log10_p, strict=True) if p > params.dates_log10}
    fixed, label, n_dates, n_fit = _fixed(frame, params)
    detail: dict[str, str | int | float] = {
        "n_core": len(group.members), "n_dates": n_dates, "n_fit": n_fit, "calendar": label,
        "observed": round(float(observed.mean()), 1), "expected": round(float(expected.mean()), 1),
    }
    return frozenset(usual | fixed), detail


def _fixed(frame: pd.DataFrame, params: Params) -> tuple[set[str], str, int, int]:
    """Return the members who keep to their houses' fixed days: members, calendar, joint days, joint days that fit."""
    units = frame.groupby(["institution_id", "day"])["unit"].nunique()
    joint = units[units >= params.joint_units]
    days_at = {h: d.index.get_level_values(1).to_numpy(dtype=np.int64) for h, d in joint.groupby(level=0)}
    company = frame.set_index(["institution_id", "day"]).index.isin(joint.index)
    fits = np.zeros(len(frame), dtype=bool)
    day, house_of = frame["day"].to_numpy(dtype=np.int64), frame["institution_id"].to_numpy()
    label, n_fit = "", 0
    for house, days in days_at.items():
        calendar = keeps_to(days, params.calendar_share, params.calendar_log10)
        if calendar is not None:
            here = house_of == house
            fits[here] = calendar.fits(day[here], days_of_month(day[here]))
            label, n_fit = label or calendar.label, n_fit + int(calendar.fits(days, days_of_month(days)).sum())
    own = pd.DataFrame({"who": frame["subject_id"], "kept": fits & company, "all": company}).groupby("who").sum()
    fixed = set(own.index[(own["all"] > 0) & (own["kept"] >= params.calendar_share * own["all"])])
    return fixed, label, len(joint), n_fit


EXPLANATION = Explanation(
    code="5.4",
    slug="clinic_day",
    title="赶集日、义诊日、村医固定门诊日",
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds_calendar": "成立：{n_dates} 个共同日期中 {n_fit} 个符合“{calendar}”，先后间隔与金额如常人排队",
            "holds_dates": "成立：共同到店平均 {observed} 次，按他人的到店日期本应有 {expected} 次；间隔与金额无异常",
            "partly": "部分成立：{n_covered} 人的到店日期与排队间隔可由固定门诊日解释，其余人员已重新判断",
            "fails": "不成立：没有可解释共同到店的固定门诊日",
            "fails_dates": "不成立：{n_dates} 个共同日期（含仅两人同到的）没有固定规律，也不是其他参保人集中到店的日子",
            "fails_tempo": "不成立：日期虽可解释，但 {near_percent}% 的到店与组内他人相距 5 分钟以内"
            "（按其本人其他日期的时刻应为 {near_expected_percent}%）",
            "fails_amount": "不成立：日期虽可解释，但 {equal_percent}% 的金额与组内他人同日金额相同"
            "（按不同日期比较应为 {equal_expected_percent}%）",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
