"""Synthetic towns with planted rings and innocent look-alikes, for tests, demonstrations and measurements.

Everything is made up: identity numbers of regions that do not exist, phones of a reserved block, names with
测试. A planted row is written by the same rule as an honest one; only the conduct differs, and planting
leaves honest rows as they were. Not covered: people do not move house; prices do not change.
"""

from __future__ import annotations

from gangfinder.synth.settings import CORE_TYPOLOGIES, PLANTABLE, SYNTH_VERSION, TYPOLOGIES, TownSettings
from gangfinder.synth.town import Town, build_town
from gangfinder.synth.truth import Group, Truth
from gangfinder.synth.weekly.build import Snapshot, build_weeks, write_weeks
from gangfinder.synth.write import write_town

__all__ = [
    "CORE_TYPOLOGIES",
    "PLANTABLE",
    "SYNTH_VERSION",
    "TYPOLOGIES",
    "Group",
    "Snapshot",
    "Town",
    "TownSettings",
    "Truth",
    "build_town",
    "build_weeks",
    "write_town",
    "write_weeks",
]
