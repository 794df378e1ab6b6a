"""What T13 asks of the tables: rows of houses without a contract, and what their regulars and desks did elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between
from gangfinder.model.evidence import Grade
from gangfinder.typologies._contradictions import with_rest

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.typologies.contract import Tables

SUSPENDED = ("suspended", "暂停", "中止")
ENDED = ("ended", "terminated", "解除", "终止")
EMERGENCY = "13"
DESKS = ("terminal_id", "operator_id", "doctor_id")
OWN, DESK, SHIFT, BEFORE = "while_suspended", "own_desk", "shifted_visit", "regular_before"


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T13.

    Parameters
    ----------
    before_days
        Days before the contract stopped in which regulars are counted.
    regular_visits
        Fewest visits of a regular in that time.
    after_days
        Days after it stopped in which regulars appear elsewhere.
    people
        Fewest regulars who are new at the other house.
    shift_share
        Least share, among the regulars seen anywhere in that time, of those new at the other house.
    prior_share
        Largest share of the regulars who knew the other house before.
    grace_days
        Rows so soon after the contract stopped are late bills.
    own_rows, own_days, own_people
        Fewest rows, days and patients of a house that settles while it is suspended.
    desk_rows
        Fewest rows at the other house under a desk, operator or doctor of the suspended one.
    prior_rows
        Weight, in rows, of a town without any error when other suspended houses' rate is estimated.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the houses tested, is at most this.
    """

    before_days: int = 180
    regular_visits: int = 2
    after_days: int = 30
    people: int = 5
    shift_share: float = 0.1
    prior_share: float = 0.15
    grace_days: int = 3
    own_rows: int = 15
    own_days: int = 5
    own_people: int = 5
    desk_rows: int = 8
    prior_rows: float = 200.0
    surprise_log10_p: float = -3.0


def stops_of(tables: Tables, params: Params) -> ir.Table:
    """Return when the contract of each house first stopped: house, start, end, suspended (0: it ended)."""
    import ibis

    del params
    contracts, houses = tables["contracts"], tables["institutions"]
    known = contracts.filter(contracts.status.isin([*SUSPENDED, *ENDED]))
    parts = known.select(
        house="institution_id",
        start="valid_from",
        end=ibis.coalesce(known.valid_to, add_days(known.valid_from, 365)),
        suspended=known.status.isin(SUSPENDED).cast("int64"),
    )
    marked = houses.filter(houses.suspended_from.notnull())
    parts = parts.union(
        marked.select(
            house="institution_id",
            start="suspended_from",
            end=ibis.coalesce(marked.suspended_to, add_days(marked.suspended_from, 365)),
            suspended=ibis.literal(1).cast("int64"),
        ),
        distinct=True,
    )
    first = parts.group_by("house").aggregate(start=parts.start.min())
    same = parts.inner_join(first, ["house", "start"])
    return same.group_by("house", "start").aggregate(end=same.end.max(), suspended=same.suspended.max())


def _evidence(rows: ir.Table, subject: ir.Value, shows: str, grade: ir.Value | Grade) -> ir.Table:
    import ibis

    rank = grade if not isinstance(grade, Grade) else ibis.literal(grade.value)
    measures = {name: rows[name] if name in rows.columns else ibis.literal(0.0) for name in _NUMBERS}
    return rows.select(
        group_id=ibis.literal("contract|").concat(rows.house),
        subject_type=ibis.literal("institution"),
        subject_id=subject,
        institution_id=rows.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"].cast("timestamp"),
        amount=rows.amount,
        grade=rank,
        shows=ibis.literal(shows),
        m_house=rows.house,
        m_other=rows.other if "other" in rows.columns else ibis.null().cast("string"),
        m_patient_id=rows.patient_id,
        **{name: value.cast("float64").round(9) for name, value in measures.items()},
    )


