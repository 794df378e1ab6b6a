"""Findings, explanations and metrics become ranked, explained rings."""

from gangfinder.scoring.judging import judge_groups
from gangfinder.scoring.ranking import ScoringParams, score

__all__ = ["ScoringParams", "judge_groups", "score"]
