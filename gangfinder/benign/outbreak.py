"""Outbreaks, accidents and treatment campaigns: one wave of one diagnosis, never repeated (DOMAIN §5.11)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, floor_divide

if TYPE_CHECKING:
    import ibis.expr.types as ir

# ICD-10 blocks that spread or strike together, by the range of their three-character codes
EPIDEMIC = (("A00", "B99"), ("J00", "J22"), ("S00", "T14"), ("T51", "T62"), ("U07", "U07"))
CAMPAIGN = (("H25", "H26"), ("H40", "H40"), ("K40", "K40"))  # cataract, glaucoma, hernia: public treatment schemes
PUBLIC_SCHEME_STAYS = 2  # two eyes
_PERIODS = 3  # a wave is counted with both neighbouring periods


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the outbreak explanation.

    Parameters
    ----------
    wave_days
        Length of the period in which a wave is looked for; neighbouring periods are added to it.
    wave_people
        Fewest people admitted with the diagnosis group in a wave.
    wave_factor
        Least ratio of the wave to the mean of the diagnosis group over all periods.
    wave_institutions
        Houses over which a wave spreads; in one house it must come from one employer, school or village.
    one_source_share
        Least share of a one-house wave that comes from one employer, school or village.
    back_share, back_people
        A wave is repeated, and explained by nothing, when this share of its people, and so many of them, were in
        another of the house's waves: who falls ill of one outbreak seldom falls ill of the next one.
    """

    wave_days: int = 7
    wave_people: int = 5
    wave_factor: float = 3.0
    wave_institutions: int = 2
    one_source_share: float = 0.6
    back_share: float = 0.3
    back_people: int = 3


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of the stays that one wave explains."""
    import ibis

    stays = _coded(tables, params)
    epidemic = _unrepeated(stays.semi_join(_epidemic(stays, params), "settlement_id"), 1, params)
    campaign = _unrepeated(stays.semi_join(_campaign(stays, params), "settlement_id"), PUBLIC_SCHEME_STAYS, params)
    keys = epidemic.union(campaign, distinct=False).distinct()
    return keys.select(source_table=ibis.literal("settlements"), source_key=keys.settlement_id)


def _coded(tables: Tables, params: Params) -> ir.Table:
    """Return stays with their diagnosis group, where the person comes from, and the period."""
    import ibis

    stays, patients = tables["stays"], tables["patients"]
    known = stays.filter(stays.diagnosis_code.notnull() & stays.admitted_on.notnull())
    source = patients.select("patient_id", work=patients.employer, home=patients.address.substr(0, 12))
    period = floor_divide(days_between(known.admitted_on, ibis.date("1970-01-01")), params.wave_days)
    known = known.select(
        "settlement_id", "patient_id", "institution_id", code=known.diagnosis_code.upper().substr(0, 3), period=period
    )
    return known.left_join(source, "patient_id").drop("patient_id_right")


def _within(code: ir.StringValue, ranges: tuple[tuple[str, str], ...]) -> ir.BooleanValue:
    inside = (code >= ranges[0][0]) & (code <= ranges[0][1])
    for low, high in ranges[1:]:
        inside = inside | ((code >= low) & (code <= high))
    return inside


def _unrepeated(waves: ir.Table, most: int, params: Params) -> ir.Table:
    """Return the keys of stays in waves of a house whose people were in no more of its waves than ``most`` allows."""
    own = waves.group_by("patient_id", "institution_id").aggregate(
        n=waves.count(), apart=waves.period.max() - waves.period.min()
    )
    # a wave that crosses the border of two periods is one
    back = own.filter((own.n > most) & (own.apart > 1)).select("patient_id", "institution_id")
    size = waves.group_by("institution_id", "period").aggregate(n_people=waves.patient_id.nunique())
    again = waves.semi_join(back, ["patient_id", "institution_id"])
    again = again.group_by("institution_id", "period").aggregate(n_back=again.patient_id.nunique())
    both = size.inner_join(again, ["institution_id", "period"])
    gone = both.filter((both.n_back >= params.back_people) & (both.n_back >= params.back_share * both.n_people))
    return waves.anti_join(gone, ["institution_id", "period"]).select("settlement_id")


def _once(stays: ir.Table, most: int) -> ir.Table:
    """Return the stays of people who lay in hospital with this diagnosis group at most so often."""
    own = stays.group_by("patient_id", "code").aggregate(n=stays.count())
    return stays.semi_join(own.filter(own.n <= most), ["patient_id", "code"])


def _epidemic(stays: ir.Table, params: Params) -> ir.Table:
    import ibis

    once = _once(stays.filter(_within(stays.code, EPIDEMIC)), 1)
    wave = _excess(once, ("code",), params)
    house = _excess(once, ("code", "institution_id"), params)
    spread = house.semi_join(wave, ["code", "period"]).group_by("code", "period")
    wide = spread.aggregate(n_houses=lambda t: t.institution_id.nunique())
    wide = wide.filter(wide.n_houses >= params.wave_institutions)
    in_wide = once.semi_join(wide, ["code", "period"]).select("settlement_id")
    kept = [in_wide]
    for origin in ("work", "home"):
        local = once.filter(once[origin].notnull() & (once[origin] != ""))
        size = local.group_by("code", "institution_id", "period", origin).aggregate(n_local=local.patient_id.nunique())
        size = size.inner_join(house, ["code", "institution_id", "period"])
        fit = size.filter(
            (size.n_local >= params.wave_people)
            & (size.n_local >= params.one_source_share * ibis.greatest(size.n_here, 1))
        )
        kept.append(local.semi_join(fit, ["code", "institution_id", "period", origin]).select("settlement_id"))
    return kept[0].union(*kept[1:], distinct=False)


def _excess(stays: ir.Table, by: tuple[str, ...], params: Params) -> ir.Table:
    """Return the periods in which a diagnosis group stands far above its own mean: ``by``, period, n_here.

    Notes
    -----
    A wave that crosses the border of two periods counts in both: the neighbour's people are added.
    """
    import ibis

    span = stays.aggregate(periods=stays.period.max() - stays.period.min() + 1)
    counted = stays.group_by(*by, "period").aggregate(n_here=stays.patient_id.nunique())
    window = ibis.window(group_by=list(by), order_by="period")
    earlier, later = counted.period.lag().over(window), counted.period.lead().over(window)
    near = counted.mutate(
        before=ibis.ifelse(earlier == counted.period - 1, counted.n_here.lag().over(window), 0),
        after=ibis.ifelse(later == counted.period + 1, counted.n_here.lead().over(window), 0),
    )
    near = near.mutate(n_wave=near.n_here + ibis.coalesce(near.before, 0) + ibis.coalesce(near.after, 0))
    total = counted.group_by(*by).aggregate(total=counted.n_here.sum())
    joined = near.inner_join(total, list(by)).cross_join(span)
    least = params.wave_people if "institution_id" not in by else max(2, params.wave_people // 2)
    elsewhere = (joined.total - joined.n_wave) / joined.periods.cast("float64")
    fit = joined.filter((joined.n_wave >= least) & (joined.n_wave >= _PERIODS * params.wave_factor * elsewhere))
    return fit.select(*by, "period", "n_here")


def _campaign(stays: ir.Table, params: Params) -> ir.Table:
    once = _once(stays.filter(_within(stays.code, CAMPAIGN)), PUBLIC_SCHEME_STAYS)
    wave = once.group_by("institution_id", "period").aggregate(n=once.patient_id.nunique())
    fit = wave.filter(wave.n >= params.wave_people)
    return once.semi_join(fit, ["institution_id", "period"]).select("settlement_id")


EXPLANATION = Explanation(
    code="5.11",
    slug="outbreak",
    title="疫情、事故伤害或政府救治项目的集中住院",
    requires=MappingProxyType({"settlements": frozenset({"diagnosis_code"})}),
    optional=MappingProxyType({"patients": frozenset({"employer", "address"})}),
    uses=frozenset({"stays"}),
    rows=rows,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人的集中住院属同一诊断的单次波峰（或一人一次的救治项目），没有重复，已全部剔除",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 次住院属单次波峰，已剔除，其余住院重新判断后仍成立",
            "fails": "不成立：集中住院多次重复，或诊断分散，不是单次波峰",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
