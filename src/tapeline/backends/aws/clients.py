"""Make clients of AWS services whose time-outs suit a stream: an error that is retried beats a call that hangs."""

from __future__ import annotations

from typing import Any

from tapeline.core.extras import missing
from tapeline.errors import ConfigError

#: Seconds to connect, seconds to wait for an answer, and how often botocore itself tries again: not at all where the
#: caller does, or where not answering in time is an answer.
_LIMITS = {"dynamodb": (2, 5, 0), "kinesis": (2, 10, 0), "sagemaker-runtime": (1, 2, 0), "sns": (5, 10, 1)}
_USUAL_LIMITS = (2, 5, 3)


def client(service: str, region: str | None = None) -> Any:
    """Return a boto3 client; region, credentials and address are boto3's own settings unless `region` is given.

    Raises `MissingLibraryError` without boto3 and `ConfigError` without a region.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise missing("this needs the AWS parts", "aws") from error
    connect, read, retries = _LIMITS.get(service, _USUAL_LIMITS)
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": retries + 1},
        parameter_validation=False,  # a third of a call's CPU; what is wrong, the service says
    )
    try:
        return boto3.client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"no {service} client: {error} (set AWS_DEFAULT_REGION, or a profile with a region)"
        ) from error
