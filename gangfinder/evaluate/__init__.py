"""How good is a list of leads: recall and precision against the truth of a synthetic town."""

from __future__ import annotations

from gangfinder.evaluate.judge import evaluate, judge
from gangfinder.evaluate.reading import SHARE, Lead
from gangfinder.evaluate.summary import summary
from gangfinder.evaluate.verdict import Evaluation, FalseLead, FoundRing, Named

__all__ = ["SHARE", "Evaluation", "FalseLead", "FoundRing", "Lead", "Named", "evaluate", "judge", "summary"]
