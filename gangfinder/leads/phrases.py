"""The fixed sentences of a lead, in the source language. Neutral words only; numbers with their basis."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gangfinder.leads.catalogue import Phrase, Value

PHRASES: Mapping[str, str] = MappingProxyType(
    {
        # headline
        "headline": "{titles}，待核实：{counts}；{window}；医保基金 {amounts}",
        "suspected": "疑似{title}",
        "stated": "{title}",
        "window": "{first} 至 {last}",
        "window.none": "时间不详",
        "amounts": "¥{low}–¥{high}",
        "amount": "¥{low}",
        "count.patient": "{n} 名参保人",
        "count.institution": "{n} 家机构",
        "count.doctor": "{n} 名医师",
        "count.operator": "{n} 名操作员",
        "count.pharmacist": "{n} 名药师",
        "count.staff": "{n} 名经办人员",
        "count.agent": "{n} 名代办人",
        "count.bank_account": "{n} 个收款账户",
        "count.phone": "{n} 个电话",
        "count.address": "{n} 个地址",
        "count.terminal": "{n} 台终端",
        "count.card": "{n} 张卡",
        "count.other": "{n} 个其他对象",
        # how explain begins
        "lead.title": "线索 {lead_id}（{status}），第 {rank} 名",
        "status.new": "新增",
        "status.grown": "扩大",
        "status.shrunk": "缩小",
        "status.unchanged": "未变",
        "status.split": "分出",
        "status.reopened": "重新列出",
        "status.dismissed": "已排除",
        "status.merged": "已并入",
        "status.vanished": "不再出现",
        # titles of the sections
        "section.routing": "移送与保密",
        "section.change": "与上一批次相比",
        "section.who": "涉及对象",
        "section.what": "发现了什么",
        "section.when": "何时发生",
        "section.surprise": "有多意外",
        "section.robust": "有多牢固",
        "section.near": "与已知案件的距离",
        "section.benign": "已检验的合理解释",
        "section.clears": "若能说明以下任一项，可排除",
        "section.records": "建议调取",
        "section.money": "金额与依据",
        "section.note": "说明",
        # what is different since the register saw a lead last
        "change.new": "首次出现。",
        "change.same": "核心成员、证据与类型均无变化。",
        "change.counts": "核心成员增加 {joined} 个、减少 {left} 个，新增证据 {rows} 条。",
        "change.aged": "减少的核心成员中，{n} 个的证据已全部早于本批次数据的起始日，不作缩小论。",
        "change.gone": "{n} 条原有证据已不成立或已撤销。",
        "change.typology": "新出现的类型：{titles}。",
        "change.amount": "涉及金额由 ¥{before} 变为 ¥{after}。",
        "change.rank": "上一批次列第 {rank} 名。",
        "change.split": "由线索 {ids} 分出。",
        "change.absorbed": "线索 {ids} 已并入本线索。",
        "change.merged": "已并入线索 {id}。",
        "change.vanished": "本批次数据中不再出现。",
        "change.reopened.vanished": "曾不再出现，本批次重新出现。",
        "change.reopened.expired": "曾被排除，排除期限已满，故重新列出。",
        "change.reopened.members": "曾被排除；此后有新的核心成员加入，故重新列出。",
        "change.reopened.typology": "曾被排除；此后出现新的类型，故重新列出。",
        "change.reopened.evidence": "曾被排除；此后在新的日期出现新的证据，故重新列出。",
        "change.reopened.merged": "曾被排除；此后有未被排除的线索并入，故重新列出。",
        # who
        "who.core": "核心——{role}（{n}）：{ids}",
        "who.associated": "相关——{role}（{n}）：{ids}",
        "who.more": "{ids} 等（其余 {n} 见 members.csv）",
        "who.labelled": "{label}（{id}）",
        # what and when
        "what.finding": "{title}：",
        "what.chance": "{sentence}；若属偶然，概率{chance}（检验 {n_tests} 组，已校正）。",
        "what.contradiction": "{sentence}；这些记录不能同时属实。",
        "what.plain": "{sentence}。",
        "when.window": "共 {n_days} 个日期，{n_rows} 条记录，{first} 至 {last}。",
        "when.day": "{day}：{n_people} 人，{n_places} 家机构，{n_rows} 条记录，¥{amount}",
        "when.day.one_place": "{day}：{n_people} 人，{n_rows} 条记录，¥{amount}",
        "when.day.subjects": "{day}：{n_places} 家机构，{n_rows} 条记录，¥{amount}",
        "when.more": "其余 {n} 个日期见 evidence.csv。",
        "when.none": "证据记录没有时间。",
        # how surprising
        "surprise.chance": "最强的一项：若各人互不相干，偶然出现这种情形的概率{chance}"
        "（共检验 {n_tests} 组，已按检验次数校正）。",
        "surprise.personal": (
            "经办情况与本人关联合并计算：若其与所办业务并无牵连，偶然同时出现的概率{chance}（已按所检验的岗位与方式校正）。"
        ),
        "surprise.contradiction": "这些记录不能同时属实；是否成立只取决于原始记录，不取决于概率。",
        "surprise.false": "在本批次与本线索同等或更意外的结果中，预计属于偶然的占比{chance}。",
        "chance.any": "不小",
        "chance.percent": "约为 {n}%",
        "chance.3": "小于千分之一",
        "chance.4": "小于万分之一",
        "chance.6": "小于百万分之一",
        "chance.9": "小于十亿分之一",
        "chance.12": "小于一万亿分之一",
        "admitted.contradiction": "列为线索的理由：存在互相矛盾的记录。",
        "admitted.two_families": "列为线索的理由：{families}方面的异常同时出现，彼此独立。",
        "admitted.single_channel": (
            "列为线索的理由：数据只有一种行为记录，同一异常独立重复出现，"
            "且在所有可检验的合理解释之后仍然成立。"
        ),
        "admitted.one_hub": (
            "列为线索的理由：这些人只由同一个代办人或账户相连，而它在同类同规模的代办人、账户中极不寻常；没有别的痕迹可比对。"
        ),
        "admitted.personal_tie": (
            "列为线索的理由：{families}方面的异常同时出现，其中一项是本人与所办对象之间的关联；单凭经办数量不列任何人。"
        ),
        "admitted.personal_contradiction": "列为线索的理由：记录显示本人与所办事项有直接的利益往来。",
        "admitted.process": "列为线索的理由：出现了流程本应拦下的记录；只说明流程，不指向任何个人。",
        "family.calendar": "日期",
        "family.tempo": "时刻与次序",
        "family.amount": "金额",
        "family.attribute": "共享信息",
        "family.control": "控制关系",
        "family.contradiction": "记录矛盾",
        "family.personal": "本人关联",
        # how robust
        "robust.rows": "随机删去 {percent}% 的证据记录（重复 {draws} 次），本线索每次都仍然成立。",
        "robust.rows.none": "随机删去一成证据记录后，本线索不一定成立；请先核实记录是否齐全。",
        "robust.neighbours": "全部检测参数同时随机变动至多两成，共 {n} 次，{k} 次仍然成立。",
        "robust.seeds": "更换随机种子 {n} 次，{k} 次得到同一群体。",
        "robust.seeds.none": "成员不经随机划分，与随机种子无关。",
        "robust.bridge.falls": "最薄弱的联结：{role} {id}（{n_rows} 条记录）；若这些记录不实，本线索不再成立。",
        "robust.bridge.stands": "最薄弱的联结：{role} {id}（{n_rows} 条记录）；即使去掉，本线索仍然成立。",
        # how near to known cases
        "near.known": "核心 {n_core} 个对象中有 {n} 个本身就是已知案件或举报对象。",
        "near.near": "核心 {n_core} 个对象中有 {n} 个经由共同机构与已知案件相连（最近 {step} 轮，倍数最高 {lift}）。",
        "near.houses": "涉及机构中有 {known} 家被举报或处罚过。",
        "near.visitors": "涉及机构中有 {near} 家的就诊人与已知案件明显重合。",
        "near.none": "与已知案件没有可见的联系。",
        "near.note": "接近已知案件只供参考，不作为证据，也不影响排序。",
        # innocent explanations
        "benign.line": "{title}——{reason}。",
        "benign.none": "该类型没有规定要检验的合理解释。",
        "benign.holds": "成立，可解释全部成员",
        "benign.partly": "可解释 {n_covered} 人，其余 {n_left} 人重新判断后仍成立",
        "benign.fails": "不成立",
        "benign.untestable": "数据不足，未能检验",
        "benign.residual": "仍余 {n_left} 人；{reason}",
        # money
        "money.range": "低值 ¥{low}：证据等级为 {grade} 的记录；高值 ¥{high}：全部证据记录。"
        "每条记录只计一次，已减退费。",
        "money.same": "金额 ¥{high}：全部证据记录，每条只计一次，已减退费。",
        "money.provisions": "可能涉及的条款（待核实）：{provisions}。",
        "money.score": "排序分 {total}，排名第 {rank}。",
        "note.suspicion": "本线索仅为疑似，不是结论，也不是鉴定意见；须经核实后方可处理。",
        "item": "{text}",
        # where a sealed lead may go
        "route.to": "仅移送纪检监察机构；不进入一般稽核流程，不向本线索所列人员透露。",
        "route.hidden": "不得经由或告知其所在单位：{offices}。",
        "route.hidden.unknown": "其所在单位数据中不详：移送前先核实，不得经由或告知该单位。",
        "route.recorded": "每次查看均须说明理由，查看人、时间和理由已记录在案。",
        # roles
        "role.cardholder": "参保人",
        "role.related_person": "关联人",
        "role.institution": "机构",
        "role.hub_institution": "枢纽机构",
        "role.pharmacy": "药店",
        "role.laboratory": "检验机构",
        "role.doctor": "医师",
        "role.operator": "操作员",
        "role.pharmacist": "药师",
        "role.terminal": "终端",
        "role.card": "医保凭证",
        "role.agent": "代办人",
        "role.payee_account": "收款账户",
        "role.payee": "收款账户",
        "role.phone.agent": "代办人电话",
        "role.contact": "联系电话",
        "role.admits": "收治机构",
        "role.bills": "结算机构",
        "role.settles": "结算机构",
        "role.attends": "主管医师",
        "role.contact_phone": "联系电话",
        "role.agent_phone": "代办人电话",
        "role.address": "地址",
        "role.staff": "经办人员",
        "role.official": "公职人员",
        "role.insider": "机构内部人员",
        "role.office": "经办机构",
        "role.doctor.operates": "经手医师",
        "role.operator.operates": "经手操作员",
        "role.terminal.operates": "集中使用的终端",
        "role.employer.enrols": "参保单位",
        "role.agent.enrols": "参保代办人",
        "role.phone.enrols": "参保代办电话",
        "role.address.home": "登记住址",
        "role.tests": "检验机构",
        "role.orders": "开单医师",
    }
)
"""Key → sentence; keys are for our code, sentences are message ids."""


def phrase(key: str, **values: Value) -> Phrase:
    """Return the sentence of that key with its values."""
    return Phrase(PHRASES[key], values)


_STEPS = ((12, "chance.12"), (9, "chance.9"), (6, "chance.6"), (4, "chance.4"), (3, "chance.3"))


def chance(log10_p: float) -> Phrase:
    """Put a probability into words.

    Parameters
    ----------
    log10_p
        Base-10 logarithm of the probability, already corrected for the number of tests.

    Returns
    -------
    Phrase
        A bound that holds ("less than one in a billion"), or from one in a thousand up a rounded share.
    """
    for power, key in _STEPS:
        if log10_p < -power:
            return phrase(key)
    percent = float(f"{100 * 10.0**log10_p:.1g}")
    return phrase("chance.percent", n=percent) if percent < 50 else phrase("chance.any")


def role_title(entity_type: str, role: str) -> Phrase:
    """Return the title of a role; a role of a plug-in that we do not know stands as it is."""
    return Phrase(PHRASES.get(f"role.{entity_type}.{role}") or PHRASES.get(f"role.{role}", role))


def status_title(status: str) -> Phrase:
    """Return the title of a lead's status; one that we do not know stands as it is."""
    return Phrase(PHRASES.get(f"status.{status}", status))
