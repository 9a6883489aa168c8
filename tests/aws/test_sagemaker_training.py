"""Test training on SageMaker: the job, its end, the registry and the model package group, by hand and on a schedule."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tapeline.backends.aws import sagemaker_job_plan as plan
from tapeline.backends.aws.deployment import pack_model
from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.aws.sagemaker_training import unpack_model
from tapeline.cli import cloud_training
from tapeline.cli.main import app
from tapeline.core.market import Bars
from tapeline.core.messages import Series
from tapeline.errors import InputError, ModelError, TrainingError
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.lambdas import scheduled_training
from tapeline.research.range_training import fit_range
from tapeline.research.training import fit
from tests.aws.conformance import watching
from tests.aws.conformance.watching import faults
from tests.aws.conftest import REGION
from tests.daily import daily_bars
from tests.fakes.sagemaker import TrainingSageMaker, UpdatingSageMaker

BUCKET, GROUP = "tapeline-data", "tsla-stock-predictor"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tapeline:1.0"
ROLE = "arn:aws:iam::123456789012:role/tsla-stock-predictor-training"
HERE = ("--on", "sagemaker", "--image", IMAGE, "--role", ROLE, "--interval", "1d")


class Account:
    """SageMaker and S3 of moto with what moto lacks, and the history of four symbols in the bucket."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3")
        self.updating = UpdatingSageMaker(boto3.client("sagemaker"))
        self.sagemaker = TrainingSageMaker(self.updating, self.s3)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        self.registry = Registry(S3Folder(self.s3, BUCKET, "models"))
        self.slept = 0.0

    def client(self, service: str) -> Any:
        return {"s3": self.s3, "sagemaker": self.sagemaker}[service]

    def packages(self) -> list[tuple[str, str]]:
        found = self.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
        return [(one["ModelPackageDescription"], one["ModelApprovalStatus"]) for one in found]

    def train(self, *arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, ["train", *HERE, *arguments, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        self.said = result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found


def save(account: Account, bars: Bars) -> None:
    archive = S3Archive(account.s3, BUCKET)
    for symbol in bars.symbols:
        own = Bars.of([bar for bar in bars if bar.symbol == symbol])
        archive.save(Series(symbol, "1d", own))


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=3, count=430, reversal=1.5)


@pytest.fixture
def account(aws: str, bars: Bars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    monkeypatch.setenv("TAPELINE_AWS__BUCKET", BUCKET)
    monkeypatch.chdir(tmp_path)
    found = Account()
    save(found, bars)

    def sleep(seconds: float) -> None:
        found.slept += seconds

    for module in (cloud_training, scheduled_training):
        monkeypatch.setattr(module, "client", found.client)
        monkeypatch.setattr(module.time, "sleep", sleep)
    monkeypatch.setattr("tapeline.backends.aws.s3_registry.new_client", found.client)
    monkeypatch.setattr(scheduled_training, "_steps", None)
    return found


def test_a_job_trains_on_the_history_and_its_model_is_the_one_that_training_here_makes(
    account: Account, bars: Bars
) -> None:
    account.sagemaker.steps = [
        {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": [{"StatusMessage": "Preparing the instances"}]},
        {"SecondaryStatus": "Training", "SecondaryStatusTransitions": [{"StatusMessage": ""}]},
    ]
    found = account.train("--horizon", "3", "--seed", "7")
    want = fit([bars], horizon=3, seed=7)
    assert (found["version"], found["in_use"]) == (want.version, True)
    assert account.registry.current("default") == want.version
    assert account.packages() == [(f"tapeline default {want.version}", "PendingManualApproval")]
    archived = account.s3.get_object(Bucket=BUCKET, Key=f"models/default/{want.version}/model.tar.gz")["Body"].read()
    assert archived == pack_model(want)
    ranges = RangeRegistry(S3Folder(account.s3, BUCKET, "models")).load("default")
    assert ranges == fit_range([bars])
    assert "Starting: Preparing the instances" in account.said
    assert re.search(r"70% saved by\s+spot", account.said)
    assert account.slept == 30.0


def test_a_job_is_spot_waits_twice_its_time_and_has_no_network(account: Account) -> None:
    account.train("--minutes", "20", "--kms-key", "alias/tapeline", "--tag", "team=desk", "--symbols", "S00,S02")
    (job,) = account.sagemaker.jobs
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1200, "MaxWaitTimeInSeconds": 2400}
    assert (job["EnableManagedSpotTraining"], job["EnableNetworkIsolation"]) == (True, True)
    assert job["OutputDataConfig"] == {"S3OutputPath": f"s3://{BUCKET}/{plan.ARCHIVES}", "KmsKeyId": "alias/tapeline"}
    assert job["Tags"] == [{"Key": "team", "Value": "desk"}]
    assert [each["DataSource"]["S3DataSource"]["S3Uri"] for each in job["InputDataConfig"]] == [
        f"s3://{BUCKET}/history/interval=1d/symbol={symbol}/" for symbol in ("S00", "S02")
    ]
    account.train("--no-spot")
    assert "MaxWaitTimeInSeconds" not in account.sagemaker.jobs[-1]["StoppingCondition"]


def test_every_metric_definition_finds_its_number_in_what_the_container_prints(account: Account) -> None:
    account.train()
    (job,) = account.sagemaker.jobs
    for each in job["AlgorithmSpecification"]["MetricDefinitions"]:
        found = re.search(each["Regex"], account.sagemaker.log)
        assert found is not None, each
        float(found[1])


def test_a_version_that_is_not_better_is_rejected_and_not_in_use(account: Account, bars: Bars) -> None:
    good = account.train()
    save(account, daily_bars(symbols=3, count=430, seed=5))
    worse = account.train()
    assert not worse["in_use"]
    assert account.registry.current("default") == good["version"]
    assert sorted(status for _, status in account.packages()) == ["PendingManualApproval", "Rejected"]


def test_a_job_that_runs_already_is_waited_for(account: Account) -> None:
    first = account.train()
    (job,) = account.sagemaker.jobs
    again = account.train("--job", job["TrainingJobName"])
    assert (again["version"], len(account.sagemaker.jobs)) == (first["version"], 1)
    assert len(account.packages()) == 1


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (
            {"TrainingJobStatus": "Failed", "FailureReason": "CapacityError: Unable to provision requested ML compute"},
            "is Failed: CapacityError: Unable.*; no machine was free: run it again later, or with --no-spot",
        ),
        (
            {"TrainingJobStatus": "Failed", "FailureReason": "ClientError: Data download failed: No S3 objects found"},
            "No S3 objects found; upload history first",
        ),
        ({"TrainingJobStatus": "Failed"}, "is Failed: SageMaker gives no reason; see the log group"),
        (
            {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"},
            "is Stopped: it took longer than it may run; give it more --minutes",
        ),
        (
            {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"},
            "no spot machine was free in time; try again later, or with --no-spot",
        ),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}, "is Stopped: somebody stopped it"),
    ],
)  # fmt: skip
def test_a_job_that_made_no_model_says_why_and_what_to_do(account: Account, ends: dict[str, Any], message: str) -> None:
    account.sagemaker.ends = ends
    with pytest.raises(TrainingError, match=f"training job tapeline-default-[0-9-]+ {message}|{message}"):
        account.train()
    assert account.packages() == []
    assert account.registry.current("default") is None


