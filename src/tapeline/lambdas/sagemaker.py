"""Run the SageMaker container: `python -m tapeline.lambdas.sagemaker train|serve`, its contract without a toolkit.

SageMaker starts an image with the one word `train` or `serve`. Everything is under `/opt/ml`; `--root` is for tests
and for trying the container's work on this machine. Imports are inside the commands: serving never loads what trains.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path("/opt/ml")
PORT = 8080

app = typer.Typer(help="Tapeline in a SageMaker container.", no_args_is_help=True, pretty_exceptions_enable=False)
Root = Annotated[Path, typer.Option(help="Where SageMaker's folders are.")]


@app.command()
def train(root: Root = ROOT) -> None:
    """Train on the files of all channels under ROOT/input/data; write ROOT/model, or ROOT/output/failure."""
    from tapeline.lambdas import model_training

    raise typer.Exit(model_training.train(root))


@app.command()
def serve(
    root: Root = ROOT,
    # SageMaker reaches the container over its network; nothing else can
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = PORT,
) -> None:
    """Answer GET /ping and POST /invocations with the model in ROOT/model until SIGTERM."""
    from tapeline.lambdas import model_serving

    raise typer.Exit(model_serving.serve(root / "model", host, port))


if __name__ == "__main__":
    sys.exit(app())
