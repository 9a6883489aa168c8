"""The contracts hold on AWS too."""

from tests.aws.conftest import aws, dynamodb, moto_server

__all__ = ["aws", "dynamodb", "moto_server"]