def test_the_containers_own_reason_comes_through(account: Account) -> None:
    save(account, daily_bars(symbols=3, count=20))
    with pytest.raises(TrainingError, match="AlgorithmError: not enough history: "):
        account.train()


def test_a_quota_of_no_instances_is_explained(account: Account) -> None:
    said = "The account-level service limit 'ml.m5.large for spot training job usage' is 0 Instances"
    account.sagemaker.refuse = ClientError(
        {"Error": {"Code": "ResourceLimitExceeded", "Message": said}}, "CreateTrainingJob"
    )
    with pytest.raises(TrainingError, match=r"is 0 Instances; ask for the quota in Service Quotas, or use --no-spot"):
        account.train()


def test_a_job_that_does_not_end_goes_on(account: Account) -> None:
    account.sagemaker.steps = [{"SecondaryStatus": "Training", "SecondaryStatusTransitions": []}] * 1000
    with pytest.raises(TrainingError, match=r"has not ended after 32 minutes \(Training\); it goes on: .* --job tapel"):
        account.train("--minutes", "1")


def test_what_a_job_cannot_take_is_refused_before_it_starts(account: Account) -> None:
    for arguments, message in (
        (("--symbols", ",".join(f"S{i}" for i in range(21))), "21 symbols: a training job reads at most 20"),
        (("--tag", "team"), "--tag team: give it as KEY=VALUE"),
    ):
        with pytest.raises(InputError, match=message):
            account.train(*arguments)
    result = CliRunner().invoke(app, ["train", "--on", "sagemaker", "--role", ROLE])
    assert "name the image with --image" in str(result.exception)
    result = CliRunner().invoke(app, ["train", "--on", "sagemaker", "--trials", "3"])
    assert result.exit_code == 2
    assert account.sagemaker.jobs == []


