"""Files that the company shows to a customer."""

from __future__ import annotations

from typing import Any

from flask import abort
from sqlalchemy import select

from messaging import uploads
from messaging.files import FileLost
from models import File, PortalAccess, db

from .pages import ID, for_customer, pages


@pages.get(f"/<{ID}:customer_id>/files/<{ID}:file_id>")
@for_customer
def download(access: PortalAccess, file_id: int) -> Any:
    mine = (File.id == file_id, File.customer_id == access.customer_id, File.shown_to_customer)
    file = db.session.scalar(select(File).where(*mine)) or abort(404)
    try:
        data = uploads.read(file.stored_name, file.sha256)
    except FileLost:
        abort(404)
    return uploads.as_download(data, file.name, file.media_type)
