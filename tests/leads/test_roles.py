"""Roles of the hubs that built-in typologies name; those of a plug-in may stand as they are."""

from __future__ import annotations

import pytest

from gangfinder.leads.phrases import PHRASES
from gangfinder.typologies import typologies
from tests.contract import suite


@pytest.mark.parametrize("slug", typologies())
def test_roles_have_words(slug):
    """An investigator never reads a name out of our code where a hub's role should stand."""
    for verdict in suite.outcome(typologies()[slug], suite.cases_of(slug)).verdicts.values():
        for entity_type, _, role in verdict.hubs:
            assert f"role.{entity_type}.{role}" in PHRASES or f"role.{role or entity_type}" in PHRASES, role
