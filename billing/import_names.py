"""Rows an import only names, made on first sight: contract types, groups, packages and their options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from models import (
    ContractType,
    CustomerGroup,
    Model,
    OptionKind,
    Package,
    PackageOption,
    Project,
    Reseller,
    Tag,
    db,
)

from . import audit
from .actor import Actor

TABLES: dict[str, type[Any]] = {
    "contract_type": ContractType,
    "group": CustomerGroup,
    "project": Project,
    "reseller": Reseller,
    "package": Package,
    "tag": Tag,
}
UNKNOWN = -1
"""Stands for a row that a dry run would make."""


class Names:
    """Ids of named rows. A package made here has no price in the catalogue: the service carries the agreed one."""

    def __init__(self, by: Actor, *, keep: bool) -> None:
        self.by, self.keep = by, keep
        self.ids: dict[tuple[str, str], int] = {}
        self.options: dict[tuple[int, str], int | None] = {}

    def resolve(self, kind: str, names: Iterable[str]) -> None:
        """Find or make the rows of `kind` (a key of TABLES) with these names."""
        table = TABLES[kind]
        wanted = [name for name in dict.fromkeys(names) if (kind, name) not in self.ids]
        if not wanted:
            return
        for number, name in db.session.execute(select(table.id, table.name).where(table.name.in_(wanted))):
            self.ids[kind, name] = number
        missing = [name for name in wanted if (kind, name) not in self.ids]
        made = self._make([table(name=name) for name in missing], f"{kind}.imported")
        self.ids |= {(kind, name): number for name, number in zip(missing, made, strict=True)}

    def id_of(self, kind: str, name: str | None) -> int | None:
        return self.ids[kind, name] if name else None

    def resolve_options(self, package_ids: Iterable[int], names: Sequence[str]) -> None:
        """Find the options of these packages; those that are missing are made when first chosen."""
        wanted = {number for number in package_ids if number != UNKNOWN and (number, "") not in self.options}
        query = select(PackageOption.package_id, PackageOption.name, PackageOption.id).where(
            PackageOption.package_id.in_(wanted), PackageOption.name.in_(names)
        )
        for package_id, name, number in db.session.execute(query) if wanted else ():
            self.options[package_id, name] = number
        self.options |= {(number, ""): None for number in wanted}

    def option_id(self, package_id: int, name: str, position: int) -> int | None:
        """The option of a package, a yes/no one if it has to be made."""
        if (package_id, name) not in self.options:
            option = PackageOption(package_id=package_id, name=name, kind=OptionKind.YES_NO, position=position)
            self.options[package_id, name] = self._make([option], "package_option.imported")[0]
        return self.options[package_id, name]

    def _make(self, things: Sequence[Model], verb: str) -> list[int]:
        if not self.keep:
            return [UNKNOWN] * len(things)
        db.session.add_all(things)
        db.session.flush()
        for thing in things:
            audit.record(self.by, verb, thing, after={"name": thing.name})  # type: ignore[attr-defined]
        return [thing.id for thing in things]  # type: ignore[attr-defined]
