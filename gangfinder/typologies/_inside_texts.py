"""T20: what its leads say, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PROVISIONS = (
    "医疗保障基金使用监督管理条例 第三十六条、第四十三条",
    "社会保险法 第八十九条、第九十三条",
    "公职人员政务处分法 第三十三条",
)

CLEARS = (
    "岗位分工、排班或窗口调整的书面记录，说明该批业务为何由其办理",
    "本人已就相关亲属或利害关系申报并回避的记录",
    "同期同类业务抽样，其办理方式与他人一致",
    "与所涉人员的关系经核实不成立（同号转让、同名、地址合用）",
)

RECORDS = (
    "业务系统经办、复核日志与登录终端", "排班、请假与岗位授权记录", "所涉业务原始材料与复核意见",
    "收款账户开户信息与流水", "亲属关系与任职回避申报表",
)

_SHARE = (
    "该团伙可比业务 {n_ring} 件中有 {n_own} 件由 {staff} {done}，按其在岗日、同一经办机构、同类业务、同月的份额"
    "应约 {expected} 件（可比业务共 {n_all} 件，其中由其{done} {n_all_own} 件）；办理日期：{dates}"
)
_UNROSTERED = (
    "该团伙可比业务 {n_ring} 件中有 {n_own} 件由 {staff} {done}，按同类业务、同月的份额应约 {expected} 件"
    "（可比业务共 {n_all} 件，其中由其{done} {n_all_own} 件；没有其排班记录，未按在岗日比较）；办理日期：{dates}"
)


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
            "该团伙由同一受理人员受理的可比业务 {n_ring} 件中有 {n_own} 件由 {staff} 复核，"
            "按其复核这些受理人员其他业务的份额应约 {expected} 件（连同其他业务共 {n_all} 件，其中由其复核 {n_all_own} 件）"
        ),
        "quick": (
            "{staff} 复核的该团伙 {n_own} 件业务中有 {n_odd} 件在受理后随即通过；可比业务共 {n_all} 件，"
            "其中随即通过 {n_all_odd} 件，应约 {expected} 件"
        ),
        "off": (
            "{staff} 办理的该团伙 {n_own} 件业务中有 {n_odd} 件在非工作时间或不在岗之日办理；可比业务共 {n_all} 件，"
            "其中如此办理 {n_all_odd} 件，应约 {expected} 件"
        ),
        "limit": (
            "{staff} 办理的该团伙 {n_own} 件业务中有 {n_odd} 件金额略低于审批限额；可比业务共 {n_all} 件，"
            "其中略低于限额 {n_all_odd} 件，应约 {expected} 件"
        ),
        "passed": (
            "{staff} 复核的该团伙 {n_own} 件业务中有 {n_odd} 件未退回；可比业务共 {n_all} 件，"
            "其中未退回 {n_all_odd} 件，应约 {expected} 件"
        ),
        "changed": (
            "{staff} 受理的该团伙 {n_own} 件业务中有 {n_odd} 件在受理前数日由其变更收款账户；可比业务共 {n_all} 件，"
            "其中如此变更 {n_all_odd} 件，应约 {expected} 件"
        ),
        "tie_hub": (
            "{staff} 的{how}是该团伙的代办人、联系电话或收款账户持有人（{n_tied} 项，见于 {n_rows} 笔业务）；"
            "参保人 {n_whole} 人中其本人及亲属 {n_circle} 人，该团伙代办人、电话与共用账户共 {n_contacts} 个"
        ),
        "tie_holder": (
            "该团伙共用收款账户的户名与 {staff} 的{how}相同（{n_tied} 个姓名，见于 {n_rows} 笔业务）；"
            "参保人 {n_whole} 人中与这些户名同名者共 {n_contacts} 人，其本人及亲属 {n_circle} 人"
        ),
        "tie_member": (
            "{staff} 的{how}是该团伙成员（{n_tied} 项，见于 {n_rows} 笔业务）；参保人 {n_whole} 人中"
            "其本人及亲属 {n_circle} 人，该团伙成员及其电话共 {n_contacts} 个"
        ),
        "tie_house": (
            "{staff} 与该团伙所在机构有关联：{how}（见于 {n_rows} 笔业务）；机构 {n_whole} 家中与其有关联"
            " {n_circle} 家，该团伙涉及 {n_contacts} 家；{n_staff} 名经办人员中与这些机构有关联的有 {n_staff_tied} 人"
        ),
    }
)
"""Sentence templates by key."""
