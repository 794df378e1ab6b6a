"""Handling: which member of staff decided on whose claims and filings.

Edges of a two-sided graph, never folded into pairs, so a busy handler costs no more than his claims. They name staff:
only the sealed pass sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.linking.contract import Linker, Tables
from gangfinder.linking.control import edges
from gangfinder.model.evidence import Family

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DECIDED = (("reimbursements", "submitted_at"), ("filings", "filed_at"))


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of handling.

    Parameters
    ----------
    handler_least_people
        Fewest people of a member of staff whose ties are written.
    """

    handler_least_people: int = 2


def link(tables: Tables, params: Params) -> ir.Table:
    """Return edges from members of staff to the people whose claims and filings they decided.

    Enrolments are left out: they would tie every employee to a desk.
    """
    parts = []
    for name, when in _DECIDED:
        table = tables[name]
        for column in ("handler_id", "reviewer_id"):
            known = table.filter(table[column].notnull() & (table[column] != ""))
            parts.append(known.select("patient_id", hub=known[column], at=known[when].cast("timestamp")))
    decided = parts[0].union(*parts[1:], distinct=False)
    return edges(decided, "handled_by", "staff", params.handler_least_people)


LINKER = Linker(
    slug="handling",
    title="Handlers and reviewers",
    family=Family.CONTROL,
    kinds=("handled_by",),
    params=Params(),
    link=link,
    optional=MappingProxyType(
        {
            "reimbursements": frozenset({"handler_id", "reviewer_id", "submitted_at"}),
            "filings": frozenset({"handler_id", "reviewer_id", "filed_at"}),
        }
    ),
)
