"""The texts that plug-ins declare, by code and slug, as the narrative reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from gangfinder.leads.catalogue import Phrase, Value

if TYPE_CHECKING:
    from gangfinder.benign import Explanation
    from gangfinder.model.evidence import Judgement
    from gangfinder.typologies import Typology

WORD = "word."
"""What begins the keys of sentences that are words for values: a detail ``how="household relative"`` shows as both."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a lead quotes from typologies and explanations.

    Parameters
    ----------
    typologies
        Code → declaration.
    explanations
        Slug → declaration.
    """

    typologies: Mapping[str, Typology] = field(default_factory=dict)
    explanations: Mapping[str, Explanation] = field(default_factory=dict)

    def title(self, code: str) -> Phrase:
        """Return the title of a typology, or its code if it is not installed."""
        known = self.typologies.get(code)
        return Phrase(known.title) if known else Phrase(code)

    def sentence(self, code: str, name: str, values: Mapping[str, str | int | float]) -> Phrase:
        """Return the sentence of an anomaly or of what a row shows; a name without one stands as it is."""
        known = self.typologies.get(code)
        if known is None:
            return Phrase(name, _plain(values))
        return Phrase(known.sentences.get(name, name), _worded(known.sentences, _plain(values)))

    def reason(self, judgement: Judgement) -> Phrase | None:
        """Return why an explanation holds or fails; ``None`` if it declared no sentence for that."""
        known = self.explanations.get(judgement.explanation)
        if known is None:
            return None
        text = known.sentences.get(judgement.reason) or known.sentences.get(judgement.result.value)
        return Phrase(text, _plain(judgement.detail)) if text else None

    def explanation(self, slug: str) -> Phrase:
        """Return the title of an explanation, or its slug if it is not installed."""
        known = self.explanations.get(slug)
        return Phrase(known.title) if known else Phrase(slug)


def _plain(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values with numbers of numpy made plain ones, which JSON can hold."""
    return {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}


def _worded(sentences: Mapping[str, str], values: dict[str, Value]) -> dict[str, Value]:
    """Put words, which have translations, for values that a typology writes as keys of its ``word.`` sentences."""
    made = dict(values)
    for name, value in values.items():
        keys = [f"{WORD}{key}" for key in value.split()] if isinstance(value, str) else []
        if keys and all(key in sentences for key in keys):
            made[name] = tuple(Phrase(sentences[key]) for key in keys)
    return made


@cache
def installed_texts() -> Texts:
    """Return the texts of every installed plug-in."""
    from gangfinder.benign import explanations
    from gangfinder.typologies import typologies

    return Texts({t.code: t for t in typologies().values()}, explanations())


def plugin_messages(texts: Texts) -> list[str]:
    """Return every text of the plug-ins that a lead can quote, sorted: the message ids to translate."""
    found: set[str] = set()
    for typology in texts.typologies.values():
        found |= {typology.title, *typology.sentences.values()}
        found |= {*typology.clears, *typology.records, *typology.provisions}
    for explanation in texts.explanations.values():
        found |= {explanation.title, *explanation.sentences.values()}
    return sorted(found)
