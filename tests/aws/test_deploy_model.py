"""Test `tapeline deploy-model`: what it creates on moto's SageMaker, and how it updates an endpoint."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tapeline.backends.aws import deployment
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.files.file_registry import LocalFolder, load_model
from tapeline.cli import deploy_commands as deploy
from tapeline.cli.main import app
from tapeline.errors import DeploymentError, StorageError
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry
from tapeline.research.training import fit
from tests.aws.conftest import REGION
from tests.daily import daily_bars
from tests.fakes.sagemaker import UpdatingSageMaker

BUCKET, NAME = "tapeline-data", "tsla-stock-predictor"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tapeline:1.0"
ROLE = "arn:aws:iam::123456789012:role/tsla-stock-predictor-endpoint"
NEW = ("--image", IMAGE, "--role", ROLE)
INSTANCES = (*NEW, "--instance-type", "ml.c5.large", "--instances", "2")


@pytest.fixture(scope="module")
def model() -> LightGBMModel:
    return fit([daily_bars(symbols=3, count=500, reversal=1.5)], rounds=5)


class Account:
    def __init__(self, folder: Path, model: LightGBMModel) -> None:
        self.s3, self.sagemaker = boto3.client("s3"), UpdatingSageMaker(boto3.client("sagemaker"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.registry = Registry(LocalFolder(folder / "models"))
        self.slept = 0.0
        self.registry.save("default", model)
        self.registry.promote("default", model.version, at=0)

    def client(self, service: str) -> Any:
        return {"s3": self.s3, "sagemaker": self.sagemaker}[service]

    def group(self) -> None:
        self.sagemaker.create_model_package_group(ModelPackageGroupName=NAME)

    def packages(self) -> list[tuple[str, str]]:
        found = self.sagemaker.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
        return [(one["ModelPackageDescription"], one["ModelApprovalStatus"]) for one in found]

    def run(self, *arguments: str) -> dict[str, Any]:
        self.sagemaker.calls.clear()
        result = CliRunner().invoke(app, ["deploy-model", *arguments, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def second(self, model: LightGBMModel) -> LightGBMModel:
        """Save another version in the registry and return it."""
        other = LightGBMModel(model.text, dataclasses.replace(model.metadata, seed=99))
        self.registry.save("default", other)
        return other


@pytest.fixture
def account(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: LightGBMModel) -> Account:
    monkeypatch.setenv("TAPELINE_AWS__BUCKET", BUCKET)
    monkeypatch.setenv("TAPELINE_DATA_DIR", str(tmp_path))
    found = Account(tmp_path, model)
    monkeypatch.setattr(deploy, "client", found.client)

    def sleep(seconds: float) -> None:
        found.slept += seconds

    monkeypatch.setattr(deploy.time, "sleep", sleep)
    return found


def served(account: Account, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the variant and the model of the configuration of this name."""
    variant = account.sagemaker.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]
    return variant, account.sagemaker.describe_model(ModelName=variant["ModelName"])


def test_the_packed_model_is_what_serve_reads_and_always_the_same(model: LightGBMModel, tmp_path: Path) -> None:
    packed = deployment.pack_model(model)
    assert packed == deployment.pack_model(LightGBMModel(model.text, model.metadata))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in tar} == {(0, 0, "", 0o644)}
        assert tar.getnames() == sorted(tar.getnames())
        tar.extractall(tmp_path, filter="data")
    assert load_model(tmp_path).version == model.version


