"""Source values → typed values, as SQL: the one place that knows how dates, amounts and flags are written.

Every expression yields NULL for what it cannot read and never raises: one bad value costs a row, not a run.
"""

from __future__ import annotations

from gangfinder.model.tables import Kind

PHYSICAL: dict[Kind, str] = {
    Kind.ID: "VARCHAR",
    Kind.CODE: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.INSTANT: "TIMESTAMP",
    Kind.DATE: "DATE",
    Kind.MONEY: "DECIMAL(18,2)",
    Kind.NUMBER: "DOUBLE",
    Kind.COUNT: "BIGINT",
    Kind.FLAG: "BOOLEAN",
}
"""The physical type of each kind in a canonical table."""

FIRST_DAY = "1901-01-01"
LAST_DAY = "2098-12-31"
"""Dates from FIRST_DAY to LAST_DAY are dates. Years up to 1900 and from 2099 on are what systems write for
"since ever" and "for ever" (1900-01-01, 2099-12-31, 9999-12-31); on none of them did anything happen."""

_SPACE = r"[\s\x{3000}\x{00A0}\x{FEFF}\x{200B}]"
_NULL = r"(?i:null|none|nan|nat|n/a|\\n|<na>|\(null\))"
# one cheap test tells whether a value needs any of the slow repairs below
_DIRTY = rf"""^$|^(?:{_SPACE}|["'=])|{_SPACE}$|^{_NULL}$"""
_EXPONENT = r"^[0-9](?:\.[0-9]+[eE]\+?|[eE]\+)[0-9]{2}$"
_DIRTY_ID = rf"{_DIRTY}|^[0-9]+\.0+$|{_EXPONENT}"
_FLOATS = ("DOUBLE", "FLOAT", "REAL")
_INTEGERS = (
    "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT",
)
_ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$"


