"""Plan a training job: the request of CreateTrainingJob from what was asked for. Pure: no call to AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tapeline.core.symbol_forms import canonical_symbol
from tapeline.errors import InputError

#: What the container prints of a model, `held_back_NAME=VALUE;`, which CloudWatch keeps as the metric `held-out:NAME`.
METRICS = ("rows", "auc", "log_loss", "skill")

#: Where jobs leave their archives, under the folder of the models; the registry looks past them.
ARCHIVES = "models/training-jobs"

_NUMBER = r"([-+0-9.eE]+|nan)"
_MOST_CHANNELS = 20
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Hold what a job is made of.

    It reads all series of `interval` under `history/` in the bucket, or those of `symbols`, at most 20, however a
    person or a schedule spells them. `minutes` is the longest it may run; a spot job may wait as long again for a
    machine. `kms_key` encrypts the archive, '' leaves that to the bucket's default. `hyperparameters` are those of the
    container, as text.
    """

    bucket: str
    image: str
    role: str
    interval: str = "1m"
    symbols: tuple[str, ...] = ()
    instance_type: str = "ml.m5.large"
    volume_gb: int = 30
    spot: bool = True
    minutes: int = 60
    kms_key: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def job_name(model: str, at: int) -> str:
    """Return the name of a job that begins now: `at`, UTC epoch ms. A millisecond later it is another.

    The same time gives the same name, so that a schedule's event that comes twice starts one job. The name is at most
    63 letters, digits and dashes, as SageMaker has it: a longer model name is cut.
    """
    stamp = f"{datetime.fromtimestamp(at // 1000, UTC):%Y%m%d-%H%M%S}-{at % 1000:03d}"
    plain = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-")[: _LONGEST_NAME - len(stamp) - 10].rstrip("-")
    return f"tapeline-{plain}-{stamp}"


def plan_training(job: str, options: TrainingOptions) -> dict[str, Any]:
    """Return the request of CreateTrainingJob. Raises `InputError` for more symbols than a job has channels.

    The container has no network: SageMaker itself copies history in and the model out.
    """
    seconds = options.minutes * 60
    stopping = {"MaxRuntimeInSeconds": seconds} | ({"MaxWaitTimeInSeconds": 2 * seconds} if options.spot else {})
    result = {"S3OutputPath": f"s3://{options.bucket}/{ARCHIVES}"}
    return {
        "TrainingJobName": job,
        "RoleArn": options.role,
        "AlgorithmSpecification": {
            "TrainingImage": options.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": f"held-out:{name}", "Regex": f"held_back_{name}={_NUMBER};"} for name in METRICS
            ],
        },
        "HyperParameters": dict(options.hyperparameters),
        "InputDataConfig": _channels(options),
        "OutputDataConfig": result | ({"KmsKeyId": options.kms_key} if options.kms_key else {}),
        "ResourceConfig": {
            "InstanceType": options.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": options.volume_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": options.spot,
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": key, "Value": value} for key, value in options.tags.items()],
    }


def _channels(options: TrainingOptions) -> list[dict[str, Any]]:
    """Return a channel for the interval, or one for each symbol: a prefix each, as `S3Archive` lays history out."""
    symbols = dict.fromkeys(map(canonical_symbol, options.symbols))
    if len(symbols) > _MOST_CHANNELS:
        raise InputError(
            f"{len(symbols)} symbols: a training job reads at most {_MOST_CHANNELS}; leave them out to train "
            "on all of the history"
        )
    root = f"s3://{options.bucket}/history/interval={options.interval}/"
    prefixes = {"history": root}
    if symbols:
        prefixes = {
            f"history-{number}": f"{root}symbol={quote(symbol, safe='')}/" for number, symbol in enumerate(symbols, 1)
        }
    return [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": prefix,
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
        for name, prefix in prefixes.items()
    ]
