"""Weekly snapshots of one town, as an office would export it, with rings that have a life.

A snapshot is what the office knows at the end of a Sunday: the rows of the last weeks (a window that moves), registers
as they then stand, and nothing that happens later. Ring acts are bursts of one week, so that each enters and leaves the
window at once and what a perfect tool could say of a week is plain.
"""

from __future__ import annotations
