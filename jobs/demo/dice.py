"""Choices that look random and are the same every time: the demo company of a day is always the same company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Dice:
    """Numbers from a seed (SplitMix64). Good for stories, for nothing that has to be secret."""

    def __init__(self, seed: str) -> None:
        self._state = int.from_bytes(sha256(seed.encode()).digest()[:8], "big")

    def below(self, number: int) -> int:
        """0 up to, not including, `number`."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % number

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def weighed(self, choices: Mapping[T, int]) -> T:
        """One of the keys; each as often as its value says."""
        left = self.below(sum(choices.values()))
        for choice, weight in choices.items():
            left -= weight
            if left < 0:
                return choice
        raise AssertionError("the weights changed meanwhile")