def test_a_first_deployment_makes_everything_and_a_second_nothing(account: Account, model: LightGBMModel) -> None:
    account.group()
    found = account.run(*NEW)
    url = f"s3://{BUCKET}/models/default/{model.version}/model.tar.gz"
    assert found == {
        "version": model.version, "model_data_url": url, "endpoint": NAME, "outcome": "served",
        "runs on": "serverless, 2048 MB, 5 calls at once",
    }  # fmt: skip
    endpoint = account.sagemaker.describe_endpoint(EndpointName=NAME)
    variant, made = served(account, endpoint["EndpointConfigName"])
    assert (variant["VariantName"], variant["ServerlessConfig"]) == (
        "main",
        {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
    )
    assert (made["PrimaryContainer"]["Image"], made["PrimaryContainer"]["ModelDataUrl"]) == (IMAGE, url)
    assert made["ExecutionRoleArn"] == ROLE
    key = url.removeprefix(f"s3://{BUCKET}/")
    assert account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == deployment.pack_model(model)
    assert account.packages() == [(f"tapeline default {model.version}", "Approved")]
    put = account.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
    assert account.run()["outcome"] == "served already"
    assert account.sagemaker.calls == []
    assert account.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] == put


def test_models_on_s3_are_deployed_as_well(account: Account, model: LightGBMModel) -> None:
    where = f"s3://{BUCKET}/models"
    registry = Registry(S3Folder(account.s3, BUCKET, "models"))
    registry.save("default", model)
    assert account.run(model.version, "--models", where, *NEW)["outcome"] == "served"
    assert [entry.version for entry in registry.entries()] == [model.version]  # the archive beside it is no model
    with pytest.raises(StorageError, match=r"s3://nowhere/models/.*NoSuchBucket"):
        account.run(model.version, "--models", "s3://nowhere/models", *NEW)


def test_a_first_deployment_needs_image_and_role(account: Account) -> None:
    with pytest.raises(DeploymentError, match="no endpoint yet to take image from: name it with --image"):
        account.run()
    with pytest.raises(DeploymentError, match="take role from: name it with --role"):
        account.run("--image", IMAGE)
    assert account.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_only_upload_leaves_the_endpoint_to_terraform(account: Account, capsys: Any) -> None:
    account.group()
    assert account.run("--only-upload")["outcome"] == "uploaded"
    assert account.packages() == []  # without an image there is nothing to register
    assert account.run("--only-upload", "--image", IMAGE)["model_data_url"].endswith("/model.tar.gz")
    assert account.packages()[0][1] == "PendingManualApproval"
    assert account.sagemaker.list_endpoints()["Endpoints"] == []


def test_a_serverless_endpoint_is_updated_without_guardrails(account: Account, model: LightGBMModel) -> None:
    account.group()
    account.run(*NEW, "--memory", "3072", "--concurrency", "7")
    other = account.second(model)
    found = account.run(other.version, "--alarm", "errors")
    assert (found["outcome"], found["runs on"]) == ("served", "serverless, 3072 MB, 7 calls at once")
    (update,) = account.sagemaker.updates
    assert set(update) == {"EndpointName", "EndpointConfigName"}
    assert other.version in served(account, update["EndpointConfigName"])[1]["PrimaryContainer"]["ModelDataUrl"]
    assert account.slept == 20.0
    assert [status for _, status in account.packages()] == ["Approved", "Approved"]


def test_one_instance_moves_all_at_once_and_is_watched(account: Account, model: LightGBMModel) -> None:
    """A canary may take at most half of the instances."""
    account.run(*INSTANCES, "--instances", "1")
    account.run(account.second(model).version, "--bake", "300", "--alarm", "a")
    (update,) = account.sagemaker.updates
    assert update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == {
        "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300,
    }  # fmt: skip
    assert update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == [{"AlarmName": "a"}]


def test_instances_get_a_canary_and_a_rollback(account: Account, model: LightGBMModel) -> None:
    account.run(*INSTANCES)
    other = account.second(model)
    assert (
        account.run(other.version, "--canary", "20", "--bake", "300", "--alarm", "a", "--alarm", "b")["runs on"]
        == "2 x ml.c5.large"
    )
    (update,) = account.sagemaker.updates
    policy = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20}, "WaitIntervalInSeconds": 300,
    }  # fmt: skip
    alarms = [{"AlarmName": "a"}, {"AlarmName": "b"}]
    assert update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == alarms
    assert update["RetainAllVariantProperties"] is True  # as many instances as the autoscaling has made
    assert account.sagemaker.models[0]["EnableNetworkIsolation"] is True
    account.run(model.version)  # back again, with the alarms of the last time
    assert account.sagemaker.updates[1]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == alarms


