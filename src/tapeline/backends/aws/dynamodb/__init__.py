"""Store rows in one DynamoDB table and the processor's states in another."""

from tapeline.backends.aws.dynamodb.dynamodb_store import DynamoStore

__all__ = ["DynamoStore"]
