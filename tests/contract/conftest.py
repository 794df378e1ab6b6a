"""The asserts of the suites say what they compared, as those of test modules do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.contract.suite", "tests.contract.suite_linkers", "tests.contract.suite_partitions", "tests.typologies.cases"
)
