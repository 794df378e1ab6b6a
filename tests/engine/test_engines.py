"""The engine interface: the same on every engine, and nothing lost or shifted on the way in or out."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gangfinder.engine import ENGINES, open_engine, spark
from gangfinder.errors import EngineError, EngineUnavailable, GangfinderError, SettingsError

ROWS = pa.table(
    {
        "n": pa.array([1, 2, 3, None], pa.int64()),
        "text": pa.array(["", None, "NaN", "测试 001"], pa.string()),
        "at": pa.array(
            [datetime(2025, 3, 9, 2, 30, 0, 1), None, datetime(1969, 12, 31, 23, 59, 59), datetime(1900, 1, 1)],
            pa.timestamp("us"),
        ),
        "day": pa.array([date(2024, 2, 29), date(1900, 1, 1), None, date(2099, 12, 31)], pa.date32()),
        "amount": pa.array([Decimal("0.10"), Decimal("-99999.99"), None, Decimal("1.00")], pa.decimal128(18, 2)),
        "share": pa.array([0.1, None, -0.0, 1e300], pa.float64()),
        "flag": pa.array([True, False, None, True], pa.bool_()),
    }
)


def fetched(engine, table):
    return engine.fetch(table).sort_by([("n", "ascending")])


def test_put_and_fetch_change_nothing(engine):
    """Text "NaN" stays text and null stays null: both have been swapped by a detour through pandas."""
    assert fetched(engine, engine.put("put_rows", ROWS)).equals(ROWS.sort_by([("n", "ascending")]))
    engine.drop("put_rows")


def test_load_reads_a_file_and_a_folder(engine, tmp_path):
    pq.write_table(ROWS, tmp_path / "rows.parquet")
    folder = tmp_path / "folder" / "nested"
    folder.mkdir(parents=True)
    pq.write_table(ROWS.slice(0, 2), folder / "a.parquet")
    pq.write_table(ROWS.slice(2), folder / "b.parquet")
    expected = ROWS.sort_by([("n", "ascending")])
    assert fetched(engine, engine.load("loaded", tmp_path / "rows.parquet")).equals(expected)
    assert fetched(engine, engine.load("loaded", tmp_path / "folder")).equals(expected)
    engine.drop("loaded")


def test_parquet_written_by_duckdb_is_read_alike(engine, tmp_path):
    """Intake reads in DuckDB and hands Parquet to the other engine: instants must not gain a zone."""
    source = open_engine("duckdb")
    source.put("rows", ROWS)
    source.connection.execute(f"copy rows to '{tmp_path / 'rows.parquet'}' (format parquet)")
    source.close()
    assert fetched(engine, engine.load("handed", tmp_path / "rows.parquet")).equals(ROWS.sort_by([("n", "ascending")]))
    engine.drop("handed")


def test_keep_computes_once_and_may_read_what_it_replaces(engine):
    table = engine.put("kept", pa.table({"n": pa.array([1, 2, 3], pa.int64())}))
    for _ in range(3):
        table = engine.keep("kept", table.mutate(n=table.n * 2))
    assert sorted(engine.fetch(table)["n"].to_pylist()) == [8, 16, 24]
    assert engine.fetch(engine.table("kept")).num_rows == 3
    assert "kept" in engine.tables()
    engine.drop("kept")
    engine.drop("kept")
    assert "kept" not in engine.tables()


def test_several_expressions_are_fetched_in_turn_as_one_by_one(engine):
    """The next may be asked for, and made of tables put meanwhile, while one runs."""
    table = engine.put("fetched_each", ROWS)

    def asked():
        for n in (1, 2, 3):
            put = engine.put(f"wanted_{n}", pa.table({"n": pa.array([n], pa.int64())}))
            yield table.semi_join(put, "n")

    found = list(engine.fetch_each(asked()))
    assert [rows["n"].to_pylist() for rows in found] == [[1], [2], [3]]
    assert all(rows.equals(engine.fetch(table.filter(table.n == n))) for n, rows in enumerate(found, 1))
    assert list(engine.fetch_each([])) == []
    for name in ("fetched_each", "wanted_1", "wanted_2", "wanted_3"):
        engine.drop(name)


def test_a_failure_while_several_are_fetched_reaches_the_caller(duckdb_engine):
    rows = duckdb_engine.put("texts", pa.table({"text": pa.array(["x"], pa.string())}))
    with pytest.raises(Exception, match="Conversion"):
        list(duckdb_engine.fetch_each([rows, rows.select(n=rows.text.cast("int64")), rows]))
    duckdb_engine.drop("texts")


def test_an_empty_table_keeps_its_types(engine):
    empty = engine.put("empty", ROWS.slice(0, 0))
    kept = engine.keep("empty_too", empty.filter(empty.n > 1))
    assert engine.fetch(kept).schema.types == ROWS.schema.types
    assert engine.fetch(kept).num_rows == 0
    engine.drop("empty")
    engine.drop("empty_too")


def test_a_literal_table_in_an_expression_keeps_nulls(engine):
    table = engine.put("left_rows", pa.table({"n": pa.array([1, 2], pa.int64())}))
    literal = ibis.memtable(pa.table({"n": pa.array([1, 2], pa.int64()), "text": pa.array(["a", None])}))
    joined = engine.fetch(table.join(literal, "n").select("n", "text")).sort_by([("n", "ascending")])
    assert joined["text"].to_pylist() == ["a", None]
    engine.drop("left_rows")


def test_results_have_the_types_of_the_expression(engine):
    table = engine.put("typed", ROWS)
    result = table.aggregate(
        rows=table.count(), total=table.amount.sum().cast("decimal(18,2)"), first=table.at.min(),
        share=table.share.max(),
    )
    fetched_rows = engine.fetch(result)
    assert fetched_rows.schema.types == [pa.int64(), pa.decimal128(18, 2), pa.timestamp("us"), pa.float64()]
    assert fetched_rows.to_pylist() == [
        {"rows": 4, "total": Decimal("-99998.89"), "first": datetime(1900, 1, 1), "share": 1e300}
    ]
    engine.drop("typed")


def test_nulls_sort_last_on_every_engine(engine):
    table = engine.put("nulls", pa.table({"n": pa.array([2, None, 1], pa.int64())}))
    assert engine.fetch(table.order_by(table.n.asc()))["n"].to_pylist() == [1, 2, None]
    engine.drop("nulls")


@pytest.mark.spark
def test_a_failing_query_on_spark_names_no_value(spark_engine):
    table = spark_engine.put("broken", pa.table({"text": ["测试-secret-990101"]}))
    with pytest.raises(EngineError) as caught:
        spark_engine.fetch(table.select(n=table.text.cast("int64")))
    assert "990101" not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    spark_engine.drop("broken")


@pytest.mark.spark
def test_a_second_spark_engine_leaves_the_first_alone(spark_engine, tmp_path):
    kept = spark_engine.put("mine", pa.table({"n": pa.array([1], pa.int64())}))
    other = open_engine("spark", tmp_path / "other")
    other.put("mine", pa.table({"n": pa.array([2], pa.int64())}))
    assert other.tables() == ["mine"]
    other.close()
    assert spark_engine.fetch(kept)["n"].to_pylist() == [1]
    spark_engine.drop("mine")


def test_an_unknown_engine_is_refused_with_the_nearest():
    with pytest.raises(SettingsError) as caught:
        open_engine("sparks")
    assert "spark" in caught.value.hint


def test_the_default_engine_is_the_first():
    engine = open_engine()
    assert engine.name == ENGINES[0] == "duckdb"
    engine.close()


def test_missing_java_says_what_to_install(monkeypatch, tmp_path):
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineUnavailable) as caught:
        open_engine("spark")
    assert "openjdk-17" in caught.value.hint
    assert caught.value.exit_code == 2


def test_missing_pyspark_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineUnavailable) as caught:
        open_engine("spark")
    assert "gangfinder[spark]" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "jvm"), [("4GB", "4096m"), ("512 MiB", "512m"), ("1.5g", "1536m"), ("4.0GB", "4096m")]
)
def test_memory_limits_are_read(given, jvm):
    assert spark._jvm_size(given) == jvm


@pytest.mark.parametrize("given", ["much", "", "4", "80%"])
def test_odd_memory_limits_are_refused(given):
    with pytest.raises(GangfinderError):
        spark._jvm_size(given)


def test_importing_the_engines_imports_no_engine():
    """Commands that compute nothing must not pay for the engines."""
    code = (
        "import sys, gangfinder.engine, gangfinder.engine.portable\n"
        "assert not {'ibis', 'duckdb', 'pyspark', 'pandas', 'pyarrow'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.spark
def test_a_long_session_does_not_remember_every_query(spark_engine):
    """A thousand plans of ours once filled the heap of a session until it stood still."""
    table = spark_engine.put("few", pa.table({"n": [1, 2, 3]}))
    for _ in range(40):
        spark_engine.fetch(table)
    spark_engine.drop("few")
    java = spark_engine._session._jsparkSession
    java.sparkContext().listenerBus().waitUntilEmpty()
    assert java.sharedState().statusStore().executionsCount() <= 20


@pytest.mark.spark
def test_a_small_table_in_a_join_takes_a_small_page(spark_engine):
    """Thirty of them at a sixteenth of the heap each filled it: the collector ran, and nothing else."""
    jvm = spark_engine._session._jvm
    assert jvm.org.apache.spark.SparkEnv.get().memoryManager().pageSizeBytes() <= 2**20
