"""The register: every lead ever, what was decided on it, and a history that shows whether anybody changed it.

One SQLite file. Every write is an entry of the table ``history``, chained by SHA-256; all other tables are what the
entries say (:mod:`~gangfinder.leads.register.entries`), written in the same transaction, and only ever added to.
"""
