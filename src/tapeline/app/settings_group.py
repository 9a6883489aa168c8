"""Say what all groups of settings have in common: unknown names are refused, and lists may be texts with commas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tapeline.indicators.spelling import separated


def comma_separated(text: str) -> list[str]:
    """Return the parts of a text between commas, as `spelling.separated` does."""
    return separated(text)


def split_at_semicolons(value: Any) -> Any:
    """Return the parts of a text between semicolons; what is no text as it is."""
    return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value


def _split_at_commas(value: Any) -> Any:
    return tuple(comma_separated(value)) if isinstance(value, str) else value


#: A list in the file; in the environment and in flags also one text with commas.
Names = Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)]


@dataclass(frozen=True, slots=True)
class NeedsExtra:
    """Mark a setting that, once it is given, needs the packages of an extra; without a name its value names that."""

    extra: str = ""


class SettingsGroup(BaseModel):
    """Hold settings, which do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