_NUMBERS = (
    "m_house_cases", "m_house_expected", "m_rest_cases", "m_rest_expected", "m_stops", "m_regulars", "m_active",
    "m_known", "m_new", "m_chance", "m_tests", "m_candidates", "m_desk_after", "m_rows_after", "m_desk_before",
    "m_rows_before",
)


def own_rows(visits: ir.Table, stops: ir.Table, params: Params) -> ir.Table:
    """Return the rows of houses while they were suspended, and how many there would be had they gone on.

    Notes
    -----
    Emergencies are lawful (visit type 13), and so are the days of grace.
    """
    import ibis

    held = stops.filter(stops.suspended == 1)
    met = visits.inner_join(held, visits.institution_id == held.house)
    inside = (met.on > add_days(met.start, params.grace_days)) & (met.on <= met.end)
    urgent = ibis.coalesce(met.visit_type == EMERGENCY, ibis.literal(value=False))
    cases = met.filter(inside & ~urgent)
    before = met.filter((met.on < met.start) & ~urgent)
    usual = before.group_by("house").aggregate(n=before.count(), first=before.on.min())
    span = visits.aggregate(last=visits.on.max())
    size = held.inner_join(usual, "house").cross_join(span)
    worked = ibis.greatest(30, days_between(size.start, size["first"])).cast("float64")
    stopped = ibis.greatest(0, days_between(ibis.least(size.end, size["last"]), size.start)).cast("float64")
    found = cases.group_by("house").aggregate(m_house_cases=cases.count())
    rate = size.select("house", m_house_expected=(size.n / worked * stopped).round(6)).left_join(found, "house")
    rate = rate.drop("house_right").mutate(m_house_cases=rate.m_house_cases.fill_null(0))
    facts = with_rest(rate, "house", "cases", "expected").cross_join(held.aggregate(m_stops=held.count()))
    rows = cases.inner_join(facts.filter(facts.m_house_cases >= params.own_rows), "house")
    return _evidence(rows, rows.house, OWN, Grade.E1)


def visits_of(tables: Tables) -> ir.Table:
    """Return the visits with the columns that are read here."""
    return tables["visits"].select(
        "settlement_id", "patient_id", "institution_id", "at", "on", "amount", "visit_type", *DESKS
    )


def _before(tables: Tables, params: Params) -> ir.Table:
    """Return the visits to houses in the time before they stopped."""
    visits, stops = visits_of(tables), tables["stops"]
    before = visits.inner_join(stops, visits.institution_id == stops.house)
    return before.filter((before.on < before.start) & (before.on >= add_days(before.start, -params.before_days)))


def _came(before: ir.Table) -> ir.Table:
    """Return who came to a house before it stopped: house, patient_id, n, last_key."""
    return before.group_by("house", "patient_id").aggregate(n=before.count(), last_key=before.settlement_id.max())


def _life(tables: Tables, params: Params) -> ir.Table:
    """Return what the people of a house that stopped do at other houses, before and after."""
    visits, came = visits_of(tables), _came(_before(tables, params))
    people = came.inner_join(tables["stops"], "house").select("house", "patient_id", "start", "end", "n")
    life = visits.inner_join(people, "patient_id")
    return life.filter(life.institution_id != life.house).mutate(other=life.institution_id)


def _earlier(life: ir.Table, params: Params) -> ir.Table:
    return life.filter((life.on < life.start) & (life.on >= add_days(life.start, -params.before_days)))


def _later(life: ir.Table, params: Params) -> ir.Table:
    return life.filter((life.on >= life.start) & (life.on <= life.end) & (life.n >= params.regular_visits))


def own_desks_of(tables: Tables, params: Params) -> ir.Table:
    """Return the desks, operators and doctors that a house used before it stopped: house, kind, desk."""
    import ibis

    del params
    visits, stops = visits_of(tables), tables["stops"]
    at_house = visits.inner_join(stops.select("house", "start"), visits.institution_id == stops.house)
    at_house = at_house.filter(at_house.on < at_house.start)
    parts = [
        at_house.filter(at_house[c].notnull()).select("house", kind=ibis.literal(c), desk=at_house[c]) for c in DESKS
    ]
    return parts[0].union(*parts[1:], distinct=True)


