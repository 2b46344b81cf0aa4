"""The mail templates, and the frame around what a mail says: the layout with the name or logo of whoever says it."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from flask_babel import gettext, ngettext
from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from integrations.letters import LOGO, PNG

from .formats import language_of_words
from .refusals import CannotBeWritten
from .template_language import Plain
from .templates import Said

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "mail"
RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

_BODY = f"body{secrets.token_hex(8)}"
"""Stands in the frame of a letter where its body goes."""


def render(name: str, values: Mapping[str, Plain], *, folder: Path = TEMPLATES) -> str:
    """A template of the mail folder, in the language gettext is set to.

    Templates run in a sandbox and get plain values only. Raises CannotBeWritten for whatever is wrong in it.
    """
    try:
        return _environment(folder).get_template(name).render(values)
    except Exception as error:  # values are plain, so whatever goes wrong is the template's doing
        reason = str(error) or type(error).__name__
        raise CannotBeWritten(f"The template {name} cannot be used: {reason}") from error


@cache
def _environment(folder: Path) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment


def in_frame(said: Said, company: str, *, with_logo: bool = False) -> str:
    """The whole HTML of a mail: what it says, below the name or logo of whoever says it."""
    values: dict[str, Plain] = {
        **direction(said.language), "company": company, "with_logo": with_logo, "subject": said.subject, "body": _BODY,
    }  # fmt: skip
    return render("letter.html", values).replace(_BODY, said.html)


def with_logo_inside(html: str, logo: bytes) -> str:
    """A mail's HTML with the picture that its parts would bring."""
    if not logo:
        return html
    kind = "png" if logo.startswith(PNG) else "jpeg"
    return html.replace(f'src="cid:{LOGO}"', f'src="data:image/{kind};base64,{b64encode(logo).decode()}"')


def page_values(locale: str) -> dict[str, Plain]:
    """Language and direction, which the layout of every mail asks for."""
    return direction(language_of_words(locale))


def direction(language: str) -> dict[str, Plain]:
    """Language of the words, and which way they run."""
    return {"lang": language.replace("_", "-"), "dir": "rtl" if language.split("_")[0] in RIGHT_TO_LEFT else "ltr"}
