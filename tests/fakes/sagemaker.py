"""A SageMaker endpoint in memory, around the real serving application."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import httpx
from botocore.exceptions import ClientError

from tapeline.forecast.model import LightGBMModel
from tapeline.lambdas.model_serving import Service


class FakeEndpoint:
    """`invoke_endpoint` of a boto3 client over the real service, without a socket between them.

    `failing` is called before each request is answered and may raise; `requests` are all that were made.
    """

    def __init__(self, model: LightGBMModel | None) -> None:
        self.service = Service()
        self.service.model = model
        self.requests: list[dict[str, Any]] = []
        self.failing: Callable[[], None] = lambda: None

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        self.failing()
        answer = asyncio.run(self._send(request))
        if answer.status_code != 200:
            said = {"Error": {"Code": "ModelError", "Message": answer.text}, "OriginalStatusCode": answer.status_code}
            raise ClientError(said, "InvokeEndpoint")  # type: ignore[arg-type]
        attributes = answer.headers.get("x-amzn-sagemaker-custom-attributes", "")
        return {"Body": io.BytesIO(answer.content), "CustomAttributes": attributes}

    async def _send(self, request: dict[str, Any]) -> httpx.Response:
        headers = {
            "content-type": request["ContentType"],
            "accept": request["Accept"],
            "x-amzn-sagemaker-custom-attributes": request["CustomAttributes"],
        }
        transport = httpx.ASGITransport(self.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            return await client.post("/invocations", content=request["Body"], headers=headers)
