"""Settings: defaults, file, options, overrides, digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from gangfinder.errors import SettingsError
from gangfinder.settings import Settings, read_settings


@dataclass(frozen=True)
class Params:
    gap_minutes: float = 5.0
    least: int = 3
    yuan: Decimal = Decimal(100)
    kinds: tuple[str, ...] = ("a",)
    codes: frozenset[str] = field(default_factory=frozenset)
    on: bool = True
    limit: int | None = None


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_is_the_defaults():
    assert read_settings(None) == Settings()


def test_options_win_over_the_file_and_absent_ones_do_not(tmp_path):
    path = file(tmp_path, 'seed = 3\nlang = "en"\nminimum_amount = 2500.5')
    read = read_settings(path, seed=9, lang=None)
    assert (read.seed, read.lang, read.minimum_amount) == (9, "en", Decimal("2500.5"))


def test_relative_key_file_is_meant_from_the_settings_file(tmp_path):
    assert read_settings(file(tmp_path, 'key_file = "key"')).key_file == tmp_path / "key"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("sed = 1", "seed"),
        ("[typologie.x]\na = 1", "typologies"),
        ("minimum_amout = 3", "minimum_amount"),
    ],
)
def test_unknown_names_come_with_the_nearest(tmp_path, text: str, near: str):
    with pytest.raises(SettingsError) as caught:
        read_settings(file(tmp_path, text))
    assert near in str(caught.value.hint)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "seed = ",
        'seed = "one"',
        "seed = true",
        "reject_share = 1.5",
        'lang = "de"',
        "top = 0",
        "threads = 0",
        "memory_gb = 0",
        "minimum_amount = -1",
        'minimum_amount = "many"',
        "[typologies]\nx = 1",
    ],
)
def test_bad_values_are_a_sentence(tmp_path, text: str):
    with pytest.raises(SettingsError) as caught:
        read_settings(file(tmp_path, text))
    assert caught.value.hint


def test_absent_file_and_wrong_encoding(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "no.toml")
    (tmp_path / "s.toml").write_bytes("lang = '中'".encode("gb18030"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_settings(tmp_path / "s.toml")


def test_parameters_of_plugins_are_replaced_in_their_own_type(tmp_path):
    values = (
        "gap_minutes = 7",
        "yuan = 12.5",
        "kinds = ['b', 'c']",
        "codes = ['z']",
        "on = false",
        "limit = 4",
    )
    text = "\n".join(("[typologies.x]", *values))
    read = read_settings(file(tmp_path, text))
    assert read.tuned("typologies", Params(), "x") == Params(
        7.0, 3, Decimal("12.5"), ("b", "c"), frozenset({"z"}), on=False, limit=4
    )
    assert read.tuned("typologies", Params(), "y") == Params()


@pytest.mark.parametrize(
    "text", ["gap_minute = 7", 'least = "3"', "least = 2.5", "kinds = 'b'", "on = 1", "yuan = 'x'"]
)
def test_wrong_parameters_are_a_sentence(tmp_path, text: str):
    read = read_settings(file(tmp_path, f"[typologies.x]\n{text}"))
    with pytest.raises(SettingsError) as caught:
        read.tuned("typologies", Params(), "x")
    assert "typologies.x" in caught.value.message


def test_unknown_plugins_come_with_the_nearest(tmp_path):
    read = read_settings(file(tmp_path, "[benign.familly]\na = 1"))
    read.check_slugs("typologies", ["family"])
    with pytest.raises(SettingsError) as caught:
        read.check_slugs("benign", ["family", "outbreak"])
    assert "family" in str(caught.value.hint)


def test_section_without_parameters(tmp_path):
    read = read_settings(file(tmp_path, "[scoring]\na = 1"))
    with pytest.raises(SettingsError):
        read.tuned("scoring", None)


def test_digest_is_what_changes_leads():
    base = Settings()
    assert base.digest == Settings(threads=2, memory_gb=1.5, key_file=Path("k")).digest
    assert base.digest != Settings(seed=2).digest
    assert base.digest != Settings(overrides={"scoring": {"top": 3}}).digest


def test_plain_form_is_json():
    import json

    assert json.loads(json.dumps(Settings(overrides={"rings": {"a": 1}}).to_json()))["overrides"] == {
        "rings": {"a": 1}
    }
