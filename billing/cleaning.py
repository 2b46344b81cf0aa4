"""What is kept only for a while: expired sessions and links, wrong sign-ins, deleted notes, forms that were sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete

from models import FormToken, Note, OneTimeToken, SignInAttempt, WebSession, db
from models.bulk import rows_changed

from .sign_in import WINDOW
from .signed_in import expired

LINKS_KEPT = timedelta(days=30)
FORMS_KEPT = timedelta(days=30)
NOTES_KEPT = timedelta(days=30)


def clean(at: datetime) -> dict[str, int]:
    """Delete what is over at the moment `at` (aware UTC); how many rows of each kind went.

    A link stays for thirty days after its end, so that its owner reads "this link has expired" and not "wrong link";
    a form as long, so that sending it again has no second effect.
    """
    over = {
        "sessions": delete(WebSession).where(expired(at)),
        "links": delete(OneTimeToken).where(OneTimeToken.expires_at <= at - LINKS_KEPT),
        "sign_in_tries": delete(SignInAttempt).where(SignInAttempt.at <= at - WINDOW),
        "notes": delete(Note).where(Note.deleted_at <= at - NOTES_KEPT),
        "forms": delete(FormToken).where(FormToken.used_at <= at - FORMS_KEPT),
    }
    return {name: _deleted(statement) for name, statement in over.items()}


def _deleted(statement: Delete) -> int:
    return rows_changed(db.session.execute(statement.execution_options(synchronize_session=False)))
