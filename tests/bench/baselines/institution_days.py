"""Pairs of patients and the institution-days they have in common: what every co-visit method counts.

Days on which a house saw more than :data:`CROWD` people are left out, as in practice: their pairs fit no memory.
Run as a program: components of the pairs with at least two common institution-days, the densest first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import networkx as nx
import pandas as pd

from tests.bench.baselines.leads import write_leads

CROWD = 60
LEAST_DAYS = 2

_SQL = """
with met as (
    select distinct patient_id as who, institution_id as house, settled_at::date as day from read_parquet($settlements)
),
calm as (
    select *, dense_rank() over (order by house, day) as event
    from (select *, count(*) over (partition by house, day) as crowd from met) where crowd <= $crowd
)
select a.who as low, b.who as high, count(*) as days
from calm a join calm b on a.event = b.event and a.who < b.who
group by all having count(*) >= $least
"""

_EVENTS = """
select count(distinct (institution_id, settled_at::date)) as events from read_parquet($settlements)
"""

_DEGREES = """
select patient_id as who, count(distinct (institution_id, settled_at::date)) as days
from read_parquet($settlements) group by all
"""


def common_days(town: Path, least: int = LEAST_DAYS) -> pd.DataFrame:
    """Return low, high, days: pairs with at least so many common institution-days."""
    given = {"settlements": str(town / "settlements.parquet"), "crowd": CROWD, "least": least}
    return duckdb.connect().execute(_SQL, given).df()


def degrees(town: Path) -> tuple[pd.Series, int]:
    """Return the number of institution-days of every patient, and of all together."""
    given = {"settlements": str(town / "settlements.parquet")}
    connection = duckdb.connect()
    own = connection.execute(_DEGREES, given).df().set_index("who")["days"]
    return own, int(connection.execute(_EVENTS, given).fetchone()[0])


def components(pairs: pd.DataFrame) -> list[list[str]]:
    """Return the connected groups, those with the most days per member first."""
    graph = nx.from_pandas_edgelist(pairs, "low", "high", edge_attr="days")
    groups = [sorted(c) for c in nx.connected_components(graph)]
    knit = {g[0]: graph.subgraph(g).size(weight="days") / len(g) for g in groups}
    return sorted(groups, key=lambda g: (-knit[g[0]], g))


def main(town: Path, out: Path) -> None:
    """Find and write."""
    print(write_leads(out, components(common_days(town))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
