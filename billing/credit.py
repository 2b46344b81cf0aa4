"""Using a customer's credit for what is due (SPEC 3.8)."""

from billing.money import CurrencyMismatch, InvalidAmount, Money


def apply(due: Money, credits: list[Money]) -> tuple[list[Money], Money]:
    """How much of each credit is used, in the order given (the oldest first), and what is still due.

    Never more than is due, never more than a credit holds; the used amounts and the rest sum to `due`.
    Raises CurrencyMismatch, and InvalidAmount when the due amount or a credit is below zero.
    """
    if due.minor < 0:
        raise InvalidAmount(f"{due} is not due: there is nothing to pay with credit.")
    used, still_due = [], due.minor
    for credit in credits:
        _check(credit, due.currency)
        part = min(credit.minor, still_due)
        still_due -= part
        used.append(Money(part, due.currency))
    return used, Money(still_due, due.currency)


def _check(credit: Money, currency: str) -> None:
    if credit.currency != currency:
        raise CurrencyMismatch(f"Credit in {credit.currency} cannot pay an amount in {currency}.")
    if credit.minor < 0:
        raise InvalidAmount(f"A credit cannot be below zero ({credit}).")