def quoted(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def named(identifier: str) -> str:
    """Return the text as an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def _matches(value: str, pattern: str) -> str:
    return f"regexp_matches({value}, {quoted(pattern)})"


def _repaired(value: str, *, identifier: bool) -> str:
    """Trim, unwrap Excel's text forms (``="0012"``, ``'0012``), turn words for nothing into NULL."""
    steps = rf"regexp_replace({value}, {quoted(rf'^{_SPACE}+|{_SPACE}+$')}, '', 'g')"
    steps = f"""regexp_replace({steps}, '^="(.*)"$', '\\1')"""
    steps = f"""regexp_replace({steps}, '^''([0-9])', '\\1')"""
    if identifier:  # a number that passed through a floating-point column
        steps = f"regexp_replace({steps}, '^([0-9]+)\\.0+$', '\\1')"
    nothing = f"^(?:{_NULL})?$|{_EXPONENT}" if identifier else f"^(?:{_NULL})?$"
    return f"CASE WHEN {_matches(steps, nothing)} THEN NULL ELSE {steps} END"


def text(value: str, source_type: str, *, identifier: bool) -> str:
    """Return the value as clean text: trimmed, NULL when empty, numbers without ``.0`` or exponent.

    Parameters
    ----------
    value
        SQL expression of the source value.
    source_type
        Its physical type.
    identifier
        Whether it is an identifier or a code, where ``12.0`` means ``12``.
    """
    if source_type in _FLOATS:
        # the shortest decimal text of the number, as a spreadsheet shows it, not the exact binary value
        whole = f"CAST(TRY_CAST(CAST({value} AS VARCHAR) AS DECIMAL(38,0)) AS VARCHAR)"
        return (
            f"CASE WHEN isnan({value}) THEN NULL WHEN {value} = floor({value}) AND abs({value}) < 1e37 "
            f"THEN {whole} ELSE CAST({value} AS VARCHAR) END"
        )
    as_text = value if source_type == "VARCHAR" else f"CAST({value} AS VARCHAR)"
    if source_type.startswith("DECIMAL"):
        return f"regexp_replace({as_text}, '\\.0+$', '')"
    if source_type != "VARCHAR":
        return as_text
    dirty = _matches(value, _DIRTY_ID if identifier else _DIRTY)
    return f"CASE WHEN {dirty} THEN {_repaired(value, identifier=identifier)} ELSE {value} END"


def exponent_form(value: str) -> str:
    """Return the test for an identifier that a spreadsheet wrote as ``4.4E+17``: its last digits are lost."""
    return _matches(f"trim({value})", _EXPONENT)


def _instant_from_text(value: str) -> str:
    """Read the ways in which Chinese exports write a moment; text with a zone is moved to Asia/Shanghai."""
    iso = r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?$"
    day = r"^([0-9]{4})[/.年-]([0-9]{1,2})[/.月-]([0-9]{1,2})日?[ T]*"
    other = f"regexp_replace({value}, '{day}', '\\1-\\2-\\3 ')"
    bare = f"regexp_replace({value}, '{_ZONE}', '')"
    sign = f"regexp_extract({value}, '([+-])[0-9:]+$', 1)"
    hours = f"coalesce(TRY_CAST(regexp_extract({value}, '[+-]([0-9]{{2}}):?[0-9]*$', 1) AS INTEGER), 0)"
    minutes = f"coalesce(TRY_CAST(regexp_extract({value}, '[+-][0-9]{{2}}:?([0-9]{{2}})$', 1) AS INTEGER), 0)"
    offset = f"(CASE WHEN {sign} = '-' THEN -1 ELSE 1 END) * ({hours} * 60 + {minutes})"
    seconds = f"CAST(round(TRY_CAST({value} AS DOUBLE) * 86400) AS BIGINT)"
    return f"""CASE
        WHEN {value} IS NULL THEN NULL
        WHEN {_matches(value, iso)} THEN TRY_CAST({value} AS TIMESTAMP)
        WHEN {_matches(value, r"^[0-9]{8}$")} THEN try_strptime({value}, '%Y%m%d')
        WHEN {_matches(value, r"^[0-9]{14}$")} THEN try_strptime({value}, '%Y%m%d%H%M%S')
        WHEN {_matches(value, r"^[0-9]{12}$")} THEN try_strptime({value}, '%Y%m%d%H%M')
        WHEN {_matches(value, r"^[0-9]{8}[ T][0-9]{6}$")}
            THEN try_strptime(replace({value}, 'T', ' '), '%Y%m%d %H%M%S')
        WHEN {_matches(value, r"^[0-9]{8}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}$")}
            THEN try_strptime(replace({value}, 'T', ' '), '%Y%m%d %H:%M:%S')
        WHEN {_matches(value, r"^[0-9]{5}(?:[.][0-9]+)?$")}
            THEN TIMESTAMP '1899-12-30' + to_seconds({seconds})
        WHEN {_matches(value, r"^[0-9]{4}.*[0-9]:[0-9.:]+ ?" + _ZONE)}
            THEN TRY_CAST(trim({bare}) AS TIMESTAMP) + to_minutes(CAST(480 - {offset} AS BIGINT))
        WHEN {_matches(value, day + "(?:[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?)?$")}
            THEN TRY_CAST(trim({other}) AS TIMESTAMP)
        END"""


def _instant(value: str, source_type: str) -> str:
    if source_type == "TIMESTAMP WITH TIME ZONE":  # China has had one fixed offset since 1991
        return f"make_timestamp(epoch_us({value}) + 28800000000)"
    if source_type.startswith("TIMESTAMP") or source_type == "DATE":
        return f"TRY_CAST({value} AS TIMESTAMP)"
    return _instant_from_text(value)


def _plain_number(value: str) -> str:
    """Strip currency signs and well-formed thousands separators; NULL for what is no number."""
    number = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
    money = r"^[+-]?[¥￥]?[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?元?$"
    return (
        f"CASE WHEN {_matches(value, number)} THEN {value} "
        f"WHEN {_matches(value, money)} THEN regexp_replace({value}, '[,¥￥元]', '', 'g') END"
    )


def _numeric(value: str, source_type: str, target: str) -> str:
    if source_type in _FLOATS:
        # through text, so that a float column and the same column in a CSV round alike
        inner = value if target == "DOUBLE" else f"CAST({value} AS VARCHAR)"
        return f"CASE WHEN isfinite({value}) THEN TRY_CAST({inner} AS {target}) END"
    if source_type == "VARCHAR":
        plain = f"TRY_CAST({_plain_number(value)} AS {target})"
        return plain if target != "DOUBLE" else f"CASE WHEN isfinite({plain}) THEN {plain} END"
    return f"TRY_CAST({value} AS {target})"


def _count(value: str, source_type: str) -> str:
    """Whole numbers only: 3.7 is unreadable, not 4."""
    if source_type in _INTEGERS:
        return f"TRY_CAST({value} AS BIGINT)"
    exact = _numeric(value, source_type, "DECIMAL(38,6)")
    return f"CASE WHEN {exact} = floor({exact}) THEN TRY_CAST({exact} AS BIGINT) END"


def _flag(value: str, source_type: str) -> str:
    if source_type == "BOOLEAN":
        return value
    word = f"lower(CAST({value} AS VARCHAR))"
    return (
        f"CASE WHEN {word} IN ('1', '1.0', 'true', 't', 'yes', 'y', '是', '有') THEN TRUE "
        f"WHEN {word} IN ('0', '0.0', 'false', 'f', 'no', 'n', '否', '无') THEN FALSE END"
    )


def typed(kind: Kind, value: str, source_type: str) -> str:
    """Return the SQL expression that reads a clean source value as the kind.

    Parameters
    ----------
    kind
        What the canonical column holds.
    value
        SQL expression: clean text (see `text`) or a native value.
    source_type
        Physical type of ``value``, ``VARCHAR`` for clean text.
    """
    if kind in (Kind.ID, Kind.CODE, Kind.TEXT):
        return value
    if kind is Kind.INSTANT:
        return _instant(value, source_type)
    if kind is Kind.DATE:
        return value if source_type == "DATE" else f"CAST({_instant(value, source_type)} AS DATE)"
    if kind is Kind.FLAG:
        return _flag(value, source_type)
    if kind is Kind.COUNT:
        return _count(value, source_type)
    return _numeric(value, source_type, PHYSICAL[kind])


def keeps_native(kind: Kind, source_type: str) -> bool:
    """Tell whether the value is read from its own physical type rather than from text."""
    if kind in (Kind.INSTANT, Kind.DATE):
        return source_type.startswith("TIMESTAMP") or source_type == "DATE"
    if kind in (Kind.MONEY, Kind.NUMBER, Kind.COUNT):
        return source_type in (*_FLOATS, *_INTEGERS) or source_type.startswith("DECIMAL")
    return kind is Kind.FLAG and source_type == "BOOLEAN"
