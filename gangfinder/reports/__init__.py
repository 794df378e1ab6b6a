"""The weekly report (周报) and the ledger (台账): numbers of a register, as XLSX, HTML and Markdown.

Every number is a query on the register; all formats print one document, so that they cannot differ. Nothing here knows
the clock: the same register and week give the same bytes.
"""

from __future__ import annotations
