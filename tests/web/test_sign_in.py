"""Signing in and out through the pages."""

from __future__ import annotations

from signing_in import PASSWORD, make_staff, sign_in


def test_the_panel_asks_who_you_are_and_leads_back(client):
    make_staff()
    answer = client.get("/admin/account/?x=1")
    assert answer.status_code == 302
    assert answer.location == "/admin/sign-in?next=/admin/account/?x%3D1"
    answer = client.post(
        "/admin/sign-in", data={"email": "OWNER@staff.example ", "password": PASSWORD, "next": "/admin/account/?x=1"}
    )
    assert (answer.status_code, answer.location) == (302, "/admin/account/?x=1")
    assert "Your account" in client.get("/admin/account/").text


def test_signing_out_ends_the_session_on_the_server(client):
    sign_in(client)
    kept = client.get_cookie("tillbook")
    client.post("/admin/sign-out")
    client.set_cookie("tillbook", kept.value)
    assert client.get("/admin/account/").status_code == 302