def test_names_and_requests_of_jobs_conform_whatever_the_model_is_called() -> None:
    for model in ("default", "1m.large_model", "x" * 64, "A--B"):
        job = plan.job_name(model, 1_790_000_000_000)
        options = plan.TrainingOptions("bucket", IMAGE, ROLE, symbols=("^GSPC", "BRK/B"), tags={"a": "b"})
        assert faults("sagemaker", "CreateTrainingJob", plan.plan_training(job, options)) == []
    assert plan.job_name("default", 1002) == "tapeline-default-19700101-000001-002"


def test_jobs_that_begin_within_a_second_have_names_of_their_own() -> None:
    for model in ("default", "x" * 64):
        assert len({plan.job_name(model, 1_790_000_000_000 + ms) for ms in range(1000)}) == 1000


def test_an_archive_that_is_damaged_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(size: int) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            member = tarfile.TarInfo("model.txt")
            member.size = size
            tar.addfile(member, io.BytesIO(b"x" * size))
        return gzip.compress(made.getvalue())

    monkeypatch.setattr("tapeline.backends.aws.sagemaker_training._LARGEST_FILES", 100_000)
    assert unpack_model(packed(1000)) == {"model.txt": b"x" * 1000}
    for archive, message in (
        (packed(200_000), "unpacks to more than 100,000 bytes"),
        (packed(1000)[:-20], "cannot be unpacked"),
        (gzip.compress(b"no archive" * 100), "cannot be unpacked"),
        (b"", "cannot be unpacked"),
    ):
        with pytest.raises(ModelError, match=message):
            unpack_model(archive)


# -- on a schedule -----------------------------------------------------------------------------------------------------

SCHEDULED = {
    "action": "train", "time": "2026-11-27T22:00:00Z", "image": IMAGE, "role": ROLE, "interval": "1d",
    "hyperparameters": {"horizon": 3},
}  # fmt: skip


