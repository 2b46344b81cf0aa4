"""The one root of all refusals."""


class BillingError(Exception):
    """A rule said no; str(error) can be shown to the person who asked."""
