"""Sales of traced boxes, after the duplicates that are nobody's doing are taken out (DOMAIN §5.18).

Left out: opened packs sold by the piece, lines brought back, refunded settlements (the visits are net of refunds), the
same sale uploaded again (one person, one house, one day counts once), codes too short to be codes, and codes that
stand on different drugs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gangfinder.engine.portable import first_rows

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.model.registry import Requirements
    from gangfinder.typologies.contract import Tables

PIECES = ("片", "粒", "丸", "支", "袋", "贴", "ml", "mL", "g", "克", "毫升")
"""Units of what is inside a box: such a line is a part of a box."""

CODE_CHARACTERS = 15
"""Fewest characters of a trace code; the national ones have 20."""

ITEM_COLUMNS = frozenset({"line_no", "split_pack", "returned", "quantity", "unit"})
"""Optional columns of ``items`` that tell a whole box from a part of one and from one that came back."""

REQUIRES: Requirements = MappingProxyType({"items": frozenset({"trace_code", "settlement_id"})})
"""What a typology of traced boxes cannot do without."""


def whole_boxes(items: ir.Table) -> ir.Table:
    """Return the lines that hand over whole traced boxes: code, key (settlement), item, line."""
    import ibis

    no = ibis.literal(value=False)
    boxes = items.filter(items.trace_code.notnull() & (items.trace_code.length() >= CODE_CHARACTERS))
    boxes = boxes.filter(~ibis.coalesce(boxes.split_pack, no) & ~ibis.coalesce(boxes.returned, no))
    boxes = boxes.filter((ibis.coalesce(boxes.quantity, 1.0) > 0) & ~ibis.coalesce(boxes.unit.isin(PIECES), no))
    return boxes.select(code="trace_code", key="settlement_id", item="item_code", line="line_no")


def lines_again(tables: Tables, params: Any) -> ir.Table:  # noqa: ANN401, ARG001 - the signature of a step
    """Return the lines of boxes whose code stands on more than one line: a step that the typologies of boxes share."""
    boxes = whole_boxes(tables["items"])
    # counted by the code alone first: nearly all codes stand once, and everything dearer is done on the others
    often = boxes.group_by("code").aggregate(n=boxes.count())
    return boxes.semi_join(often.filter(often.n > 1), "code")


def boxes_again(tables: Tables, params: Any) -> ir.Table:  # noqa: ANN401, ARG001 - the signature of a step
    """Return the sales of boxes that were settled more than once: a step that the typologies of traced boxes share.

    Parameters
    ----------
    tables
        ``lines_again``; ``visits`` net of refunds.
    params
        Not read.

    Returns
    -------
    ir.Table
        code, item, key (settlement), line, patient_id, house, at, on, amount (fund money of the settlement, yuan); one
        row for each code, person, house and day.
    """
    lines, visits = tables["lines_again"], tables["visits"]
    odd = lines.group_by("code").aggregate(low=lines.item.min(), high=lines.item.max())
    lines = lines.anti_join(odd.filter(odd.low != odd.high), "code")
    lines = lines.group_by("code", "key").aggregate(item=lines.item.min(), line=lines.line.min())
    sold = lines.inner_join(
        visits.select("patient_id", "at", "on", "amount", key="settlement_id", house="institution_id"), "key"
    )
    return first_rows(sold, ("code", "patient_id", "house", "on"), ("at", "key"))


def owners(institutions: ir.Table) -> ir.Table:
    """Return house, owner: the parent, the house itself where it is a parent, else its credit code; null: unknown."""
    import ibis

    heads = institutions.filter(institutions.parent_id.notnull()).select(head="parent_id").distinct()
    houses = institutions.select("parent_id", "uscc", house="institution_id")
    joined = houses.left_join(heads, houses.house == heads["head"])
    return joined.select("house", owner=ibis.coalesce(joined.parent_id, joined["head"], joined.uscc))
