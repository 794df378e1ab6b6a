"""Trace codes: the same box sold twice (DOMAIN T04), after the legal duplicates are taken out.

Not counted: split packs, returned lines, refunded settlements, the same settlement uploaded again, two sales at one
house (a goods swap is another matter), sales less than a day apart, and sales between houses of one owner (stock moved
inside a chain). The second buyer of a box is never tied to anything: he is more likely a victim.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between
from gangfinder.linking.contract import Linker, Tables
from gangfinder.linking.shared_attribute import rarity
from gangfinder.model.evidence import Family

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of trace-code links.

    Parameters
    ----------
    least_days, most_days
        Days between two sales of one code.
    code_sales
        A code with more sales than this is a typed constant, not a box.
    code_characters
        Fewest characters of a code.
    flow_boxes
        Fewest boxes that make a flow from one house to another.
    source_boxes
        Fewest boxes of a person that came up again at one house before he is tied to others there.
    sink_cap_people
        Most people whose boxes came up at one house, for them to be tied in pairs.
    """

    least_days: int = 2
    most_days: int = 180
    code_sales: int = 6
    code_characters: int = 15
    flow_boxes: int = 3
    source_boxes: int = 2
    sink_cap_people: int = 40


def link(tables: Tables, params: Params) -> ir.Table:
    """Return flows of boxes between houses, and ties between people whose boxes came up at the same house."""
    again = resales(tables, params)
    return _flows(again, params).union(_sources(again, params), distinct=False)


def resales(tables: Tables, params: Params) -> ir.Table:
    """Return boxes sold a second time elsewhere: code, patient_id, house, at (first sale), sink, again_at."""
    import ibis

    sold = _sales(tables, params)
    window = ibis.window(group_by="code", order_by=["at", "settlement_id"])
    after = sold.mutate(
        sink=sold.house.lead().over(window), sink_owner=sold.owner.lead().over(window),
        again_at=sold["at"].lead().over(window),
    )
    gap = days_between(after.again_at.date(), after["at"].date())
    elsewhere = after.filter((after.sink != after.house) & gap.between(params.least_days, params.most_days))
    inside = ibis.coalesce(elsewhere.owner == elsewhere.sink_owner, ibis.literal(value=False))
    return elsewhere.filter(~inside).select("code", "patient_id", "house", "at", "sink", "again_at")


def _sales(tables: Tables, params: Params) -> ir.Table:
    """Return the sales of traced boxes that stand: code, settlement_id, patient_id, house, at, owner."""
    import ibis

    items, settlements, institutions = tables["items"], tables["settlements"], tables["institutions"]
    no = ibis.literal(value=False)
    boxes = items.filter(items.trace_code.notnull() & (items.trace_code.length() >= params.code_characters))
    boxes = boxes.filter(~ibis.coalesce(boxes.split_pack, no) & ~ibis.coalesce(boxes.returned, no))
    boxes = boxes.filter(ibis.coalesce(boxes.quantity, 1.0) > 0)
    refunded = settlements.filter(settlements.reversed_settlement_id.notnull())
    refunded = refunded.select(settlement_id=refunded.reversed_settlement_id).distinct()
    stand = settlements.filter(~ibis.coalesce(settlements.reversed, no) & (settlements.fund_amount >= 0))
    stand = stand.filter(stand.reversed_settlement_id.isnull()).anti_join(refunded, "settlement_id")
    stand = stand.select(
        "settlement_id", "patient_id", house=stand.institution_id,
        at=ibis.coalesce(stand.occurred_at, stand.settled_at).cast("timestamp"),
    )
    # a code may stand on several lines of one settlement: one sale
    lines = boxes.select(code=boxes.trace_code, settlement_id=boxes.settlement_id).distinct()
    sold = lines.inner_join(stand, "settlement_id")
    often = sold.group_by("code").aggregate(n=sold.count())
    sold = sold.semi_join(often.filter((often.n > 1) & (often.n <= params.code_sales)), "code")
    owner = ibis.coalesce(institutions.parent_id, institutions.uscc)
    owners = institutions.select(house=institutions.institution_id, owner=owner)
    joined = sold.left_join(owners, "house")
    return joined.select("code", "settlement_id", "patient_id", "house", "at", "owner")


def _flows(again: ir.Table, params: Params) -> ir.Table:
    """Return directed links from the house of the first sale to that of the second."""
    import ibis

    flow = again.group_by("house", "sink").aggregate(
        boxes=again.code.nunique(), first_at=again.again_at.min(), last_at=again.again_at.max()
    )
    flow = flow.filter(flow.boxes >= params.flow_boxes)
    weight = flow.boxes.cast("float64")
    return _as_links(flow, "trace_flow", "institution", flow.house, flow.sink, flow.boxes, ibis.literal(2), weight)


def _sources(again: ir.Table, params: Params) -> ir.Table:
    """Return ties between people whose boxes came up again at the same house."""
    import ibis

    own = again.group_by("sink", "patient_id").aggregate(
        boxes=again.code.nunique(), first_at=again["at"].min(), last_at=again["at"].max()
    )
    own = own.filter(own.boxes >= params.source_boxes)
    size = own.group_by("sink").aggregate(people=own.count())
    fit = own.inner_join(size.filter((size.people > 1) & (size.people <= params.sink_cap_people)), "sink")
    left = fit.select("sink", "people", "boxes", "first_at", "last_at", a=fit.patient_id)
    right = left.rename({f"{c}_r": c for c in left.columns})
    met = left.inner_join(right, [left.sink == right.sink_r, left.a < right.a_r])
    met = met.mutate(
        both=ibis.least(met.boxes, met.boxes_r), rarity=rarity(met.people),
        early=ibis.least(met.first_at, met.first_at_r), late=ibis.greatest(met.last_at, met.last_at_r),
    )
    tied = met.group_by("a", "a_r").aggregate(
        boxes=met.both.sum(), sinks=met.sink.nunique(), weight=met.rarity.sum(), first_at=met.early.min(),
        last_at=met.late.max(),
    )
    return _as_links(tied, "trace_source", "patient", tied.a, tied.a_r, tied.boxes, tied.sinks, tied.weight.round(9))


def _as_links(
    table: ir.Table, kind: str, entity: str, source: ir.Value, target: ir.Value, events: ir.Value, places: ir.Value,
    weight: ir.Value,
) -> ir.Table:
    import ibis

    return table.select(
        kind=ibis.literal(kind), family=ibis.literal(Family.CALENDAR.value), source_type=ibis.literal(entity),
        source_id=source, target_type=ibis.literal(entity), target_id=target, n_events=events.cast("int64"),
        n_places=places.cast("int64"), expected=ibis.literal(0.0), log10_p=ibis.literal(0.0), weight=weight,
        first_at=table.first_at, last_at=table.last_at,
    )


LINKER = Linker(
    slug="trace_code",
    title="Boxes sold a second time elsewhere",
    family=Family.CALENDAR,
    kinds=("trace_flow", "trace_source"),
    params=Params(),
    link=link,
    requires=MappingProxyType({"items": frozenset({"trace_code", "settlement_id"})}),
    optional=MappingProxyType(
        {
            "items": frozenset({"split_pack", "returned", "quantity"}),
            "settlements": frozenset({"occurred_at", "reversed", "reversed_settlement_id"}),
            "institutions": frozenset({"parent_id", "uscc"}),
        }
    ),
)
