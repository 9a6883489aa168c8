"""Join the page's files into six answers: its text, its style, two of modules, the drawing library and the icon.

A browser has six connections to a server, and each round of requests holds up the first chart.
"""

from __future__ import annotations

import re
from pathlib import Path

from tapeline.web.joined_modules import joined

_INDEX = "index.html"
_FIRST, _MAIN, _LIBRARY = "js/first.js", "js/main.js", "vendor/lightweight-charts.js"
_STYLE = re.compile(r'^<link rel="stylesheet" href="(.+?)">\n', re.MULTILINE)

#: Makes Chromium compile a script as a whole while it arrives, in a thread of its own, instead of each function at its
#: first call, which is when the first chart is drawn. To other browsers it is a comment.
_COMPILED_AT_ONCE = "//# allFunctionsCalledOnLoad\n"


def joined_page(folder: Path) -> dict[str, str]:
    """Return the texts of the files that are answered with others in them, by path.

    The first module asks for what the page shows first, so it has what that takes and nothing else.
    """
    page = (folder / _INDEX).read_text("utf-8")
    links = list(_STYLE.finditer(page))
    return {
        _LIBRARY: _COMPILED_AT_ONCE + (folder / _LIBRARY).read_text("utf-8"),
        _FIRST: _COMPILED_AT_ONCE + joined(folder, _FIRST),
        _MAIN: joined(folder, _MAIN, before=_FIRST),
        links[0][1]: "".join((folder / link[1]).read_text("utf-8") for link in links),
        _INDEX: page[: links[0].end()] + _STYLE.sub("", page[links[0].end() :]),
    }
