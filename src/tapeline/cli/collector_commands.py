"""`tapeline collector`: put live bars onto Kinesis in a container, with logs, metrics and health for machines."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Annotated, Any

import typer

from tapeline.app import config
from tapeline.app.collector_wiring import Collecting, collecting
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.collector_metrics import collector_metrics
from tapeline.cli.collector_health import Report, health
from tapeline.cli.json_logs import configure_json_logs
from tapeline.cli.options import DataDir
from tapeline.cli.running import terminated_like_interrupted
from tapeline.core.market import Reject
from tapeline.core.ports import Delivery
from tapeline.core.sessions import Phase, calendar_of
from tapeline.errors import TapelineError
from tapeline.runtime.clock import now_ms
from tapeline.runtime.pipeline import Progress, collect

#: How often metrics are written.
_REPORT_SECONDS = 60.0

#: On SIGTERM: for the source to end, and for what it brought to be sent. ECS gives the task 110 seconds.
_END_SECONDS = 20.0
_FLUSH_SECONDS = 60.0

#: The task is unhealthy after the stream has refused records for this long.
_UNHEALTHY_SECONDS = 600.0

#: Rejects written into the log between two reports; all are counted, and kept in the data directory.
_LOGGED_REJECTS = 100


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
    """Put Yahoo's bars onto a Kinesis stream, as the container on AWS does. Every option can be a setting.

    After SIGTERM it sends what was collected and ends.
    """
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
                _run(parts, sink, logger)
    except TapelineError as error:
        logger.error(str(error))  # noqa: TRY400 - a person can fix it, so it is no defect: no traceback
        raise typer.Exit(1) from error
    except Exception as error:
        logger.exception("a defect: please report it with this line")
        raise typer.Exit(1) from error


def _run(parts: Collecting, sink: MonitoredSink, logger: logging.Logger) -> None:
    """Collect until SIGTERM, Ctrl-C or a failure, which is raised after all that can be sent was sent."""
    with terminated_like_interrupted(), ThreadPoolExecutor(1, "collecting") as executor:
        job = executor.submit(collect, parts.source, sink, sink.progress, threading.Event(), logger.info)
        try:
            try:
                _report(job, sink)
            except KeyboardInterrupt:
                logger.info("stopping")
            parts.source.close()
            wait((job,), _END_SECONDS)
            left = parts.sink.close(_FLUSH_SECONDS)
        finally:  # a second signal ends the waiting
            parts.source.close()
            parts.sink.close(0)
        sink.write_metrics()
        done = parts.sink.status()
        logger.info("stopped", extra={"sent_bars": done.sent, "thinned_bars": done.thinned, "unsent_bars": left})
        job.result()


def _report(job: Future[None], sink: MonitoredSink) -> None:
    while not job.done():
        sink.write_metrics()
        wait((job,), _REPORT_SECONDS)


class MonitoredSink:
    """Pass deliveries on to a sink, and report on them: as log lines, metrics and a health report."""

    def __init__(self, parts: Collecting, logger: logging.Logger) -> None:
        self.progress = Progress()
        self._parts = parts
        self._logger = logger
        self._logged = 0
        self._counted = 0

    # -- the sink ----------------------------------------------------------------------------------------------------

    def append(self, source: str, delivery: Delivery) -> int:
        """Log the rejects, and append to the sink."""
        self._log(delivery.rejects)
        return self._parts.sink.append(source, delivery)

    def resume(self, source: str) -> str:
        """Return where the sink says that the source goes on."""
        return self._parts.sink.resume(source)

    def _log(self, rejects: Sequence[Reject]) -> None:
        room = max(0, _LOGGED_REJECTS - self._logged)
        self._logged += len(rejects)
        for reject in rejects[:room]:
            raw = base64.b64encode(reject.raw).decode()
            found = {"source": reject.source, "place": reject.place, "reason": reject.reason, "raw": raw}
            self._logger.warning("record rejected", extra=found)
        if room and len(rejects) > room:
            self._logger.warning("more records rejected; `tapeline rejects` has them, the log again in a minute")

    # -- reports -----------------------------------------------------------------------------------------------------

    def bar_age(self, now: int) -> float:
        """Return for how many seconds no bar reached the stream although a market was open; 0 while all are closed.

        `now` is UTC epoch ms.
        """
        opened = []
        for state in {
            calendar_of(symbol).exchange: calendar_of(symbol).at(now) for symbol in self._parts.symbols
        }.values():
            if state.phase is Phase.OPEN and state.session is not None:
                session = state.session
                opened.append(session.break_end if now >= session.break_end > session.break_start else session.open)
        return min(self._parts.sink.status().quiet, (now - min(opened)) / 1000) if opened else 0.0

    def write_metrics(self) -> None:
        """Log a line in CloudWatch's embedded metric format, with a metric for each of the alarms in `services/`."""
        rejected = self.progress.rejected
        found = collector_metrics(self.bar_age(now_ms()), rejected - self._counted)
        self._counted, self._logged = rejected, 0
        sink = self._parts.sink.status()
        extra = {"sent_bars": sink.sent, "thinned_bars": sink.thinned, "unsent_bars": sink.backlog}
        self._logger.info("metrics", extra=found | extra)

    def report(self) -> Report:
        """Return the health answer. Unhealthy is only what another task might do better."""
        sink, source = self._parts.sink.status(), self._parts.source.status()
        found: dict[str, Any] = {
            "bar_age_seconds": round(self.bar_age(now_ms()), 1),
            "unsent_bars": sink.backlog,
            "sent_bars": sink.sent,
            "rejected": self.progress.rejected,
            "held": sink.paused,
            "problem": sink.problem,
            "problem_seconds": round(sink.troubled, 1),
        }
        if source is not None:
            found |= {
                "streaming": source.streaming,
                "polling": source.polling,
                "markets": source.markets,
                "symbols": source.symbols,
                "symbols_ready": source.official,
                "symbol_problems": source.problems,
            }
        return sink.troubled < _UNHEALTHY_SECONDS, found