def endpoint(account: Account) -> None:
    """Make the endpoint that serves some earlier model."""
    sagemaker = account.sagemaker
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/models/default/old/model.tar.gz"}
    sagemaker.create_model(ModelName="old", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    sagemaker.create_endpoint_config(
        EndpointConfigName="old",
        ProductionVariants=[{"VariantName": "main", "ModelName": "old", "ServerlessConfig": size}],
    )
    sagemaker.create_endpoint(EndpointName=GROUP, EndpointConfigName="old")


def package(account: Account) -> str:
    found = account.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    return str(found[-1]["ModelPackageArn"])


def test_a_schedule_trains_a_person_approves_and_the_endpoint_moves(account: Account, bars: Bars) -> None:
    endpoint(account)
    handler = scheduled_training.handler
    started = handler(SCHEDULED)
    assert started == {"action": "train", "job": "tapeline-default-20261127-220000-000", "started": True}
    assert handler(SCHEDULED)["started"] is False  # EventBridge delivers at least once

    collect = {"action": "collect", "job": started["job"]}
    found = handler(collect)
    want = fit([bars], horizon=3)
    assert (found["version"], found["approval"]) == (want.version, "PendingManualApproval")
    assert handler(collect)["version"] == want.version
    assert len(account.packages()) == 1

    deploy = {"action": "deploy", "package": package(account)}
    assert handler(deploy)["outcome"] == "not approved"
    account.sagemaker.update_model_package(ModelPackageArn=deploy["package"], ModelApprovalStatus="Approved")
    moved = handler(deploy)
    assert moved["outcome"] == "moving"
    (update,) = account.updating.updates
    served = account.sagemaker.describe_model(ModelName=update["EndpointConfigName"])["PrimaryContainer"]
    assert served["ModelDataUrl"] == f"s3://{BUCKET}/models/default/{want.version}/model.tar.gz"
    assert handler(deploy)["outcome"] == "the endpoint is Updating"


def test_approval_may_be_left_to_the_comparison(account: Account) -> None:
    started = scheduled_training.handler(SCHEDULED | {"model": "daily", "tags": {"team": "desk"}})
    found = scheduled_training.handler({"action": "collect", "job": started["job"], "approve": True})
    assert found["approval"] == "Approved"
    assert account.registry.current("daily") == found["version"]
    assert scheduled_training.handler({"action": "deploy", "package": package(account)}) == {
        "action": "deploy", "outcome": "the endpoint is absent",
    }  # fmt: skip
    save(account, daily_bars(symbols=3, count=430, seed=5))
    again = scheduled_training.handler(SCHEDULED | {"model": "daily", "time": "2026-12-04T22:00:00Z"})
    found = scheduled_training.handler({"action": "collect", "job": again["job"], "approve": True})
    assert found["approval"] == "Rejected"
    assert "has not beaten" in found["reason"]


def test_a_job_that_a_person_started_is_left_to_its_command(account: Account) -> None:
    """Or `approve` would deploy what somebody only tries."""
    version = account.train()["version"]
    (job,) = account.sagemaker.jobs
    found = scheduled_training.handler({"action": "collect", "job": job["TrainingJobName"], "approve": True})
    assert found["outcome"] == "not a job of the schedule"
    assert account.packages() == [(f"tapeline default {version}", "PendingManualApproval")]


def test_a_scheduled_job_that_failed_is_an_error_of_the_function(account: Account) -> None:
    started = scheduled_training.handler(SCHEDULED)
    account.sagemaker.ends = {"TrainingJobStatus": "Failed", "FailureReason": "CapacityError: none"}
    with pytest.raises(TrainingError, match="CapacityError"):
        scheduled_training.handler({"action": "collect", "job": started["job"]})
    with pytest.raises(InputError, match="its action is none of train, collect, deploy"):
        scheduled_training.handler({"source": "aws.events"})


#: What the function's calls need, where that is not a permission of their own name.
NEEDS = {"s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket"}

#: What the policy allows beside the calls: what Lambda, KMS and SageMaker do in the function's name.
BY_AWS = {
    "iam:PassRole", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "logs:CreateLogStream",
    "logs:PutLogEvents", "sagemaker:AddTags",
}  # fmt: skip


def test_the_functions_policy_allows_what_it_calls_and_nothing_else(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endpoint(account)
    text = (Path(__file__).parents[2] / "services" / "training.tf").read_text()
    policy = text.partition('data "aws_iam_policy_document" "retraining"')[2].partition("\nresource ")[0]
    actions = "".join(re.findall(r"actions\s+= \[(.*?)\]", policy, re.DOTALL))
    allowed = set(re.findall(r'"([a-z0-9]+:\w+)"', actions))
    monkeypatch.setenv(watching.FOLDER, str(tmp_path))
    started = scheduled_training.handler(SCHEDULED)
    scheduled_training.handler({"action": "collect", "job": started["job"], "approve": True})
    scheduled_training.handler({"action": "deploy", "package": package(account)})
    called = {":".join(call) for call in watching.report(tmp_path).calls}
    assert {NEEDS.get(call, call) for call in called} == allowed - BY_AWS
