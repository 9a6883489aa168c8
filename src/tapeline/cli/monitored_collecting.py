"""Run a collector, and report on it: as log lines, metrics and a health report for machines."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from tapeline.app.collector_wiring import Collecting
from tapeline.backends.aws.embedded_metrics import metric_line
from tapeline.cli.collector_health import Report
from tapeline.cli.stopping import terminated_like_interrupted
from tapeline.core.market import Reject
from tapeline.core.messages import Delivery
from tapeline.core.sessions import calendar_of
from tapeline.core.troubles import lines_of
from tapeline.runtime.appending import Progress, collect
from tapeline.runtime.clock import now_ms

#: How often metrics are written.
_REPORT_SECONDS = 60.0

#: On SIGTERM: for the source to end, and for what it brought to be sent. ECS gives the task 110 seconds.
_END_SECONDS = 20.0
_FLUSH_SECONDS = 60.0

#: The task is unhealthy after the stream has refused records for this long.
_UNHEALTHY_SECONDS = 600.0

#: Rejects written into the log between two reports; all are counted, and kept in the data directory.
_LOGGED_REJECTS = 100


def run_collector(parts: Collecting, sink: MonitoredSink, logger: logging.Logger) -> None:
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
        calendars = {calendar_of(symbol).exchange: calendar_of(symbol) for symbol in self._parts.symbols}
        opened = [since for each in calendars.values() if (since := each.at(now).trading_since()) is not None]
        return min(self._parts.sink.status().quiet, (now - min(opened)) / 1000) if opened else 0.0

    def write_metrics(self) -> None:
        """Log a line in CloudWatch's embedded metric format, with a metric for each of the alarms in `services/`."""
        rejected = self.progress.rejected
        figures = {"BarAgeSeconds": self.bar_age(now_ms()), "RecordsRejected": float(rejected - self._counted)}
        found = metric_line("collector", self._parts.stack, figures)
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
                "trouble": lines_of(source.troubles),
            }
        return sink.troubled < _UNHEALTHY_SECONDS, found
