"""Prices as people say them; both faces do."""

from web.price_words import period_words, price_words

__all__ = ["period_words", "price_words"]