def pairs_of(tables: Tables, params: Params) -> ir.Table:
    """Return pairs of houses with a shift, and its numbers."""
    life = _life(tables, params)
    desks = _desk_pairs(visits_of(tables), tables["stops"], tables["own_desks"], params)
    return _pairs(_came(_before(tables, params)), _earlier(life, params), _later(life, params), desks, params)


def marked_of(tables: Tables, params: Params) -> ir.Table:
    """Return the rows of the other houses under a desk, operator or doctor of those that stopped."""
    del params
    chosen = tables["pairs"].select("house", "other").distinct()
    return _under_own_desk(_at_other(visits_of(tables), tables["stops"], chosen), tables["own_desks"])


def elsewhere(tables: Tables, params: Params) -> ir.Table:
    """Return, of houses to which many regulars of a stopped house went anew, their visits there and the desks' rows."""
    before, life, pairs, marked = _before(tables, params), _life(tables, params), tables["pairs"], tables["marked"]
    visits, came = visits_of(tables), _came(before)
    chosen = pairs.select("house", "other").distinct()
    known = _earlier(life, params).select("house", "patient_id", "other").distinct()
    new = _later(life, params).inner_join(pairs, ["house", "other"])
    new = new.anti_join(known, ["house", "patient_id", "other"])
    desks = _desk_facts(_at_other(visits, tables["stops"], chosen), marked)
    new = new.inner_join(desks, ["house", "other"])
    first = came.inner_join(new.select("house", "other", "patient_id").distinct(), ["house", "patient_id"])
    first = first.select("house", "other", settlement_id="last_key")
    back = before.select(*visits.columns, "house").inner_join(first, ["house", "settlement_id"])
    back = back.inner_join(pairs, ["house", "other"]).inner_join(desks, ["house", "other"])
    hit = new.semi_join(marked, ["house", "settlement_id"])
    rest = new.anti_join(marked, ["house", "settlement_id"])
    parts = [
        _evidence(hit, hit.house, DESK, Grade.E2),
        _evidence(rest, rest.other, SHIFT, Grade.E2),
        _evidence(hit, hit.other, SHIFT, Grade.E2),
        _evidence(back, back.house, BEFORE, Grade.E3),
    ]
    return parts[0].union(*parts[1:], distinct=False)


def _desk_pairs(visits: ir.Table, stops: ir.Table, own_desks: ir.Table, params: Params) -> ir.Table:
    """Return pairs of a stopped house and another at which its desks went to work: house, other, m_candidates."""
    own = own_desks.inner_join(stops, "house")
    parts = []
    for c in DESKS:
        met = visits.inner_join(own.filter(own.kind == c), visits[c] == own.desk)
        met = met.filter((met.institution_id != met.house) & (met.on >= met.start) & (met.on <= met.end))
        parts.append(met.select("house", "settlement_id", other="institution_id"))
    rows = parts[0].union(*parts[1:], distinct=True)
    pairs = rows.group_by("house", "other").aggregate(n=rows.count())
    pairs = pairs.filter(pairs.n >= params.desk_rows).select("house", "other")
    return pairs.cross_join(pairs.aggregate(m_candidates=pairs.count()))


