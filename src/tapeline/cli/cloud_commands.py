"""`tapeline upload` and `import`: put files into the history on AWS, and copy history, models and rows from there."""

from __future__ import annotations

from typing import Annotated

import typer

from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import Bucket, DataDir, Files, Json, Symbols


@reads_files(without={"symbol", "interval"})
def upload(
    files: Files,
    symbol: Annotated[
        str | None, typer.Option(help="Whose bars these are, whatever the files say.", show_default=False)
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(help="Length of the bars, such as 1m or 1d.  [default: the usual distance of their times]"),
    ] = None,
    reading: FileReading = AS_FOUND,
    bucket: Bucket = None,
    json: Json = False,
) -> None:
    """Put files of bars into the history on S3, where training on AWS finds them.

    Files are checked as `tapeline replay` checks them. Uploaded bars replace those of the same time; uploading the same
    file again changes nothing.
    """
    from tapeline.cli.copying import upload_files

    upload_files(files, symbol, interval, reading, bucket, as_json=json)


def import_(symbols: Symbols = None, bucket: Bucket = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Copy history, models and rows from AWS into the data directory: the rows from DynamoDB, the others from S3.

    What is there already is left out, so a second run, or one after an interruption, does what is left.
    """
    from tapeline.cli.copying import copy_from_aws

    copy_from_aws(symbols, bucket, data_dir, as_json=json)
