"""`tapeline inspect`: say what files of bars are taken for, before anything is done with them."""

from __future__ import annotations

import dataclasses

import typer

from tapeline.cli.console import failure, print_json, print_table
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import Files, Json


@reads_files()
def inspect(files: Files, reading: FileReading = AS_FOUND, json: Json = False) -> None:
    """Say what files of bars are taken for and why, what is wrong with them, and which options change that.

    Every file is read to its end; nothing is written. Exit code 1 when one of them cannot be read as it stands.
    """
    from tapeline.app.file_reports import report
    from tapeline.runtime.clock import now_ms

    options, now = reading.options(), now_ms()
    reports = [(path, *report(path, options, now)) for path in files]
    if json:
        print_json(
            [
                {"file": str(path), "problem": problem, "findings": [dataclasses.asdict(each) for each in findings]}
                for path, findings, problem in reports
            ]
        )
    else:
        rows = [(str(path), *dataclasses.astuple(each)) for path, findings, _ in reports for each in findings]
        if rows:
            print_table(("file", "what", "found", "because", "to change it"), rows)
        for _, _, problem in reports:
            if problem:
                failure(problem)
    if any(problem for _, _, problem in reports):
        raise typer.Exit(1)
