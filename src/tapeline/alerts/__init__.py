"""Alerts: rules over stored bars, judged once a second, and taken to the page, the log, a webhook, e-mail or SNS.

`rules` is what a rule says, `grammar` makes rules from text, `evaluation` judges them without I/O or clock, `values`
reads the store for them, `runner` brings these together, `journal` keeps what fired, `delivery` takes it to channels,
and `service` is all of it in one place.
"""

from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.service import (
    Alerts,
    running,
)

__all__ = ["Alerts", "parse_rule", "running"]
