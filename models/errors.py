"""The one root of all refusals."""


class BillingError(Exception):
    """A rule said no; str(error) can be shown to the person who asked."""


class FieldError(BillingError):
    """A rule said no to one field; `field` names it, so that a form can say it there."""

    def __init__(self, sentence: str, field: str = "name") -> None:
        super().__init__(sentence)
        self.field = field
