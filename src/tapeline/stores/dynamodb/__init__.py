"""The store on AWS: rows in one DynamoDB table, the processor's states in another."""

from tapeline.stores.dynamodb.store import DynamoStore

__all__ = ["DynamoStore"]
