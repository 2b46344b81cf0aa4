"""The database object, the base of all tables and the few column helpers they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, ForeignKey, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Every constraint has a name, so that a migration can find it again on both databases.
NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers its rows only in a column called INTEGER; PostgreSQL needs the width said.
BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:

    class Model(Base):
        __abstract__ = True

else:
    Model = db.Model


def key() -> Mapped[int]:
    return mapped_column(BigId, primary_key=True)


def ref(target: str, *, index: bool = True, **options: Any) -> Mapped[Any]:
    """A foreign key to `target` (``table.id``), indexed unless another index starts with it."""
    ondelete = options.pop("ondelete", None)
    return mapped_column(BigId, ForeignKey(target, ondelete=ondelete), index=index, **options)
