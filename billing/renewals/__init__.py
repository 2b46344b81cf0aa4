"""Renewals: what is due (due), made into bills (build), written down (keep). One unit is a billing group and a day."""

from .build import Tables, build, build_first
from .due import count, customers_past, groups_on, next_day, refresh_statistics
from .keep import keep, write_results
from .last import Last, build_last, keep_last

__all__ = [
    "Last",
    "Tables",
    "build",
    "build_first",
    "build_last",
    "count",
    "customers_past",
    "groups_on",
    "keep",
    "keep_last",
    "next_day",
    "refresh_statistics",
    "write_results",
]
