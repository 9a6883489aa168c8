"""Test what the plans of a deployment change: nothing when repeated, nothing that holds data, and nothing by surprise.

The real planner plans what `deploy/steps.py` applies; `python -m tests.terraform.deployments` has all of its steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.terraform.deployments import FIRST, MODEL, SECOND, Deployment, deployment, loses_data

NETWORK = {
    "region": "us-east-1", "vpc_id": "vpc-1", "vpc_cidr": "10.20.0.0/16", "public_subnet_ids": ["subnet-1", "subnet-2"],
    "private_subnet_ids": ["subnet-3", "subnet-4"], "collector_security_group_id": "sg-1",
    "processor_security_group_id": "sg-2", "has_internet": True, "interface_endpoints": [],
}  # fmt: skip

pytestmark = pytest.mark.timeout(900)  # a plan takes seconds, and a minute on a busy machine


@pytest.fixture(scope="module")
def deployed(terraform: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Yield an account where image and model are deployed."""
    folder = tmp_path_factory.mktemp("deployed")
    with deployment(folder, ("services",)) as made:
        kinds = {str: "string", bool: "bool", list: ["tuple", ["string", "string"]]}
        outputs = {
            name: {"value": value, "type": ["tuple", []] if value == [] else kinds[type(value)]}
            for name, value in NETWORK.items()
        }
        state = {"version": 4, "terraform_version": "1.10.0", "serial": 1, "lineage": "made-up", "outputs": outputs}
        (folder / "network").mkdir()
        (folder / "network" / "terraform.tfstate").write_text(json.dumps(state | {"resources": []}))
        values = {"image_uri": FIRST, "model_data_url": MODEL}
        (folder / "services" / "deployed.auto.tfvars.json").write_text(json.dumps(values))
        ((_, found),) = made.run("s y y s n")
        assert {change.partition(" ")[0] for change in found} == {"create"}
        yield made


def test_the_same_steps_again_change_nothing(deployed: Deployment) -> None:
    assert deployed.run("s y s n") == [("services", [])]


def test_a_new_image_replaces_nothing_that_runs_and_keeps_the_model_that_serves(deployed: Deployment) -> None:
    found = deployed.planned(f"image_uri={SECOND}")
    assert not any(map(loses_data, found))
    assert {re.sub(r"\[.*", "", change) for change in found} == {
        "create aws_ecs_task_definition.collector",  # the earlier revision stays
        "create aws_sagemaker_endpoint_configuration.this",
        "create aws_sagemaker_model.this",
        "update aws_ecs_service.collector",
        "update aws_lambda_alias.live",
        "update aws_lambda_function.copier",
        "update aws_lambda_function.processor",
        "update aws_sagemaker_endpoint.this",
    }
