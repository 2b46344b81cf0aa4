"""Two-step sign-in: what a person's authenticator app proves, and the codes for the day the phone is gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .types import Moment


class SecondStep(Model):
    """Somebody's second step. It counts once it was proven by a code, at `confirmed_at`.

    The secret is not stored: it is worked out of the installation's SECRET_KEY and `salt`, so that a copy of the
    database signs nobody in. `key_mark` tells whether SECRET_KEY is still the one it was shown with.
    """

    __table_args__ = (
        UniqueConstraint("staff_id"),
        UniqueConstraint("portal_user_id"),
        CheckConstraint("(staff_id IS NULL) <> (portal_user_id IS NULL)", name="of_one_person"),
    )

    id: Mapped[int] = key()
    staff_id: Mapped[int | None] = ref("staff.id", index=False, nullable=True, ondelete="CASCADE")
    portal_user_id: Mapped[int | None] = ref("portal_user.id", index=False, nullable=True, ondelete="CASCADE")
    salt: Mapped[str] = mapped_column(String(64))
    key_mark: Mapped[str] = mapped_column(String(12))
    began_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    # The half minute whose code was used last: no code counts twice.
    last_counter: Mapped[int] = mapped_column(BigInteger, default=0)

    codes: Mapped[list[RecoveryCode]] = relationship(cascade="all, delete-orphan", order_by="RecoveryCode.id")


class RecoveryCode(Model):
    """A code for one sign-in without the app. Only its hash is kept."""

    id: Mapped[int] = key()
    second_step_id: Mapped[int] = ref("second_step.id", ondelete="CASCADE")
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Moment)
