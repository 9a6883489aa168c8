"""Put a version where SageMaker finds it: its archive on S3, and its entry in the model package group."""

from __future__ import annotations

from typing import Any

from tapeline.backends.aws.deployment import Endpoint, pack_model, upload
from tapeline.forecast.model import LightGBMModel


def archive_key(name: str, version: str) -> str:
    """Return where a version's `model.tar.gz` is in the bucket."""
    return f"models/{name}/{version}/model.tar.gz"


def publish(
    s3: Any, target: Endpoint, bucket: str, group: str, name: str, model: LightGBMModel, image: str | None
) -> tuple[str, str] | None:
    """Upload the version and return the ARN and the approval of its entry, None where there is no such group.

    A second call changes nothing. `image` is what serves it; without one there can be no entry. Raises
    `DeploymentError`.
    """
    key = archive_key(name, model.version)
    upload(s3, bucket, key, pack_model(model))
    if image is None:
        return None
    facts = {"name": name, "version": model.version, "schema": model.metadata.feature_hash}
    return target.register(group, f"tapeline {name} {model.version}", image, f"s3://{bucket}/{key}", facts)
