"""The search index comes and goes with its migration, and the customers stay."""

from __future__ import annotations

from datetime import date

from conftest import settings
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, select, text

from app import create_app
from models import Customer, db, find
from models.search import SearchIndex

INDEX = SearchIndex("customer", ("name", "email"), ("name", "email"))


def found(words: str) -> list[str]:
    hits = find.hits(INDEX, Customer, INDEX.words(words), db.engine.dialect.name).subquery()
    return list(db.session.scalars(select(Customer.name).join(hits, hits.c.id == Customer.id)))


def add(name: str) -> None:
    """A customer of only the columns that the table has at this revision."""
    there = Table("customer", MetaData(), autoload_with=db.session.connection())
    known = {"email": "a@b.example", "currency": "EUR", "country": "IE", "registered_on": date(2026, 1, 1)}
    usual = {column.name: column.default.arg for column in Customer.__table__.columns if column.default is not None}
    values = {key: value for key, value in {**usual, **known, "name": name}.items() if key in there.columns}
    db.session.execute(there.insert().values(values))
    db.session.commit()


def test_rows_from_before_the_index_are_found_and_none_is_lost_without_it(empty_database, tmp_path):
    app = create_app(settings(empty_database, tmp_path))
    with app.app_context():
        upgrade(revision="0001")
        add("Early Bird")
        upgrade(revision="0002")
        add("Late Riser")
        assert found("arly") == ["Early Bird"] and found("ate") == ["Late Riser"]
        assert found("la") == ["Late Riser"]
        db.session.remove()
        downgrade(revision="0001")
        assert db.session.execute(text("SELECT count(*) FROM customer")).scalar_one() == 2
        db.session.remove()
        upgrade(revision="0002")
        assert found("early") == ["Early Bird"]
        db.session.remove()
        db.engine.dispose()
