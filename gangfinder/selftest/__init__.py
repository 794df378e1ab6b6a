"""What would be seen in the user's own data, before anyone trusts a list: rings planted in private copies of it."""

from __future__ import annotations

from gangfinder.selftest.report import SelfTest, SizeResult, StyleResult
from gangfinder.selftest.trial import selftest
from gangfinder.selftest.writing import write_result

__all__ = ["SelfTest", "SizeResult", "StyleResult", "selftest", "write_result"]
