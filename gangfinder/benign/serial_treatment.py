"""Serial treatment: dialysis shifts, chemotherapy, rehabilitation, psychiatric and long stays (DOMAIN §5.3, 5.9).

Two readings. Where the data name the treatment (diagnosis, department, item), a course is a patient's repeated marked
visits at one house. Where they do not, a course is recognised by its cadence alone, and strictly: three fixed weekdays,
nine days a month, sustained; a group that copies the cadence but swipes seconds apart is not excused.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign._cycles import Cycle, judge_cycle
from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import (
    days_between,
    epoch_seconds,
    is_midnight,
    month_index,
    weekday,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.model.evidence import Judgement
    from gangfinder.model.group import Group

DIALYSIS_CODES = frozenset({"N17", "N18", "N19", "Z49", "Z99"})
DIALYSIS_WORDS = ("透析", "血透", "血液净化")
REHAB_CODES = frozenset({"Z50"})
REHAB_WORDS = ("康复",)
THERAPY_WORDS = ("化疗", "放疗", "肿瘤")
LONG_WORDS = ("精神", "安宁", "临终")


@dataclass(frozen=True, slots=True)
class Params(Cycle):
    """Parameters of the serial-treatment explanation.

    Parameters
    ----------
    course_days
        Fewest marked visit days of a course at one house.
    days_per_month
        Least pace of a marked course.
    therapy_days
        Fewest marked visit days of chemotherapy or radiotherapy.
    cadence_days_per_month
        Fewest visit days of a month that counts towards an unmarked cadence.
    cadence_months
        Fewest such months; they must be half of the months in which the patient came.
    cadence_weekdays
        Weekdays that carry an unmarked cadence.
    cadence_share
        Least share of the visit days that fall on those weekdays.
    run_seconds
        Two patients of a cadence this close are in a run.
    run_share
        Largest share of a patient's visits in runs.
    planned_low_days, planned_high_days
        Shortest and longest interval of a planned readmission.
    relapse_days
        Longest gap between two bills of one psychiatric or long-term stay.
    long_nights
        Nights from which a psychiatric stay is long by itself.
    daily_days
        Fewest visit days of an unmarked daily course (a rehabilitation class), and
    daily_span_days
        the longest time it takes.
    daily_gap_days
        A longer pause ends the course.
    weekend_share
        Largest share of its days on a weekend.
    beside_seconds
        Bills beside a session, of different patients this close, are a run.
    """

    course_days: int = 8
    days_per_month: float = 6.0
    therapy_days: int = 3
    cadence_days_per_month: int = 9
    cadence_months: int = 2
    cadence_weekdays: int = 3
    cadence_share: float = 0.85
    run_seconds: int = 45
    run_share: float = 0.5
    planned_low_days: int = 12
    planned_high_days: int = 36
    relapse_days: int = 1
    long_nights: int = 25
    daily_days: int = 12
    daily_span_days: int = 90
    daily_gap_days: int = 4
    weekend_share: float = 0.05
    beside_seconds: int = 180
    # a person's own interval between infusions, where neither diagnosis nor department is known
    cycle_low_days: int = 12
    cycle_high_days: int = 24
    cycle_slack_days: float = 2.0
    cycle_share: float = 0.75


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of visits and stays that belong to a course of treatment."""
    import ibis

    visits, stays = tables["visits"], tables["stays"]
    keys = (
        _marked_courses(visits, tables["told"], tables["marked"], params)
        .union(_cadence(visits, params), distinct=False)
        .union(_daily(visits, params), distinct=False)
        .union(_planned_stays(stays, params), distinct=False)
        .union(_continued_stays(stays, params), distinct=False)
        .distinct()
    )
    keys = keys.anti_join(_beside(visits, tables["told"], tables["marked"], params), "settlement_id")
    return keys.select(source_table=ibis.literal("settlements"), source_key=keys.settlement_id)


