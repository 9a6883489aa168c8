"""`/scores` and `/models`: what the predictions were worth, the versions there are, and which one is in use."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tapeline.errors import ModelError, NotBetterError
from tapeline.forecast.registry import (
    DEFAULT_NAME,
    Entry,
    Registry,
)
from tapeline.runtime.clock import now_ms
from tapeline.web.api.bar_routes import known
from tapeline.web.api.context import Context, SymbolQuery, checked, problems
from tapeline.web.api.formats import json_answer
from tapeline.web.score_cache import ScoreCache

_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_SPLITS = re.compile(r"^split_feature=(.*)$", re.MULTILINE)
_GAINS = re.compile(r"^split_gain=(.*)$", re.MULTILINE)

Name = Annotated[str, Field(pattern=_VERSION)]


class EstimateAnswer(BaseModel):
    """A value and its 95% interval by block bootstrap; null where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


class GradeAnswer(BaseModel):
    """A group of rows, graded; `symbol` and `model` are '' where it holds several.

    `hit_rate` is that of the `answered` rows (UP or DOWN), `base_rate` that of always calling the more frequent side of
    the same rows. `brier` is over all `graded` rows, `brier_base` that of their share of rises.
    """

    symbol: str
    model: str
    predicted: int
    pending: int
    held: int
    graded: int
    answered: int
    hit_rate: EstimateAnswer
    base_rate: float | None
    brier: EstimateAnswer
    brier_base: float | None


class BinAnswer(BaseModel):
    """A tenth of the graded rows: their mean probability of UP, the share that rose, and how many."""

    mean: float
    share: float
    count: int


class RollingAnswer(BaseModel):
    """Hit-rate, base rate and Brier score over the last `window` graded rows, at the time of each (UTC epoch ms)."""

    window: int
    timestamp: list[int]
    hit_rate: list[float | None]
    base_rate: list[float | None]
    brier: list[float | None]


class ScoresAnswer(BaseModel):
    """The newest `per_symbol` rows of each symbol, graded: all together, per model, per symbol and model."""

    rows: int
    symbols: int
    per_symbol: int
    grades: list[GradeAnswer]
    calibration: list[BinAnswer]
    rolling: RollingAnswer


class FeatureAnswer(BaseModel):
    """How often a feature splits a tree of the model, and its share of what all splits gained."""

    feature: str
    splits: int
    gain: float


class DriftAnswer(BaseModel):
    """A feature's population stability index against training; above 0.25 `warning` is set."""

    feature: str
    psi: float
    warning: bool


class ModelAnswer(BaseModel):
    """A version, what its metadata say (`metrics` are of the slice that training held back), and how it does live."""

    name: str
    version: str
    current: bool
    trained_from: int
    trained_until: int
    interval: int
    horizon: int
    no_trade_band: float
    rows: int
    symbols: list[str]
    features: list[str]
    parameters: dict[str, Any]
    metrics: dict[str, float | None]
    importance: list[FeatureAnswer]
    grade: GradeAnswer | None
    drift: list[DriftAnswer] | None


class ModelsAnswer(BaseModel):
    """All versions, the oldest first. `evaluation` is the last walk-forward report, where one was kept."""

    models: list[ModelAnswer]
    evaluation: dict[str, Any] | None
    no_model: str


class Promotion(BaseModel):
    """Which model, and whether it is promoted even if it is worse than the one in use."""

    model_config = ConfigDict(extra="forbid")

    name: Name = DEFAULT_NAME
    force: bool = False


class Rollback(BaseModel):
    """Which model."""

    model_config = ConfigDict(extra="forbid")

    name: Name = DEFAULT_NAME


class InUse(BaseModel):
    """The version in use now."""

    name: str
    version: str


