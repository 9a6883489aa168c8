"""Answer `/indicators`: every indicator there is, for a picker."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from tapeline.indicators import parse
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.entry import Indicator, Parameter
from tapeline.web.api.problems import problems
from tapeline.web.api.routers import api_router

routes = api_router("indicators")


class IndicatorAnswer(BaseModel):
    """Describe an indicator. `spec` is the one with the defaults, which `outputs` and `warm_up` (bars) belong to.

    `suffixes` are what each output's name adds to its spec, whatever the numbers. `off_price` are those outputs of an
    overlay that are no prices, so that a chart does not draw them over the price.
    """

    name: str
    title: str
    group: str
    pane: Literal["overlay", "own"]
    spec: str
    outputs: list[str]
    suffixes: list[str]
    off_price: list[str]
    parameters: list[Parameter]
    inputs: list[str]
    warm_up: int
    formula: str


class IndicatorsAnswer(BaseModel):
    """Hold the catalogue, in its order."""

    indicators: list[IndicatorAnswer]


@routes.get("/indicators", responses=problems(), summary="The catalogue of indicators")
async def indicators() -> IndicatorsAnswer:
    """Answer with the same document for as long as the server runs."""
    return IndicatorsAnswer(indicators=[_answer(indicator) for indicator in CATALOGUE.values()])


def _answer(indicator: Indicator) -> IndicatorAnswer:
    spec = parse(indicator.name)
    return IndicatorAnswer(
        name=indicator.name, title=indicator.title, group=indicator.group,
        pane="overlay" if indicator.pane == "price" else "own", spec=spec.text, outputs=list(spec.outputs),
        suffixes=list(indicator.outputs), off_price=[spec.text + suffix for suffix in indicator.off_price],
        parameters=list(indicator.parameters), inputs=list(indicator.inputs), warm_up=max(spec.warm_up),
        formula=indicator.formula,
    )  # fmt: skip
