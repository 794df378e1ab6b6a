"""Benign explanations: one file each, discovered. See :mod:`gangfinder.benign.contract`.

Which innocent group of the catalogue (DOMAIN §5) is explained by what, and how a synthetic town plays it:

===== ========================= ==================================================== ================================
code  look-alike                what explains it                                     played as
===== ========================= ==================================================== ================================
5.1   family, mutual aid        ``family``                                           family, child_account
5.2   care home                 ``care_home``                                        care_home
5.3   dialysis shift            ``serial_treatment``, ``dialysis_month``             dialysis, dialysis_month
5.4   village, township         ``clinic_day``; houses are compared with themselves  village_day, township_village
5.5   check-up, vaccination     ``checkup_day``                                      checkup_day, campaign
5.6   agent of a firm, village  ``local_agent``                                      company_agent, village_agent
5.7   refill day                ``refill_day``, ``renewal``                          refill_day, repeat_prescriptions
5.8   shop at a gate, station   ``through_traffic``                                  gate_pharmacy, station_pharmacy
5.9   chemotherapy, psychiatry  ``serial_treatment``, ``planned_cycle``              chemotherapy, psychiatric_stay
5.10  consortium, chain         ``referral_down``, ``relocation``                    consortium, private_chain
5.11  outbreak, accident        ``outbreak``                                         outbreak, flu_season
5.12  seasonal residents        ``through_traffic``                                  season_elders
5.13  assisted poor, no cash    no file: for the tail ``no_cash`` a stay of which    assisted_ward
                                assistance pays a part is not free, here and there
5.14  shared login              ``shared_login``                                     shared_login, central_server
5.15  staff as patients         ``house_staff``: visits only, never stays            house_staff
5.16  twins, one name, reissue  no file: a name is no identity; overlaps are judged  errors of a town
                                against chance, and at fewer than five people
                                of a house they are errors
5.17  drugs for the bed-ridden  no file: the least number of unrelated households;   carer, neighbour_pair
                                a neighbour with a card or two is no group
5.18  split packs, returns      ``trace_reuse``, and the exclusions of T03 and T04   split_pack, resold_return
===== ========================= ==================================================== ================================

Further files explain what single typologies meet (codes from 5.19; from 5.50 those of the fund's own desks, which are
asked in the sealed pass alone). Each file has its cases in
``fixtures/benign/<slug>.yml``. Whoever is covered leaves the group, and the rest is judged again. No explanation clears
a contradiction, and none clears an amount: whoever remains keeps every row that is evidence, with what was paid for it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.benign.contract import Explanation
from gangfinder.model.registry import discover

NOT_PLUGINS = ("contract", "application")

__all__ = ["Explanation", "explanations"]


@cache
def explanations() -> Mapping[str, Explanation]:
    """Return every benign explanation by slug, in name order."""
    return discover(sys.modules[__name__], "EXPLANATION", Explanation)
