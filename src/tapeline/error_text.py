"""Write an error as one line that a terminal, a page or a log can show as it stands."""

from __future__ import annotations

#: The most characters of the text of an error that tapeline raises.
LONGEST_LINE = 1000


def printable(text: str, kept: str = "") -> str:
    """Return the text with all but what can be printed, and the characters `kept`, as escapes such as `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in text
    )


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 bar`, `1,200 bars`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def one_line(error: BaseException) -> str:
    """Return any error as one line of at most 300 characters; an error without a text is named by its class."""
    return " ".join(str(error).split())[:300] or type(error).__name__