def told(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the settlements with an item of dialysis: settlement_id, told (1)."""
    import ibis

    items = tables["items"]
    found = items.filter(_contains(items.item_name, DIALYSIS_WORDS) & items.settlement_id.notnull())
    return found.select("settlement_id").distinct().mutate(told=ibis.literal(1))


def marked(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the visits whose treatment the data name, with its series."""
    named = _named(tables["visits"], tables["told"])
    return named.filter(named.series != "")


def _beside(visits: ir.Table, told: ir.Table, marked: ir.Table, params: Params) -> ir.Table:
    """Return what is billed beside the dialysis session of the day for another illness, or in runs of patients.

    A pool of cards may hide in a shift: what is not the session itself is not explained by it.
    """
    import ibis

    by = ["patient_id", "institution_id", "on"]
    sessions = marked.filter(marked.series == "dialysis").select(*by).distinct()
    named = _named(visits.semi_join(sessions, by), told)
    more = named.filter(named.series == "").mutate(second=lambda t: epoch_seconds(t["at"]))
    order = ibis.window(group_by=["institution_id", "on"], order_by=["second", "settlement_id"])
    never = ibis.literal(value=False)
    near = [
        ibis.coalesce(
            ((more.second - getattr(more.second, step)().over(order)).abs() <= params.beside_seconds)
            & (more.patient_id != getattr(more.patient_id, step)().over(order)), never,
        )
        for step in ("lag", "lead")
    ]
    more = more.mutate(run=(near[0] | near[1]) & ~is_midnight(more["at"]))
    return more.filter(more.run | more.other).select("settlement_id")


def _contains(text: ir.StringValue, words: tuple[str, ...]) -> ir.BooleanValue:
    import ibis

    said = text.contains(words[0])
    for word in words[1:]:
        said = said | text.contains(word)
    return ibis.coalesce(said, ibis.literal(value=False))


def _code(table: ir.Table) -> ir.StringValue:
    import ibis

    return ibis.coalesce(table.diagnosis_code.upper().substr(0, 3), ibis.literal(""))


def _is_tumour(code: ir.StringValue) -> ir.BooleanValue:
    return ((code >= "C00") & (code <= "C97")) | (code == "Z51")


def _named(visits: ir.Table, told: ir.Table) -> ir.Table:
    """Return visits with the series of treatment that the data name ("" for none), and whether they name an illness."""
    import ibis

    v = visits.left_join(told, "settlement_id")
    code = _code(v)
    department = v.department
    series = ibis.cases(
        (v.told.notnull() | code.isin(sorted(DIALYSIS_CODES)) | _contains(department, DIALYSIS_WORDS), "dialysis"),
        (_is_tumour(code) | _contains(department, THERAPY_WORDS), "therapy"),
        (code.isin(sorted(REHAB_CODES)) | _contains(department, REHAB_WORDS), "rehab"),
        else_="",
    )
    return v.select("settlement_id", "patient_id", "institution_id", "on", "at", series=series, other=(code != ""))


def _marked_courses(visits: ir.Table, told: ir.Table, marked: ir.Table, params: Params) -> ir.Table:
    """Return the settlement ids of courses that the data name."""
    course = marked.group_by("patient_id", "institution_id", "series").aggregate(
        n=marked.on.nunique(), first_on=marked.on.min(), last_on=marked.on.max()
    )
    pace = course.n * 30.0 / (days_between(course.last_on, course.first_on) + 1)
    often = (course.n >= params.course_days) & (pace >= params.days_per_month)
    therapy = (course.series == "therapy") & (course.n >= params.therapy_days)
    course = course.filter(often | therapy)
    named = _named(visits.semi_join(course, ["patient_id", "institution_id"]), told)
    same = named.inner_join(course, ["patient_id", "institution_id"])
    # a session without a diagnosis still belongs to a dialysis course; other courses take only what is marked
    own = (same.series == same.series_right) | ((same.series_right == "dialysis") & (same.series == ""))
    inside = (same.on >= same.first_on) & (same.on <= same.last_on)
    return same.filter(own & inside).select("settlement_id").distinct()


def _frequent(visits: ir.Table, least: int) -> ir.Table:
    """Return the visits of people who came to the house at least so often: few of all."""
    size = visits.group_by("patient_id", "institution_id").aggregate(n=visits.count())
    return visits.semi_join(size.filter(size.n >= least), ["patient_id", "institution_id"])


def _cadence(visits: ir.Table, params: Params) -> ir.Table:
    """Return the settlement ids of unmarked courses, recognised by their weekdays."""
    import ibis

    by = ("patient_id", "institution_id")
    visits = _frequent(visits, params.cadence_days_per_month * params.cadence_months)
    days = visits.select(*by, "on").distinct()
    month = days.group_by(*by, month=month_index(days.on)).aggregate(n=days.count())
    month = month.mutate(full=(month.n >= params.cadence_days_per_month).cast("int64"))
    lasting = month.group_by(*by).aggregate(n_months=month.count(), n_full=month.full.sum())
    lasting = lasting.filter((lasting.n_full >= params.cadence_months) & (lasting.n_full * 2 >= lasting.n_months))
    days = days.semi_join(lasting, by)
    per = days.group_by(*by, weekday=weekday(days.on)).aggregate(n=days.count())
    rank = ibis.row_number().over(ibis.window(group_by=list(by), order_by=[per.n.desc(), per.weekday]))
    per = per.mutate(rank=rank)
    fit = per.group_by(*by).aggregate(
        total=per.n.sum(), top=per.n.sum(where=per["rank"] < params.cadence_weekdays)
    )
    fit = fit.filter(fit.top >= params.cadence_share * fit.total)
    course = visits.semi_join(fit, by).select("settlement_id", *by, "on", "at")
    return course.anti_join(_running(course, params), by).select("settlement_id")


def _daily(visits: ir.Table, params: Params) -> ir.Table:
    """Return the settlement ids of unmarked daily courses: most working days of some weeks, then no more."""
    import ibis

    by = ("patient_id", "institution_id")
    visits = _frequent(visits, params.daily_days)
    days = visits.select(*by, "on").distinct()
    order = ibis.window(group_by=list(by), order_by="on")
    gap = days_between(days.on, days.on.lag().over(order))
    days = days.mutate(
        begins=ibis.coalesce(gap > params.daily_gap_days, ibis.literal(value=True)).cast("int64"),
        weekend=(weekday(days.on) >= 5).cast("int64"),
    )
    # other visits to the house, months before or after, are no part of the course and do not hide it
    days = days.mutate(episode=days.begins.sum().over(ibis.cumulative_window(group_by=list(by), order_by="on")))
    own = days.group_by(*by, "episode").aggregate(
        n=days.count(), first_on=days.on.min(), last_on=days.on.max(), n_weekend=days.weekend.sum()
    )
    fit = own.filter(
        (own.n >= params.daily_days)
        & (days_between(own.last_on, own.first_on) <= params.daily_span_days)
        & (own.n_weekend <= params.weekend_share * own.n)
    )
    both = visits.inner_join(fit.select(*by, "first_on", "last_on"), by)
    course = both.filter(both.on.between(both.first_on, both.last_on)).select("settlement_id", *by, "on", "at")
    return course.anti_join(_running(course, params), by).select("settlement_id")


def _running(course: ir.Table, params: Params) -> ir.Table:
    """Return the patients (with house) most of whose visits stand in a run of patients seconds apart."""
    import ibis

    timed = course.filter(~is_midnight(course.at))
    timed = timed.mutate(second=epoch_seconds(timed.at))
    window = ibis.window(group_by=["institution_id", "on"], order_by=["second", "settlement_id"])
    near = timed.mutate(
        before=timed.second - timed.second.lag().over(window), after=timed.second.lead().over(window) - timed.second
    )
    close = ibis.coalesce(near.before <= params.run_seconds, ibis.literal(value=False)) | ibis.coalesce(
        near.after <= params.run_seconds, ibis.literal(value=False)
    )
    near = near.mutate(close=close.cast("int64"))
    own = near.group_by("patient_id", "institution_id").aggregate(n=near.count(), n_close=near.close.sum())
    return own.filter(own.n_close > params.run_share * own.n).select("patient_id", "institution_id")


def _planned_stays(stays: ir.Table, params: Params) -> ir.Table:
    """Return the settlement ids of chemotherapy, radiotherapy and dialysis stays that recur as planned."""
    import ibis

    code = _code(stays)
    coded = stays.filter(_is_tumour(code) | code.isin(sorted(DIALYSIS_CODES)))
    window = ibis.window(group_by=["patient_id", "institution_id"], order_by=["admitted_on", "settlement_id"])
    gap = days_between(coded.admitted_on, coded.admitted_on.lag().over(window))
    coded = coded.mutate(gap=gap)
    planned = coded.gap.between(params.planned_low_days, params.planned_high_days)
    coded = coded.mutate(planned=ibis.coalesce(planned.cast("int64"), 0))
    own = coded.group_by("patient_id", "institution_id").aggregate(n=coded.count(), n_planned=coded.planned.sum())
    # two of three intervals and at least two of them keep the cycle
    fit = own.filter((own.n_planned >= 2) & (own.n_planned * 3 >= (own.n - 1) * 2))
    return coded.semi_join(fit, ["patient_id", "institution_id"]).select("settlement_id")


def _continued_stays(stays: ir.Table, params: Params) -> ir.Table:
    """Return the settlement ids of psychiatric and hospice stays that are long, or cut by a settlement date."""
    import ibis

    code = _code(stays)
    mental = (code >= "F00") & (code <= "F99")
    known = stays.filter(mental | _contains(stays.department, LONG_WORDS))
    window = ibis.window(group_by=["patient_id", "institution_id"], order_by=["admitted_on", "settlement_id"])
    known = known.mutate(
        before=days_between(known.admitted_on, known.discharged_on.lag().over(window)),
        after=days_between(known.admitted_on.lead().over(window), known.discharged_on),
        nights=days_between(known.discharged_on, known.admitted_on),
    )
    cut = ibis.coalesce(known.before.between(0, params.relapse_days), ibis.literal(value=False)) | ibis.coalesce(
        known.after.between(0, params.relapse_days), ibis.literal(value=False)
    )
    return known.filter(cut | (known.nights >= params.long_nights)).select("settlement_id")


def judge(group: Group, params: Params) -> Judgement:
    """Say which members' own cycle of some weeks explains the dates on which they met the others."""
    return judge_cycle(group, "serial_treatment", params)


EXPLANATION = Explanation(
    code="5.3",
    slug="serial_treatment",
    title="透析、放化疗、康复、精神科等系列治疗",
    optional=MappingProxyType({"items": frozenset({"item_name", "settlement_id"})}),
    uses=frozenset({"visits", "stays"}),
    steps=(("told", told), ("marked", marked)),
    rows=rows,
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人的就诊均属固定周期的系列治疗，共 {n_rows} 条，已全部剔除",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 条系列治疗记录已剔除，其余记录重新判断后仍成立",
            "holds_cycle": "成立：{n_regular} 人各按固定周期（两至三周）就诊，先后间隔与金额如常人",
            "partly_cycle": "部分成立：{n_covered} 人各按固定周期（两至三周）就诊，其余人员已重新判断",
            "fails_run": "不成立：虽有固定周期，但到店首尾相接或金额相同",
            "fails": "不成立：没有透析、放化疗、康复或精神科系列治疗记录",
            "fails_cycle": "不成立：没有透析、放化疗、康复或精神科系列治疗记录，就诊也没有固定的周内规律",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
