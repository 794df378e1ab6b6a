"""Keyed pseudonyms, masks, and the key file."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.errors import SettingsError
from gangfinder.leads.tokens import TOKEN_TYPES, Key, load_key, masked, shown_id
from gangfinder.settings import Settings

KEY, OTHER = Key(b"a" * 32), Key(b"b" * 32)


def test_token_has_type_and_sixteen_characters():
    kind, code = KEY.token("phone", "19900001234").split(":")
    assert (kind, len(code)) == ("phone", 16)


def test_token_depends_on_key_and_type_and_not_on_spaces():
    value = "19900001234"
    assert KEY.token("phone", value) != OTHER.token("phone", value)
    assert KEY.token("phone", value).split(":")[1] != KEY.token("bank_account", value).split(":")[1]
    assert KEY.token("phone", " 199 0000 1234 ") == KEY.token("phone", value)


def test_key_does_not_show_itself():
    assert "a" * 8 not in repr(KEY)


@given(st.sampled_from(sorted(TOKEN_TYPES)), st.text(min_size=6))
def test_neither_id_nor_label_holds_the_value(entity_type: str, value: str):
    bare = "".join(value.split())
    if len(bare) < 6:
        return
    assert bare not in shown_id(KEY, entity_type, value)
    assert bare not in masked(entity_type, value) or set(bare) == {"*"}


@pytest.mark.parametrize(
    ("entity_type", "value", "label"),
    [
        ("phone", "19900000000", "199****0000"),
        ("phone", "12345", "****"),
        ("bank_account", "6222000011112222", "****2222"),
        ("agent", "990101199001011234", "990101************"),
        ("agent", "19900000000", "199****0000"),
        ("address", "某省某市某区某路一百号", "某省某市某区***"),
        ("address", "某村", "***"),
        ("patient", "P1", ""),
    ],
)
def test_masks(entity_type: str, value: str, label: str):
    assert masked(entity_type, value) == label


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("GANGFINDER_KEY_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_key_is_made_once_and_is_private(home):
    first, second = load_key(Settings()), load_key(Settings())
    file = home / "gangfinder" / "key"
    assert first.token("phone", "1") == second.token("phone", "1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == ["key"]


def test_named_key_wins_and_is_never_made(home, monkeypatch):
    named = home / "named"
    monkeypatch.setenv("GANGFINDER_KEY_FILE", str(named))
    with pytest.raises(SettingsError, match="cannot be read"):
        load_key(Settings())
    named.write_text("k" * 64)
    named.chmod(0o600)
    assert load_key(Settings()).token("phone", "1") == Key(b"k" * 64).token("phone", "1")


def test_key_that_others_can_read_is_refused(home):
    file = home / "key"
    file.write_text("k" * 64)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="read by others"):
        load_key(Settings(key_file=file))


def test_short_key_is_refused(home):
    file = home / "key"
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="too short"):
        load_key(Settings(key_file=file))
