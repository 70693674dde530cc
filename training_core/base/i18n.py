"""Words in the user's language: the window's, and what a run says in its events, go through `tr` or `ntr` (gettext).

English is in the source, and for errors (`UserError`) and the command line's own words it is all there is. A
translation is `locale/LANGUAGE/LC_MESSAGES/napari_unisemalign.mo` in this package, for both packages; the
language is that of the environment (LANGUAGE, LC_ALL, LC_MESSAGES, LANG), as for every gettext program. Numbers and
names are put in after the translation: `tr("{count} tiles").format(count=3)`, never an f-string, which no catalogue
could hold.
"""

from __future__ import annotations

import gettext
from pathlib import Path

DOMAIN = "napari_unisemalign"
LOCALE_FOLDER = Path(__file__).parent / "locale"

_catalogue = gettext.translation(DOMAIN, LOCALE_FOLDER, fallback=True)


def tr(text: str) -> str:
    """The text in the user's language, or as it is where there is no translation."""
    return _catalogue.gettext(text)


def ntr(one: str, many: str, count: int) -> str:
    """The singular or plural form for `count`, in the user's language."""
    return _catalogue.ngettext(one, many, count)
