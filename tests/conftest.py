"""What every test shares: the engines, and what happens to a test that this machine cannot run.

A test whose machine lacks something (a JDK, say) is skipped with the reason. With ``GANGFINDER_REQUIRE_ALL=1`` in the
environment, as ``.ci/run`` sets it, a skip is a failure, and so is a deselected test: nothing may pass by not running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import hypothesis
import pytest

from gangfinder.engine import Engine, open_engine
from gangfinder.errors import EngineUnavailable

# a busy machine is no failure; a failing example is printed in a form that can be had again
hypothesis.settings.register_profile("gangfinder", deadline=None, print_blob=True)
hypothesis.settings.load_profile("gangfinder")

REQUIRE_ALL = os.environ.get("GANGFINDER_REQUIRE_ALL", "") not in ("", "0")

on_spark = pytest.param("spark", marks=pytest.mark.spark)
"""A parameter that runs on Spark."""


SPARK_FOR_SMALL_TABLES = {
    # compiling a query takes longer than a few thousand rows: interpret it, and let the JVM optimise little
    "PYSPARK_SUBMIT_ARGS": "--conf spark.sql.adaptive.enabled=false --conf spark.sql.codegen.wholeStage=false "
    "--conf spark.sql.codegen.factoryMode=NO_CODEGEN pyspark-shell",
    "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.fixture(scope="session")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """DuckDB with a scratch folder, one for the session."""
    engine = open_engine("duckdb", tmp_path_factory.mktemp("duckdb"), threads=2)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def spark_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Spark in local mode, one for the session: starting it takes seconds."""
    try:
        with mock.patch.dict(os.environ, SPARK_FOR_SMALL_TABLES):
            engine = open_engine("spark", tmp_path_factory.mktemp("spark"), threads=2, memory_limit="2GB")
    except EngineUnavailable as error:
        pytest.skip(f"{error.message} ({error.hint})")
    yield engine
    engine.close()


@pytest.fixture(params=["duckdb", on_spark])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn; tables left by other tests may be there under other names."""
    return request.getfixturevalue(f"{request.param}_engine")


DEAR_FIXTURES = ("synth/test_tells.py", "towns/test_hidden_rings.py")
"""Files whose tests share what takes minutes to make."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n``, keep every test that has "spark" in its id in one worker, so that one JVM serves them all.

    So are the tests of a file whose fixtures take minutes: two workers would make them twice. Only the id of a test
    reaches the scheduler; ``--dist loadgroup`` has no effect under pytest 9.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneWorkerForSpark(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if "spark" in nodeid:
                return "spark"
            file = nodeid.partition("::")[0]
            return file if file.endswith(DEAR_FIXTURES) else nodeid

    return OneWorkerForSpark(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip into a failure where everything must run."""
    report = yield
    return _no_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a module that skips itself while it is imported."""
    report = yield
    return _no_skip(report)


def _no_skip(report):
    # a strict xfail reports itself as skipped, too, but it did run
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"GANGFINDER_REQUIRE_ALL is set, so this may not be skipped: {reason}"
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Refuse a selection where everything must run."""
    if REQUIRE_ALL and items:
        message = f"GANGFINDER_REQUIRE_ALL is set, so these may not be deselected: {len(items)} tests"
        raise pytest.UsageError(message)
