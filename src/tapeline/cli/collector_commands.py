"""`tapeline collector`: put live bars onto Kinesis in a container, with logs, metrics and health for machines."""

from __future__ import annotations

from typing import Annotated

import typer

from tapeline.backends.aws.clients import client
from tapeline.cli.json_logs import configure_json_logs
from tapeline.cli.options import DataDir
from tapeline.errors import TapelineError


def collector(
    symbols: Annotated[str | None, typer.Option(help="Such as TSLA,AAPL,BTC-USD.")] = None,
    interval: Annotated[str | None, typer.Option(help="1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h or 1d.")] = None,
    period: Annotated[
        str | None, typer.Option(help="How far back the first bars are: 12h, 30d, 6mo.  [default: 7d for 1m]")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="Name of the Kinesis stream.")] = None,
    data_dir: DataDir = None,
    health_port: Annotated[int | None, typer.Option(help="Port of the health answer; 0 takes a free one.")] = None,
) -> None:
    """Put the feed's bars onto a Kinesis stream, as the container on AWS does. Every option can be a setting.

    After SIGTERM it sends what was collected and ends.
    """
    from tapeline.app import config
    from tapeline.app.collector_wiring import collecting
    from tapeline.cli.collector_health import health
    from tapeline.cli.monitored_collecting import MonitoredSink, run_collector

    logger = configure_json_logs()
    try:
        settings = config.load(
            symbols=symbols, interval=interval, data_dir=data_dir, aws__kinesis_stream=stream,
            aws__health_port=health_port,
        )  # fmt: skip
        with collecting(settings, client, logger.warning, period) as parts:
            sink = MonitoredSink(parts, logger)
            with health(settings.aws.health_port, sink.report) as port:
                logger.info("collecting", extra={
                    "symbols": parts.symbols, "interval": settings.interval, "stream": settings.aws.kinesis_stream,
                    "health_port": port,
                })  # fmt: skip
                run_collector(parts, sink, logger)
    except TapelineError as error:
        logger.error(str(error))  # noqa: TRY400 - a person can fix it, so it is no defect: no traceback
        raise typer.Exit(1) from error
    except Exception as error:
        logger.exception("a defect: please report it with this line")
        raise typer.Exit(1) from error
