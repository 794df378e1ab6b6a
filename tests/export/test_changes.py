"""``changes.json``: what another system can rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from leads.made import KEY, TEXTS, facts, impersonation, pool

from gangfinder.export.changes import write_changes
from gangfinder.leads import build_leads
from gangfinder.model.lead import Change, Departure
from gangfinder.settings import Settings

LEADS = build_leads([pool(), impersonation()], facts(), Settings(), KEY, TEXTS)


def told(leads, gone, folder):
    write_changes(leads, gone, folder, TEXTS)
    return json.loads((folder / "changes.json").read_text(encoding="utf-8"))


def test_without_a_register_everything_is_new(tmp_path):
    found = told(LEADS, (), tmp_path)
    assert found["counts"] == {"new": 2}
    assert [one["rank"] for one in found["changes"]] == [1, 2]
    assert found["changes"][0]["words"]["zh"] == "首次出现。"
    assert found["changes"][0]["n_new_evidence"] == 24


def test_what_is_unchanged_is_counted_and_not_told(tmp_path):
    rested = replace(LEADS[0], status="unchanged", change=Change(previous_rank=1))
    found = told([rested], (), tmp_path)
    assert found == {"format": 1, "counts": {"unchanged": 1}, "changes": []}


def test_every_part_of_a_change_is_told(tmp_path):
    change = Change(
        previous_rank=4, joined=("P1",), left=("P8", "P9"), aged=("P8",), n_new_evidence=3, n_gone_evidence=2,
        new_typologies=("T01",), previous_amount=Decimal("10.00"), merged_from=("L-BBBBBBBB",),
        reopened_because="members",
    )
    grown = replace(LEADS[0], status="reopened", change=change)
    gone = (Departure("L-BBBBBBBB", "merged", 2, grown.lead_id), Departure("L-CCCCCCCC", "vanished", None))
    found = told([grown], gone, tmp_path)
    one, merged, vanished = found["changes"]
    assert (one["members_joined"], one["members_left"], one["members_aged"]) == (["P1"], ["P8", "P9"], ["P8"])
    assert one["words"]["zh"] == (
        "曾被排除；此后有新的核心成员加入，故重新列出。线索 L-BBBBBBBB 已并入本线索。"
        "核心成员增加 1 个、减少 2 个，新增证据 3 条。"
        "减少的核心成员中，1 个的证据已全部早于本批次数据的起始日，不作缩小论。"
        "2 条原有证据已不成立或已撤销。新出现的类型：疑似集中持卡结算。"
        "涉及金额由 ¥10.00 变为 ¥2,892.00。上一批次列第 4 名。"
    )
    assert (merged["merged_into"], merged["previous_rank"]) == (grown.lead_id, 2)
    assert (vanished["status"], vanished["words"]["zh"]) == ("vanished", "本批次数据中不再出现。")
    assert set(one) == set(merged)


def test_equal_leads_give_equal_bytes(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_changes(LEADS, (), tmp_path / name, TEXTS)
    assert (tmp_path / "a" / "changes.json").read_bytes() == (tmp_path / "b" / "changes.json").read_bytes()