def router(context: Context) -> APIRouter:
    """The operations."""
    routes = APIRouter(tags=["models"])
    view = context.view
    judge = ScoreCache(view.store)

    @routes.get("/scores", response_model=ScoresAnswer, responses=problems(404), summary="Stored predictions, graded")
    async def scores(
        symbol: SymbolQuery | None = None,
        last: Annotated[int, Query(ge=50, le=20_000, description="The newest so many rows of each symbol.")] = 500,
    ) -> Response:
        if symbol is not None:
            await known(context, checked(symbol))
        found = await context.judge(lambda: judge.judge(context.models(), symbol or "", last))
        names = ("rows", "symbols", "per_symbol", "grades", "calibration", "rolling")
        return json_answer({name: getattr(found, name) for name in names})

    @routes.get("/models", response_model=ModelsAnswer, responses=problems(), summary="Versions of the model")
    async def models() -> Response:
        def gathered() -> dict[str, Any]:
            entries = view.registry.entries() if view.registry is not None else []
            judged = judge.judge(context.models())
            grades = {one.model: one for one in judged.grades if one.model and not one.symbol}
            return {
                "models": [
                    _plain(entry, view.registry)
                    | {"grade": grades.get(entry.version), "drift": judged.drifts.get(entry.version)}
                    for entry in entries
                ],
                "evaluation": view.evaluation(),
                "no_model": view.no_model,
            }

        return json_answer(await context.judge(gathered))

    @routes.post("/models/{version}/promote", responses=problems(404, 409, 413), summary="Put a version to use")
    async def promote(
        version: Annotated[str, Path(pattern=_VERSION, max_length=64)], promotion: Promotion | None = None
    ) -> InUse:
        asked = promotion or Promotion()

        def work(registry: Registry) -> str:
            if not any(entry.version == version for entry in registry.entries(asked.name)):
                raise HTTPException(404, f"there is no version {version} of {asked.name}")
            registry.promote(asked.name, version, at=now_ms(), force=asked.force)
            return version

        return await changed(asked.name, work)

    @routes.post("/models/rollback", responses=problems(409, 413), summary="Put the version before to use again")
    async def rollback(back: Rollback | None = None) -> InUse:
        asked = back or Rollback()
        return await changed(asked.name, lambda registry: registry.rollback(asked.name))

    async def changed(name: str, work: Any) -> InUse:
        if view.registry is None:
            raise HTTPException(409, "there are no models to choose from here")
        registry = view.registry
        try:
            return InUse(name=name, version=await context.call(lambda: work(registry)))
        except NotBetterError as error:
            raise HTTPException(409, str(error).replace("--force promotes", "force promotes")) from error
        except ModelError as error:
            raise HTTPException(409, str(error)) from error

    return routes


def _plain(entry: Entry, registry: Registry | None) -> dict[str, Any]:
    known = dataclasses.asdict(entry.metadata)
    kept = set(ModelAnswer.model_fields) & set(known)
    found = {name: known[name] for name in kept}
    return found | {
        "name": entry.name, "version": entry.version, "current": entry.current,
        "importance": _importance(entry, registry),
    }  # fmt: skip


def _importance(entry: Entry, registry: Registry | None) -> list[dict[str, Any]]:
    """Features by their share of what all splits gained, as LightGBM's text says; none where it cannot be read."""
    try:
        text = registry.load(entry.name, entry.version).text if registry is not None else ""
    except (ModelError, OSError):
        return []
    features = entry.metadata.features
    splits, gains = [0] * len(features), [0.0] * len(features)
    for places, gained in zip(_SPLITS.findall(text), _GAINS.findall(text), strict=True):
        for place, gain in zip(map(int, places.split()), map(float, gained.split()), strict=True):
            splits[place] += 1
            gains[place] += gain
    total = sum(gains) or 1.0
    found = [
        {"feature": feature, "splits": count, "gain": gain / total}
        for feature, count, gain in zip(features, splits, gains, strict=True)
    ]
    return sorted(found, key=lambda one: -one["gain"])
