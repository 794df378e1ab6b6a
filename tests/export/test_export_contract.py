"""What an exporter file must declare."""

from __future__ import annotations

import pytest

from gangfinder.errors import ContractError
from gangfinder.export import Exporter, exporters
from gangfinder.export.projection import FIELDS


@pytest.mark.parametrize("disclosure", [{"leads": ("lead_id", "phone")}, {"people": ("name",)}])
def test_unknown_fields_cannot_be_disclosed(disclosure):
    with pytest.raises(ContractError):
        Exporter("x", "X", disclosure, open=lambda *_: None)  # type: ignore[arg-type, return-value]


def test_registry():
    assert list(exporters()) == sorted(exporters())
    assert {"csv_tables", "explain_lines"} <= set(exporters())


@pytest.mark.parametrize("slug", sorted(exporters()))
def test_declaration(slug: str):
    one = exporters()[slug]
    assert one.title
    assert one.discloses
    for sheet, names in one.discloses.items():
        assert len(set(names)) == len(names)
        assert set(names) <= set(FIELDS[sheet])
