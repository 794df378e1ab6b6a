"""Groups made of a few visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from gangfinder.model.group import Group
from gangfinder.network.visits import counted

if TYPE_CHECKING:
    from gangfinder.model.group import Counts

START = datetime(2025, 1, 6)

Visit = tuple[str, str, int, int, float]
"""Member, house, day, minute of the day, yuan."""

DESKS = {"terminal": "m_terminal_id", "operator": "m_operator_id", "doctor": "m_doctor_id"}


def group(
    visits: Sequence[Visit], others: Iterable[Visit] = (), *, units: Mapping[str, str] | None = None,
    window: float = 60, closeness: float = 0.2, trusted: bool = True, n_tests: int = 1,
    terminals: Mapping[int, str] | None = None,
) -> Group:
    """Return a group with these visits, among the visits of others.

    Parameters
    ----------
    visits
        What the members did.
    others
        What everybody else did.
    units
        Member → household.
    window, closeness, trusted
        What is known of every house.
    n_tests
        Tests to correct for.
    terminals
        Number of a visit → terminal; others have none.
    """
    rows = pd.DataFrame(
        {
            "group_id": None, "subject_type": "patient", "subject_id": who, "institution_id": house,
            "source_table": "settlements", "source_key": f"S{i:04}",
            "event_at": START + timedelta(days=day, minutes=minute), "amount": Decimal(str(yuan)), "grade": "E2",
            "shows": "session", "m_bill": round(100 * yuan),
            "m_operator_id": None, "m_doctor_id": None, "m_terminal_id": (terminals or {}).get(i),
        }
        for i, (who, house, day, minute, yuan) in enumerate(visits)
    )
    rows["event_at"] = rows["event_at"].astype("datetime64[us]")
    rows = rows.sort_values(["event_at", "source_key"], ignore_index=True)
    every = [*visits, *others]
    houses = sorted({house for _, house, _, _, _ in every})
    days = {h: len({day for _, house, day, _, _ in every if house == h}) for h in houses}
    members = tuple(sorted({who for who, *_ in visits}))
    links: Any = pd.DataFrame({"source_id": [], "target_id": [], "kind": [], "family": [], "weight": []})
    return Group(
        members[0], members, rows, links, units=units or {}, n_tests=n_tests,
        places={
            h: {"n_days": days[h], "closeness": closeness, "window": window, "trusted": float(trusted), "n_people": 9.0}
            for h in houses
        },
        calendar=_counted(Counter((h, START + timedelta(days=d)) for _, h, d, _, _ in every), "on", "n_visits"),
        hours=_counted(Counter((h, m // 15) for _, h, _, m, _ in every), "quarter", "n"),
        amounts=_counted(Counter((h, int(y)) for _, h, _, _, y in every), "yuan", "n"),
        bills=_counted(Counter((h, round(100 * y)) for _, h, _, _, y in every), "fen", "n"),
    )


def _counted(counts: Mapping[tuple[Any, ...], int], what: str, n: str) -> Mapping[str, Counts]:
    rows = [(*key, count) for key, count in counts.items()]
    frame = pd.DataFrame(rows, columns=["institution_id", what, n])
    if "on" in frame:
        frame["on"] = pd.to_datetime(frame["on"])
    return counted(frame, what, n)


def strangers(house: str = "I", days: int = 100, hours: Sequence[int] = range(8, 18)) -> list[Visit]:
    """One stranger an hour on every day, with prices from 10 to 209 yuan."""
    return [
        (f"X{day}-{hour}", house, day, 60 * hour, 10.0 + (37 * day + 11 * hour) % 200)
        for day in range(days) for hour in hours
    ]
