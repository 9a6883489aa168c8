"""Alerts to an Amazon SNS topic, and from there to phones, mailboxes and queues. The one module here that knows AWS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tapeline.alerts.delivery import (
    body,
    subject,
)
from tapeline.alerts.journal import Alert
from tapeline.errors import DeliveryError

#: An SNS topic's ARN; the region is the first group.
TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")

_LONGEST_MESSAGE = 250_000  # bytes; SNS takes 256 KiB
_HOPELESS = {"AuthorizationError", "InvalidParameter", "NotFound", "InvalidClientTokenId", "AccessDenied"}


class Sns:
    """Publishes to one topic. `client` is boto3's, made at the first message where none is given."""

    def __init__(self, topic: str, client: Any = None) -> None:
        """Raises `ValueError` for what is not the ARN of a topic."""
        found = TOPIC_ARN.fullmatch(topic)
        if found is None:
            raise ValueError("is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts")
        self._topic, self._region = topic, found[1]
        self._client = client

    def send(self, alerts: Sequence[Alert]) -> None:
        import botocore.exceptions

        text = body(alerts).encode()[:_LONGEST_MESSAGE].decode(errors="ignore")
        extra = {}
        if self._topic.endswith(".fifo"):
            extra = {"MessageGroupId": "alerts", "MessageDeduplicationId": f"{alerts[0].key}-{alerts[-1].key}"}
        try:
            self._boto3().publish(TopicArn=self._topic, Subject=subject(alerts), Message=text, **extra)
        except botocore.exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "an error"))
            raise DeliveryError(f"SNS answered {code}", again=code not in _HOPELESS) from error
        except botocore.exceptions.BotoCoreError as error:
            raise DeliveryError(f"SNS cannot be used: {type(error).__name__}") from error

    def _boto3(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 1})
            self._client = boto3.client("sns", region_name=self._region, config=config)
        return self._client
