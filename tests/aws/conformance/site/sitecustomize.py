"""Watch the calls of a program that a test starts: Python imports this first where the folder is on PYTHONPATH."""

import os

from tests.aws.conformance import watching

watching.install()
if seconds := os.environ.get(watching.PATIENCE):
    from tapeline.backends.aws import clients

    # the stand-ins share the machine with everything else: what is not answered in time there says nothing
    clients._LIMITS = {
        service: (float(seconds), float(seconds), retries) for service, (_, _, retries) in clients._LIMITS.items()
    }
