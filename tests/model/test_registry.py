"""Discovery: one file, one declaration; whatever is wrong stops the program with a sentence."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from textwrap import dedent

import pytest

from gangfinder.errors import ContractError
from gangfinder.model import registry
from gangfinder.model.registry import discover


@dataclass(frozen=True)
class Toy:
    slug: str
    code: str | None = None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that makes a package of modules out of {stem: source} and imports it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(modules, not_plugins=()):
        folder = tmp_path / "toys_room"
        folder.mkdir()
        (folder / "__init__.py").write_text(f"NOT_PLUGINS = {not_plugins!r}\n", encoding="utf-8")
        for stem, source in modules.items():
            (folder / f"{stem}.py").write_text(f"from {__name__} import Toy\n{dedent(source)}", encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module("toys_room")

    sys.modules[__name__].Toy = Toy
    yield make
    for name in [n for n in sys.modules if n == "toys_room" or n.startswith("toys_room.")]:
        del sys.modules[name]


def test_plugins_come_in_name_order_whatever_the_file_system_says(package):
    room = package({stem: f"TOY = Toy('{stem}')" for stem in ("zebra", "apple", "mango")})
    assert list(discover(room, "TOY", Toy)) == ["apple", "mango", "zebra"]


def test_contract_modules_and_private_modules_declare_nothing(package):
    room = package({"contract": "", "_private": "", "apple": "TOY = Toy('apple')"}, not_plugins=("contract",))
    assert list(discover(room, "TOY", Toy)) == ["apple"]


def test_the_registry_cannot_be_changed(package):
    found = discover(package({"apple": "TOY = Toy('apple')"}), "TOY", Toy)
    with pytest.raises(TypeError):
        found["pear"] = Toy("pear")


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({"apple": ""}, "toys_room.apple has no TOY"),
        ({"apple": "TOY = 'apple'"}, "toys_room.apple has no TOY of type Toy"),
        ({"apple": "TOY = Toy('pear')"}, "'pear' of toys_room.apple is not its file name 'apple'"),
        (
            {"apple": "TOY = Toy('apple', 'T01')", "pear": "TOY = Toy('pear', 'T01')"},
            "code T01 is declared by 'apple' and by",
        ),
    ],
)
def test_a_wrong_declaration_stops_the_program(package, modules, said):
    with pytest.raises(ContractError, match=said) as caught:
        discover(package(modules), "TOY", Toy)
    assert caught.value.hint


def third_party(monkeypatch, module):
    entry = EntryPoint(module.__name__.rsplit(".", 1)[-1], module.__name__, "toys_room")
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == "toys_room" else [])


def test_third_parties_join_by_entry_point(package, monkeypatch):
    room = package({"apple": "TOY = Toy('apple')"})
    outside = type(sys)("outside_room.pear")
    outside.TOY = Toy("pear")
    monkeypatch.setitem(sys.modules, "outside_room", type(sys)("outside_room"))
    monkeypatch.setitem(sys.modules, "outside_room.pear", outside)
    third_party(monkeypatch, outside)
    assert list(discover(room, "TOY", Toy)) == ["apple", "pear"]


def test_a_third_party_may_not_take_a_slug(package, monkeypatch):
    room = package({"apple": "TOY = Toy('apple')"})
    outside = type(sys)("outside_room.apple")
    outside.TOY = Toy("apple")
    monkeypatch.setitem(sys.modules, "outside_room", type(sys)("outside_room"))
    monkeypatch.setitem(sys.modules, "outside_room.apple", outside)
    third_party(monkeypatch, outside)
    with pytest.raises(ContractError, match="'apple' is declared twice"):
        discover(room, "TOY", Toy)
