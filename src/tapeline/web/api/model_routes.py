"""Answer `/models`: the versions there are of each kind, how they do, and which ones are in use."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.core.iso_text import iso_time, texts_of
from tapeline.errors import ModelError, NotFoundError, NotPossibleError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.drift import Drift
from tapeline.forecast.range_layout import HORIZONS
from tapeline.forecast.range_model import is_range_version
from tapeline.forecast.range_registry import RangeEntry, RangeRegistry
from tapeline.forecast.registry import Entry, Registry
from tapeline.runtime.clock import now_ms
from tapeline.web.api.formats import json_answer
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router
from tapeline.web.api.score_routes import GradeAnswer
from tapeline.web.feature_importance import FeatureImportance, feature_importance
from tapeline.web.page import Page
from tapeline.web.shadow_contests import ShadowContests, shadow_contests

_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, Field(pattern=_VERSION)]

routes = api_router("models")


class VersionAnswer(BaseModel):
    """Say what every version of a model has: its name, the bars it was trained on, and whether it is in use."""

    name: str
    version: str
    current: bool
    trained_from: int
    trained_from_time: str
    trained_until: int
    trained_until_time: str
    interval: int


class ModelAnswer(VersionAnswer):
    """Describe a version: its metadata, and how it does live.

    `trained_from` and `trained_until` are UTC epoch ms, and beside them ISO text. `metrics` and `gate` are of rows that
    training did not see; it says UP or DOWN only with 1 in the gate's `passed`.
    """

    horizon: int
    no_trade_band: float
    rows: int
    symbols: list[str]
    features: list[str]
    parameters: dict[str, Any]
    metrics: dict[str, float | None]
    gate: dict[str, float | str]
    importance: list[FeatureImportance]
    grade: GradeAnswer | None
    drift: list[Drift] | None


class RangeModelAnswer(VersionAnswer):
    """Describe a version of a range model, which says how far prices move over `horizons` of bars.

    `trained_from` and `trained_until` are UTC epoch ms, and beside them ISO text. `form` says which regressors it has.
    """

    horizons: list[int]
    rows: int
    symbols: list[str]
    form: str


class ModelsAnswer(BaseModel):
    """List all versions, the oldest first: of direction models (`models`), and of range models (`ranges`).

    `evaluation` is the last walk-forward report, where one was kept. `contests` says for each model in use how
    challengers fared against it on rows that neither had seen.
    """

    models: list[ModelAnswer]
    ranges: list[RangeModelAnswer]
    contests: list[ShadowContests]
    evaluation: dict[str, Any] | None
    no_model: str


class Promotion(BaseModel):
    """Say which model, and whether it is promoted even if it is worse than the one in use."""

    model_config = ConfigDict(extra="forbid")

    name: Name = DEFAULT_NAME
    force: bool = False


class Rollback(BaseModel):
    """Say which model, and whether its range model is meant, not that of directions."""

    model_config = ConfigDict(extra="forbid")

    name: Name = DEFAULT_NAME
    ranges: bool = False


class InUse(BaseModel):
    """Name the version in use now."""

    name: str
    version: str


@routes.get("/models", response_model=ModelsAnswer, responses=problems(), summary="Versions of the model")
async def models(page: CurrentPage) -> Response:
    """Answer with every version, each graded on what it predicted live."""

    def gather() -> dict[str, Any]:
        registry = page.data.registry
        judged = page.scores.judge(page.models())
        entries = registry.entries() if registry is not None else []
        grades = {grade.model: grade.as_dict() for grade in judged.grades if grade.model and not grade.symbol}
        return {
            "models": [
                _describe(entry)
                | {
                    "importance": _importance(entry, registry),
                    "grade": grades.get(entry.version),
                    "drift": judged.drifts.get(entry.version),
                }
                for entry in entries
                if registry is not None
            ],
            "ranges": [_describe_range(entry) for entry in page.data.ranges.listing().entries]
            if registry is not None and page.data.ranges is not None
            else [],
            "contests": shadow_contests(registry, (entry.name for entry in entries), now_ms()) if registry else [],
            "evaluation": page.data.evaluation(),
            "no_model": page.data.no_model,
        }

    return json_answer(await page.judge(gather))


@routes.post("/models/{version}/promote", responses=problems(404, 409, 413), summary="Put a version to use")
async def promote(
    version: Annotated[str, Path(pattern=_VERSION, max_length=64)],
    page: CurrentPage,
    promotion: Promotion | None = None,
) -> InUse:
    """Promote the version, of either kind; what runs takes it up within seconds."""
    asked = promotion or Promotion()

    def work(registry: Registry) -> str:
        ranges = RangeRegistry(registry.folder) if is_range_version(version) else None
        entries = registry.entries(asked.name) if ranges is None else ranges.listing(asked.name).entries
        if not any(entry.version == version for entry in entries):
            raise NotFoundError(f"there is no version {version} of {asked.name}")
        if ranges is not None:
            ranges.promote(asked.name, version, at=now_ms())
            return version
        registry.promote(asked.name, version, at=now_ms(), force=asked.force)
        return version

    return await _change(page, asked.name, work)


@routes.post("/models/rollback", responses=problems(409, 413), summary="Put the version before to use again")
async def rollback(page: CurrentPage, back: Rollback | None = None) -> InUse:
    """Undo the last promotion."""
    asked = back or Rollback()

    def work(registry: Registry) -> str:
        return (RangeRegistry(registry.folder) if asked.ranges else registry).rollback(asked.name)

    return await _change(page, asked.name, work)


async def _change(page: Page, name: str, work: Callable[[Registry], str]) -> InUse:
    registry = page.data.registry
    if registry is None:
        raise NotPossibleError("there are no models to choose from here")
    return InUse(name=name, version=await page.read(lambda: work(registry)))


def _describe(entry: Entry) -> dict[str, Any]:
    """Return the parts of the entry and its metadata that `ModelAnswer` has under the same name."""
    metadata = dataclasses.asdict(entry.metadata)
    known = {name: metadata[name] for name in ModelAnswer.model_fields if name in metadata}
    texts = texts_of(known, "trained_from", "trained_until")
    if "until" in known["gate"]:
        known["gate"] = known["gate"] | {"until_time": iso_time(int(known["gate"]["until"]))}
    return known | texts | {"name": entry.name, "version": entry.version, "current": entry.current}


def _describe_range(entry: RangeEntry) -> dict[str, Any]:
    """Return the parts of the entry and its model that `RangeModelAnswer` has under the same name."""
    known = {name: getattr(entry.model, name) for name in RangeModelAnswer.model_fields if hasattr(entry.model, name)}
    texts = texts_of(known, "trained_from", "trained_until")
    return known | texts | {
        "name": entry.name, "version": entry.version, "current": entry.current, "horizons": list(HORIZONS)
    }  # fmt: skip


def _importance(entry: Entry, registry: Registry) -> list[FeatureImportance]:
    """Return what the version looks at, nothing where its file cannot be read: the list of versions matters more."""
    try:
        text = registry.load(entry.name, entry.version).text
        return feature_importance(text, entry.metadata.features)
    except (ModelError, StorageError):
        return []
