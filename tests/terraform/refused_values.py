"""List values that the stacks' variables refuse: at least one for each `validation`, by stack and by variable.

A value that is a mapping is an object; a case with several variables is refused because of how they go together.
"""

from __future__ import annotations

from typing import Any

_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
_PAGE = {"domain_name": "stocks.example.com", "certificate_arn": _CERTIFICATE, "allowed_cidrs": ["203.0.113.0/24"]}

NETWORK: dict[str, list[Any]] = {
    "region": ["us-east"],
    "name_prefix": ["dev"],
    "tags": [{"aws:x": "y"}],
    "vpc_cidr": ["8.8.0.0/16", "10.0.0.0/8", "here"],
    "zone_count": [4],
    "nat": ["two"],
    "interface_endpoints": [["s3"], ["ecr.api"]],
    "flow_log_retention_days": [31],
}

SERVICES: dict[str, list[Any]] = {
    "region": ["europe"],
    "name_prefix": ["Dev-"],
    "tags": [{"AWS:x": "y"}],
    "network_state": [{"bucket": "No_Bucket"}, {"path": "network.json"}],
    "bucket_name": ["Stock"],
    "image_uri": ["stock-data-collector:1.0.0", _IMAGE.replace("1.0.0", "latest")],
    "model_data_url": ["models/model.tar.gz", "s3://some-bucket/models/1/model.tar.gz"],
    "architecture": ["RISCV", "ARM64"],
    "symbols": [[], ["TSLA", "TSLA"], ["tsla"], [f"ABCDEFGHIJKLMNOPQRSTUVWXYZ{i}" for i in range(1000, 2000)]],
    "interval": ["7m"],
    "horizon": [0, 1.5],
    "row_days": [-1],
    "stream_shards": [501],
    "stream_retention_hours": [12],
    "collector": [{"cpu": 256, "memory": 4096}, {"cpu": 300, "memory": 512}, {"forming_seconds": 0.1}, {"tasks": 0}],
    "processor": [
        {"memory": 128},
        {"timeout": 901},
        {"batch_size": 0},
        {"window": 301},
        {"retries": -1},
        {"max_record_age": 200_000},
        {"parallelization": 11},
        {"reserved_concurrency": 0},
        {"predictor": "elsewhere"},
    ],
    "endpoint": [
        {"memory": 1000},
        {"max_concurrency": 0},
        {"instance_type": "c6i.large"},
        {"min_instances": 3, "max_instances": 2},
        {"invocations_per_instance": 0},
    ],
    "log_retention_days": [2],
    "alarm_email": ["ann"],
    "monthly_budget_usd": [-5],
    "alarms": [{"iterator_age": 0}, {"duration_share": 1.5}, {"rows_silence": 0}],
    "dashboard": [_PAGE],  # without an image
    "enable_quicksight": [True],
    "quicksight_users": [["ann"]],
    "quicksight_role": ["arn:aws:iam::123456789012:role/some"],
    "alert_rules": [["rsi_14 < 30"]],
    "processor_roll_back": [{"version": "3"}],
    "earlier_models": [
        [
            {
                "image_uri": "",
                "model_data_url": "models/1",
                "endpoint": {"memory": 2048, "max_concurrency": 5, "min_instances": 1},
            }
        ]
    ],
    "retraining": [
        {"schedule": "every friday"},
        {"model": "two words"},
        {"symbols": list("ABCDEFGHIJKLMNOPQRSTU")},
        {"instance_type": "m5.large"},
        {"minutes": 0},
    ],
}

#: The variable that is refused, and what is set.
TOGETHER: list[tuple[str, dict[str, Any]]] = [
    *(
        ("dashboard", {"image_uri": _IMAGE, "dashboard": _PAGE | wrong})
        for wrong in ({"domain_name": "stocks"}, {"certificate_arn": "mine"}, {"allowed_cidrs": ["0.0.0.0/0"]})
    ),
    *(
        ("processor_roll_back", {"image_uri": _IMAGE, "processor_roll_back": wrong})
        for wrong in ({"version": "$LATEST"}, {"version": "3", "share": 1.5})
    ),
    ("alert_rules", {"image_uri": _IMAGE, "dashboard": _PAGE, "alert_rules": ["rsi_14 < 30; rsi_14 > 70"]}),
    ("processor", {"stream_retention_hours": 8760, "processor": {"max_record_age": 604_801}}),
]


def cases(stack: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return by its name each case: the variable that is refused, and what is set."""
    alone = {"network": NETWORK, "services": SERVICES}[stack]
    listed = [(variable, {variable: value}) for variable, values in alone.items() for value in values]
    if stack == "services":
        listed += TOGETHER
    return {f"{variable}_{number}": (variable, given) for number, (variable, given) in enumerate(listed)}