def test_a_canary_is_no_more_than_half_of_the_instances_that_run(account: Account, model: LightGBMModel) -> None:
    """Autoscaling has taken all but one away."""
    account.run(*INSTANCES)
    account.sagemaker.ends = {"ProductionVariants": [{"VariantName": "main", "CurrentInstanceCount": 1}]}
    account.run(account.second(model).version)
    account.run(model.version)
    first, second = (
        update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
        for update in account.sagemaker.updates
    )
    assert (first["Type"], second["Type"]) == ("CANARY", "ALL_AT_ONCE")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ({"EndpointConfigName": "old", "FailureReason": "alarm a rang"}, "was taken back .* old as before: alarm"),
        ({"EndpointStatus": "Failed", "FailureReason": "the ping failed"}, "is Failed: the ping failed"),
        ({"EndpointStatus": "UpdateRollbackFailed"}, "is UpdateRollbackFailed: SageMaker gives no reason"),
    ],
)  # fmt: skip
def test_a_rollback_is_a_failure(account: Account, model: LightGBMModel, ends: dict[str, Any], message: str) -> None:
    account.group()
    account.run(*INSTANCES)
    account.sagemaker.ends = ends
    with pytest.raises(DeploymentError, match=message):
        account.run(account.second(model).version)
    assert [status for _, status in account.packages()] == ["Approved", "Rejected"]


def test_a_run_that_was_interrupted_is_waited_for(account: Account, model: LightGBMModel) -> None:
    account.run(*INSTANCES)
    other = account.second(model)
    account.sagemaker.polls = 1000
    with pytest.raises(DeploymentError, match="is Updating after 1 minutes; run this again to wait on"):
        account.run(other.version, "--minutes", "1")
    account.sagemaker._moves = account.sagemaker._moves[-3:]
    assert account.run(other.version)["outcome"] == "served already"
    assert len(account.sagemaker.updates) == 1


def test_the_error_about_a_broken_endpoint_says_how_to_delete_it(account: Account) -> None:
    account.run(*NEW)
    account.sagemaker._moves = [{"EndpointStatus": "Failed", "FailureReason": "no such image"}]
    with pytest.raises(DeploymentError, match=r"is Failed \(no such image\).*delete-endpoint"):
        account.run()


@pytest.mark.parametrize("call", ["describe_endpoint", "create_model", "create_endpoint"])
def test_a_call_that_is_denied_names_the_permission(
    account: Account, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        error = {"Code": "AccessDeniedException", "Message": "User: ann is not authorized"}
        raise ClientError({"Error": error}, "".join(part.title() for part in call.split("_")))  # type: ignore[arg-type]

    monkeypatch.setattr(account.sagemaker, call, refuse, raising=False)
    with pytest.raises(
        DeploymentError,
        match=r"AccessDeniedException: User: ann is not authorized; allow sagemaker:[A-Za-z]+ in the policy",
    ):
        account.run(*NEW)


def test_terraforms_configuration_of_the_same_model_is_the_same(account: Account, model: LightGBMModel) -> None:
    """Whoever created the endpoint: when it serves that model in that image and size, there is nothing to do."""
    url = account.run("--only-upload")["model_data_url"]
    account.sagemaker.create_model(
        ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url}
    )
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    account.sagemaker.create_endpoint_config(
        EndpointConfigName="theirs",
        ProductionVariants=[{"VariantName": "main", "ModelName": "theirs", "ServerlessConfig": size}],
    )
    account.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="theirs")
    assert account.run()["outcome"] == "served already"
    assert account.sagemaker.calls == []
    assert account.run("--concurrency", "9")["outcome"] == "served"
    assert account.run("--concurrency", "9")["outcome"] == "served already"
