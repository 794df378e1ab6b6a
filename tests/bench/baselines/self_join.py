"""The floor: the bare time-bucketed self-join in DuckDB (DESIGN §7). It counts pairs and finds nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SQL = """
with own as (
    select patient_id, coalesce(terminal_id, institution_id) as place, epoch(settled_at)::bigint as second,
           epoch(settled_at)::bigint // 300 as bucket
    from read_parquet(?)
),
twice as (select *, false as shifted from own union all select patient_id, place, second, bucket + 1, true from own)
select count(*) from own join twice using (place, bucket)
where abs(own.second - twice.second) <= 300
  and (own.patient_id < twice.patient_id or (shifted and own.patient_id > twice.patient_id))
"""


def main(town: Path) -> int:
    """Return the number of pairs within five minutes at one terminal."""
    return duckdb.connect().execute(SQL, [str(town / "settlements.parquet")]).fetchone()[0]


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
