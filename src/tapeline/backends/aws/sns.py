"""Deliver alerts to an Amazon SNS topic, and from there to phones, mailboxes and queues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.delivery import body, subject
from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors
from tapeline.backends.aws.clients import client as new_client
from tapeline.errors import DeliveryError, InputError

#: An SNS topic's ARN; the region is the first group.
TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")

_LONGEST_MESSAGE = 250_000  # bytes; SNS takes 256 KiB

#: Errors after which the same message is never taken.
_HOPELESS = {"AuthorizationError", "InvalidParameter", "NotFound", "InvalidClientTokenId", "AccessDenied"}


class Sns:
    """Publish alerts to one topic. `client` is a boto3 SNS client, made at the first message where none is given.

    Duplicates: a FIFO topic drops a message that is sent again within five minutes; another topic delivers it twice.
    """

    def __init__(self, topic: str, client: Any = None) -> None:
        """Raise `InputError` for what is not the ARN of a topic."""
        found = TOPIC_ARN.fullmatch(topic)
        if found is None:
            raise InputError("is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts")
        self._topic, self._region = topic, found[1]
        self._client = client

    def send(self, alerts: Sequence[Alert]) -> None:
        """Publish these alerts as one message. Raises `DeliveryError`, which names the error but no ARN."""
        self._client = self._client or new_client("sns", self._region)
        text = body(alerts).encode()[:_LONGEST_MESSAGE].decode(errors="ignore")
        fifo = {}
        if self._topic.endswith(".fifo"):
            fifo = {"MessageGroupId": "alerts", "MessageDeduplicationId": f"{alerts[0].key}-{alerts[-1].key}"}
        try:
            self._client.publish(TopicArn=self._topic, Subject=subject(alerts), Message=text, **fifo)
        except botocore_errors() as error:
            problem = AwsProblem.of(error, "sns:Publish")
            text = f"SNS did not take it: {problem.code}" + (f" ({problem.advice})" if problem.advice else "")
            raise DeliveryError(text, again=problem.code not in _HOPELESS) from error
