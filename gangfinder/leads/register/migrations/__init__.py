"""Migrations of the register, run by alembic when a register is opened."""

from __future__ import annotations

HEAD = "r0001"
"""The newest revision; a test compares it to the files."""
