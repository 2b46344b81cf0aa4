"""Round figures for the axes of charts; the charts themselves are macros in templates/macros/charts.html."""

from collections.abc import Callable


def ticks(low: int, high: int, label: Callable[[int], str], about: int = 4) -> list[tuple[int, str]]:
    """Round axis values that enclose low and high, each with its label; never fewer than two.

    Values are whole numbers (minor units, customers); steps are 1, 2 or 5 times a power of ten.
    """
    step = _round_step(max(high - low, 1), about)
    first, last = low // step * step, -(-high // step) * step
    if last == first:
        last = first + step
    return [(value, label(value)) for value in range(first, last + step, step)]


def _round_step(span: int, about: int) -> int:
    power = 1
    while True:
        for factor in (1, 2, 5):
            if power * factor * about >= span:
                return power * factor
        power *= 10
