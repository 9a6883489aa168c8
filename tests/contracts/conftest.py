"""Make the imitation of AWS available to the contract suites."""

from tests.aws.conftest import aws, dynamodb, moto_server

__all__ = ["aws", "dynamodb", "moto_server"]