def _pairs(came: ir.Table, earlier: ir.Table, later: ir.Table, desks: ir.Table, params: Params) -> ir.Table:
    """Return pairs of houses with a shift, and its numbers.

    Notes
    -----
    Only where the stopped house's desks went to work is a shift looked for, so these pairs are all that is tested.
    The chance that a regular who made v visits elsewhere in the days after is among the visitors of the other
    house is 1 − (1 − b)^v, where b is that house's share of what all visitors of the stopped house did elsewhere
    before: they live where its regulars live.
    """
    import ibis

    regular = came.filter(came.n >= params.regular_visits)
    soon = later.filter(later.on <= add_days(later.start, params.after_days))
    size = regular.group_by("house").aggregate(m_regulars=regular.count())
    active = soon.group_by("house").aggregate(m_active=soon.patient_id.nunique(), visits=soon.count())
    base = earlier.group_by("house", "other").aggregate(there=earlier.count())
    whole = earlier.group_by("house").aggregate(whole=earlier.count())
    regulars_only = earlier.semi_join(regular, ["house", "patient_id"])
    knew = regulars_only.group_by("house", "other").aggregate(m_known=regulars_only.patient_id.nunique())
    new = soon.anti_join(earlier.select("house", "patient_id", "other").distinct(), ["house", "patient_id", "other"])
    new = new.group_by("house", "other").aggregate(m_new=new.patient_id.nunique())
    p = new.filter(new.m_new >= params.people).inner_join(desks, ["house", "other"])
    p = p.inner_join(size, "house").inner_join(active, "house")
    for part, by in ((whole, ["house"]), (base, ["house", "other"]), (knew, ["house", "other"])):
        p = p.left_join(part, by).drop(*(f"{c}_right" for c in by))
    p = p.mutate(m_known=p.m_known.fill_null(0), share=(p.there.fill_null(0) + 0.5) / (p.whole.fill_null(0) + 20))
    chance = 1 - ((1 - p.share).log() * (p.visits / p.m_active)).exp()
    tests = size.aggregate(stops=size.count()).cross_join(later.aggregate(others=later.other.nunique()))
    p = p.mutate(m_chance=chance.round(9)).cross_join(tests)
    p = p.mutate(m_tests=p.stops * p.others)
    fits = (p.m_new >= params.shift_share * p.m_active) & (p.m_known <= params.prior_share * p.m_regulars)
    # the largest of several, so that a house has one partner
    best = p.filter(fits)
    order = ibis.window(group_by="house", order_by=[best.m_new.desc(), best.other])
    best = best.mutate(place=ibis.row_number().over(order))
    return best.filter(best.place == 0).select(
        "house", "other", "m_regulars", "m_active", "m_known", "m_new", "m_chance", "m_tests",
        "m_candidates",
    )


def _at_other(visits: ir.Table, stops: ir.Table, chosen: ir.Table) -> ir.Table:
    both = chosen.inner_join(stops.select("house", "start", "end"), "house")
    return visits.inner_join(both, visits.institution_id == both.other)


def _under_own_desk(rows: ir.Table, own_desks: ir.Table) -> ir.Table:
    """Return the rows of the other house under a desk, operator or doctor of the stopped one: house, settlement_id."""
    import ibis

    parts = [
        rows.filter(rows[c].notnull()).select(
            "house", "other", "settlement_id", "on", "start", "end", kind=ibis.literal(c), desk=rows[c]
        )
        for c in DESKS
    ]
    named = parts[0].union(*parts[1:], distinct=False)
    return named.semi_join(own_desks, ["house", "kind", "desk"]).select(
        "house", "other", "settlement_id", "on", "start", "end"
    ).distinct()


def _desk_facts(rows: ir.Table, marked: ir.Table) -> ir.Table:
    """Return how many rows of the other house stood under the stopped one's desks, before and after."""

    def split(table: ir.Table, before: str, after: str) -> ir.Table:
        early, late = table.on < table.start, (table.on >= table.start) & (table.on <= table.end)
        return table.group_by("house", "other").aggregate(
            **{before: early.cast("int64").sum(), after: late.cast("int64").sum()}
        )

    whole = split(rows, "m_rows_before", "m_rows_after")
    own = split(marked, "m_desk_before", "m_desk_after")
    joined = whole.left_join(own, ["house", "other"]).drop("house_right", "other_right")
    return joined.mutate(m_desk_before=joined.m_desk_before.fill_null(0), m_desk_after=joined.m_desk_after.fill_null(0))
