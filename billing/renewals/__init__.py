"""Renewals: what is due (due), made into bills (build), written down (keep). One unit is a billing group and a day."""

from .build import Tables, build
from .due import count, customers_past, groups_on, next_day, refresh_statistics
from .keep import keep, write_results

__all__ = [
    "Tables",
    "build",
    "count",
    "customers_past",
    "groups_on",
    "keep",
    "next_day",
    "refresh_statistics",
    "write_results",
]
