"""What a synthetic town is made of: one frozen settings object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from gangfinder.errors import SettingsError, nearest

SYNTH_VERSION = "6"
"""Raised whenever the same settings and seed would give other rows."""

CORE_TYPOLOGIES = ("T01", "T05", "T06", "T08", "T10", "T17")
"""The founding typologies, on which the first tables were measured."""

TYPOLOGIES: tuple[str, ...] = (
    *CORE_TYPOLOGIES, "T02", "T03", "T04", "T07", "T11", "T12", "T13", "T14", "T15", "T16", "T18",
    "T19", "T21", "T22", "T23", "T24",
)
"""Typologies that can be planted and are planted by default."""

STYLES = (
    "lockstep", "lockstep_wide", "hidden_dialysis", "hidden_village", "hidden_home", "star_account", "star_agent",
    "star_address", "star_clinic", "star_seller",
)
"""Styles of rings that are planted when asked for: in step by dates alone, inside a look-alike, and around one hub."""

LIVES = ("weekly_pool", "weekly_account")
"""Rings with a life over the weeks: they come, grow, shrink, merge, split, fade and return (see ``weekly``)."""

STORIES = (
    "quiet", "steady", "appears", "grows", "shrinks", "merges", "splits", "fades", "returns", "worn",
)
"""Lives that rings have; each kind of ring lives each of them ``rings_per_typology`` times."""

INSIDE = ("T20",)
"""Typologies whose subjects are staff; planted where the town has offices, on rings of ``HOSTS``."""

HOSTS = ("T11", "T13", "T17", "T19")
"""Typologies whose rings somebody inside may let pass."""

PLANTABLE = (*TYPOLOGIES, *STYLES)
"""Everything that can be planted in a town without offices."""

FILE_FORMATS = ("parquet", "csv", "xlsx")
ENCODINGS = ("utf-8", "gb18030")


@dataclass(frozen=True, slots=True)
class TownSettings:
    """Settings of one synthetic town.

    Parameters
    ----------
    patients
        Insured persons living in the town.
    seed
        Root of every random stream.
    difficulty
        0 to 3: how well the rings hide (participation 1 / .8 / .6 / .4, jitter none / ±1 min / ±5 min /
        ±1 day, camouflage visits per ring visit 0 / 1 / 3 / 5).
    clean
        Plant no ring at all; the look-alikes stay the same.
    typologies
        Which typologies to plant; ``None`` means all, or those that can be seen when ``only_required`` and
        ``dates_only`` thin the data out.
    rings_per_typology
        Rings of each typology.
    lookalikes_per_kind
        Least number of instances of each innocent look-alike.
    lookalike_density
        Multiplier on the number of look-alikes.
    months
        Length of the observed period in months.
    start
        First day of the observed period.
    only_required
        Keep the five mandatory columns of ``settlements`` and drop every other table.
    dates_only
        Cut every instant to midnight.
    file_format
        ``parquet``, ``csv`` or ``xlsx``.
    encoding
        Encoding of CSV files.
    offices
        Let the fund's offices be seen: members of staff with rosters and leave, files that follow them, actions,
        ties, look-alikes among them, and insiders (T20) on some rings. Without it every byte stays as it is.
    weeks
        Snapshots of the town at the ends of its last weeks, 0 for a town that is seen once. Rings then have a life
        (:data:`LIVES`).
    window_weeks
        Weeks of data that each snapshot holds.
    """

    patients: int = 20_000
    seed: int = 1
    difficulty: int = 1
    clean: bool = False
    typologies: tuple[str, ...] | None = None
    rings_per_typology: int = 3
    lookalikes_per_kind: int = 3
    lookalike_density: float = 1.0
    months: int = 12
    start: date = date(2025, 1, 1)
    only_required: bool = False
    dates_only: bool = False
    file_format: str = "parquet"
    encoding: str = "utf-8"
    offices: bool = False
    weeks: int = 0
    window_weeks: int = 26

    def __post_init__(self) -> None:
        """Refuse settings that cannot give a town.

        Raises
        ------
        SettingsError
            If a value is out of range or unknown.
        """
        self._check_ranges()
        self._check_inside()
        self._check_weeks()
        for name in self.typologies or ():
            if name not in (*PLANTABLE, *INSIDE, *(LIVES if self.weeks else ())):
                near = ", ".join(nearest(name, PLANTABLE) or PLANTABLE)
                message = "A typology that cannot be planted was asked for"
                raise SettingsError(message, hint=f"try {near}")
        if self.file_format not in FILE_FORMATS:
            message = "Unknown file format"
            raise SettingsError(message, hint=f"use one of {', '.join(FILE_FORMATS)}")
        if self.encoding not in ENCODINGS:
            message = "Unknown encoding"
            raise SettingsError(message, hint=f"use one of {', '.join(ENCODINGS)}")

    def _check_inside(self) -> None:
        asked = set(self.typologies or ())
        if not asked & set(INSIDE):
            return
        if not self.offices or self.only_required:
            message = "Insiders can be planted only where the town has offices"
            raise SettingsError(message, hint="set offices, and keep all tables")
        if not asked & set(HOSTS):
            message = "Insiders were asked for without a ring that they could let pass"
            raise SettingsError(message, hint=f"ask also for one of {', '.join(HOSTS)}")

    def _check_weeks(self) -> None:
        if not self.weeks:
            return
        if self.only_required or self.dates_only or self.offices:
            message = "Weekly snapshots are made of whole towns without offices"
            raise SettingsError(message, hint="leave out only_required, dates_only and offices")
        if self.window_weeks < self.weeks + 2 or 7 * (self.weeks + self.window_weeks) > 30 * self.months:
            message = "The period is too short for so many weekly snapshots, or their window is"
            hint = "give a window of two weeks more than there are snapshots, and enough months for both"
            raise SettingsError(message, hint=hint)

    def _check_ranges(self) -> None:
        ranges: dict[str, tuple[float, float, float]] = {
            "patients": (self.patients, 2_000, 5_000_000),
            "difficulty": (self.difficulty, 0, 3),
            "rings_per_typology": (self.rings_per_typology, 0, 200),
            "lookalikes_per_kind": (self.lookalikes_per_kind, 0, 200),
            "lookalike_density": (self.lookalike_density, 0.0, 20.0),
            "months": (self.months, 3, 60),
            "seed": (self.seed, 0, 2**63),
            "weeks": (self.weeks, 0, 60),
            "window_weeks": (self.window_weeks, 4, 200),
        }
        for name, (value, low, high) in ranges.items():
            if not low <= value <= high:
                message = f"{name} is out of range"
                raise SettingsError(message, hint=f"give a value from {low} to {high}")

    @property
    def planted(self) -> tuple[str, ...]:
        """Typologies that will be planted, in a fixed order."""
        if self.clean:
            return ()
        thin = self.only_required and self.dates_only
        usual = (*TYPOLOGIES, *INSIDE) if self.offices and not self.only_required else TYPOLOGIES
        if self.weeks:
            usual = LIVES
        chosen = self.typologies or (("T01", "T05", "lockstep") if thin else usual)
        return tuple(code for code in (*PLANTABLE, *INSIDE, *LIVES) if code in chosen)

    def rings_of(self, typology: str) -> int:
        """Return how many rings of a typology are planted: of rings with a life, so many for each story."""
        return self.rings_per_typology * (len(STORIES) if typology in LIVES else 1)

    @property
    def participation(self) -> float:
        """Share of a ring's members present at one of its events."""
        return (1.0, 0.8, 0.6, 0.4)[self.difficulty]

    @property
    def jitter_seconds(self) -> int:
        """Most seconds by which a member's event is moved within its day."""
        return (0, 60, 300, 300)[self.difficulty]

    @property
    def jitter_days(self) -> int:
        """Most days by which a member's event is moved."""
        return (0, 0, 0, 1)[self.difficulty]

    @property
    def camouflage(self) -> int:
        """Ordinary visits added for each ring visit of a card."""
        return (0, 1, 3, 5)[self.difficulty]

    @property
    def lookalikes(self) -> int:
        """Instances of each look-alike kind."""
        return max(round(self.lookalikes_per_kind * self.lookalike_density), min(self.lookalikes_per_kind, 1))

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        plain = asdict(self)
        plain["start"] = self.start.isoformat()
        plain["typologies"] = list(self.planted)
        if not self.offices:  # the truth of such towns is compared byte for byte
            del plain["offices"]
        if not self.weeks:
            del plain["weeks"], plain["window_weeks"]
        return plain
