"""`/indicators`: every indicator there is, for a picker."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.listing import listing
from tapeline.web.api.context import Context, problems


class ParameterAnswer(BaseModel):
    """One number of a spec; bounds are inclusive, `whole` ones are counts of bars."""

    name: str
    default: float
    low: float
    high: float
    whole: bool


class IndicatorAnswer(BaseModel):
    """An indicator. `spec` is the one with the defaults, which `outputs` and `warm_up` (bars) belong to.

    `off_price` are those outputs of an overlay that have no place over the price.
    """

    name: str
    title: str
    group: str
    pane: Literal["overlay", "own"]
    spec: str
    outputs: list[str]
    off_price: list[str]
    parameters: list[ParameterAnswer]
    inputs: list[str]
    warm_up: int
    formula: str


class IndicatorsAnswer(BaseModel):
    """The catalogue, in its order."""

    indicators: list[IndicatorAnswer]


def router(_: Context) -> APIRouter:
    """The operation."""
    routes = APIRouter(tags=["indicators"])

    @routes.get("/indicators", responses=problems(), summary="The catalogue of indicators")
    async def indicators() -> IndicatorsAnswer:
        return IndicatorsAnswer(
            indicators=[
                IndicatorAnswer(
                    name=one.name, title=one.title, group=one.group,
                    pane="overlay" if CATALOGUE[one.name].pane == "price" else "own",
                    spec=one.default, outputs=list(one.outputs),
                    parameters=[
                        ParameterAnswer(name=p.name, default=p.default, low=p.low, high=p.high, whole=p.whole)
                        for p in CATALOGUE[one.name].parameters
                    ],
                    off_price=[one.default + suffix for suffix in CATALOGUE[one.name].off_price],
                    inputs=list(one.inputs), warm_up=one.warm_up, formula=one.formula,
                )
                for one in listing()
            ]
        )  # fmt: skip

    return routes
