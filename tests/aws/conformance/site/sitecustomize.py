"""Watch the calls of a program that a test starts: Python imports this first where the folder is on PYTHONPATH."""

from tests.aws.conformance import watching

watching.install()
