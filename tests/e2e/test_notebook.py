"""The notebook runs from top to bottom with the local backend, in a folder of its own, and leaves what it promises."""

from __future__ import annotations

import os
import re
from pathlib import Path

import boto3
import nbclient
import nbformat
import pyarrow.compute
import pyarrow.parquet
import pytest

from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.data import sample_path
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tests.aws.conformance import watching
from tests.aws.conftest import REGION, aws, moto_server

__all__ = ["aws", "moto_server"]  # fixtures

#: SageMaker itself, in the programs that the notebook starts.
STAND_IN = """
from tests.aws.conformance import watching
from tests.fakes.sagemaker import run_containers_here

watching.install()
run_containers_here()
"""

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "train_and_deploy.ipynb"


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/markdown", "") for output in outputs)


def some_of_the_sample(path: Path) -> None:
    """Write a third of the packaged week: the notebook's work grows with its bars, and is the same for all of them."""
    table = pyarrow.parquet.read_table(sample_path("1m"))
    names = table["symbol"].cast("string")
    pyarrow.parquet.write_table(table.filter(pyarrow.compute.is_in(names, names.unique()[:8])), path)


@pytest.mark.timeout(900)  # it trains twice, in four programs; on a busy machine five minutes were not enough
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own about its folders and event loops
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its sockets to the kernel are closed by the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_trains_reports_and_deploys_here_and_to_sagemaker(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its programs are watched as everything that speaks to AWS is, and run the container of the job themselves."""
    (tmp_path / "sitecustomize.py").write_text(STAND_IN)
    paths = [str(tmp_path), watching.environment(tmp_path)["PYTHONPATH"]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("SAGEMAKER = False", "SAGEMAKER = True").replace("ACCOUNT", "123456789012")
        cell.source = cell.source.replace('"BUCKET"', '"bucket"').replace("FILES = []", 'FILES = ["some.parquet"]')
    some_of_the_sample(tmp_path / "some.parquet")
    boto3.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    text = printed(client.execute())
    assert "bars of 8 symbols" in text
    assert re.search(r"\*\*Direction: (no skill|WORSE than the base rate|BETTER than every baseline)", text)
    assert (tmp_path / "notebook-work" / "report.html").stat().st_size > 20_000
    registry = Registry(LocalFolder(tmp_path / "notebook-work" / "models"))
    version = registry.current(DEFAULT_NAME)
    assert version is not None
    assert f"('{version}', True)" in text
    assert re.search(r"0\.\d{3}  (UP|DOWN|HOLD)", text)
    assert "Expected move: " in text
    assert "AAPL should close between" in text
    assert RangeRegistry(registry.folder).current(DEFAULT_NAME) is not None

    sagemaker = boto3.client("sagemaker")
    (model,) = sagemaker.list_models()["Models"]
    container = sagemaker.describe_model(ModelName=model["ModelName"])["PrimaryContainer"]
    trained = Registry(S3Folder(boto3.client("s3"), "bucket", "models")).current("notebook")
    assert trained is not None
    assert container["ModelDataUrl"] == f"s3://bucket/models/notebook/{trained}/model.tar.gz"
    (job,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert job["TrainingJobName"].startswith("tapeline-notebook-")
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_sagemaker_is_behind_one_switch_that_is_off():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(re.search(r"^SAGEMAKER = False\b", source, re.MULTILINE)) for source in code) == 1
    for source in code:
        if "boto3" in source or "sagemaker." in source:
            assert source.startswith("if SAGEMAKER:\n")
            assert all(line.startswith("    ") or not line for line in source.splitlines()[1:])


def test_it_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
