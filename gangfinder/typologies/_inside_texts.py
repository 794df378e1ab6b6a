"""T20: what its leads say, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PROVISIONS = (
    "医疗保障基金使用监督管理条例 第三十六条、第四十二条",
    "社会保险法 第八十九条、第九十三条",
    "公职人员政务处分法 第三十三条",
)

CLEARS = (
    "岗位分工、排班或窗口调整的书面记录，说明该批业务为何由其办理",
    "本人已就相关亲属或利害关系申报并回避的记录",
    "与所涉人员的关系经核实不成立（同号转让、同名、地址合用）",
)

RECORDS = (
    "业务系统经办、复核日志与登录终端", "排班、请假、岗位授权记录与任职回避申报表",
    "所涉业务原始材料与复核意见、收款账户开户信息与流水",
)

_SHARE = (
    "该团伙可比业务 {n_ring} 件中有 {n_own} 件由 {staff} {done}；比照其在岗日内同一经办机构、同类业务、同一季度的份额，"
    "应约 {expected} 件（共 {n_all} 件，由其{done} {n_all_own} 件）；日期：{dates}"
)
_UNROSTERED = (
    "该团伙可比业务 {n_ring} 件中有 {n_own} 件由 {staff} {done}；没有其排班记录，未按在岗日比较，"
    "比照同一经办机构、同类业务、同一季度的份额，应约 {expected} 件（共 {n_all} 件，由其{done} {n_all_own} 件）；"
    "日期：{dates}"
)
_AMONG = "；比照其本人同一季度同类业务（共 {n_all} 件，其中如此 {n_all_odd} 件），应约 {expected} 件"


def _done(text: str, word: str) -> str:
    return text.replace("{done}", word)


SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "handled": "该笔业务由其受理",
        "reviewed": "该笔业务由其复核",
        "drawn": "由其办理的业务项下，所涉人员支取的基金",
        "tie": "该笔业务涉及与其有关联的人员、账户或机构",
        "handler_share": _done(_SHARE, "受理"),
        "reviewer_share": _done(_SHARE, "复核"),
        "handler_share_unrostered": _done(_UNROSTERED, "受理"),
        "reviewer_share_unrostered": _done(_UNROSTERED, "复核"),
        "pair_share": (
            "该团伙经同一受理人员受理的可比业务 {n_ring} 件中有 {n_own} 件由 {staff} 复核；"
            "比照其复核这些受理人员其他业务的份额，应约 {expected} 件（共 {n_all} 件，由其复核 {n_all_own} 件）"
        ),
        "quick": "{staff} 复核的该团伙业务 {n_own} 件中有 {n_odd} 件在受理后随即通过" + _AMONG,
        "off": "{staff} 经手的该团伙业务 {n_own} 件中有 {n_odd} 件在非工作时间或不在岗之日办理" + _AMONG,
        "limit": "{staff} 经手的该团伙业务 {n_own} 件中有 {n_odd} 件金额略低于审批限额" + _AMONG,
        "passed": "{staff} 复核的该团伙业务 {n_own} 件中有 {n_odd} 件未退回" + _AMONG,
        "changed": "{staff} 受理的该团伙业务 {n_own} 件中有 {n_odd} 件在受理前数日由其变更收款账户" + _AMONG,
        "tie_hub": (
            "{staff} 的{how}是该团伙的代办人、联系电话或收款账户持有人（{n_tied} 项，见于 {n_rows} 条记录）；"
            "参保人 {n_whole} 人中其本人及亲属 {n_circle} 人，该团伙此类人员与账户 {n_contacts} 个"
        ),
        "tie_holder": (
            "该团伙共用收款账户的户名与 {staff} 的{how}同名（{n_tied} 个姓名，见于 {n_rows} 条记录）；"
            "参保人 {n_whole} 人中与这些户名同名者 {n_contacts} 人，其本人及亲属 {n_circle} 人"
        ),
        "tie_member": (
            "{staff} 的{how}是该团伙成员（{n_tied} 项，见于 {n_rows} 条记录）；"
            "参保人 {n_whole} 人中其本人及亲属 {n_circle} 人，该团伙成员及其电话 {n_contacts} 个"
        ),
        "tie_house": (
            "该团伙所在机构是 {staff} 的{how}（见于 {n_rows} 条记录）；机构 {n_whole} 家中与其有关联 {n_circle} 家，"
            "该团伙涉及 {n_contacts} 家；{n_staff} 名经办人员中有 {n_staff_tied} 人与这些机构有关联"
        ),
        "word.self": "本人",
        "word.household": "同户家属",
        "word.relative": "申报的亲属",
        "word.address": "同住址人员",
        "word.owner": "本人或亲属所办机构",
        "word.former_employer": "原工作单位",
        "word.shareholder": "持股机构",
        "word.employee": "任职机构",
        "word.legal_representative": "任法定代表人的机构",
    }
)
"""Sentence templates by key; those of words put values into words."""
