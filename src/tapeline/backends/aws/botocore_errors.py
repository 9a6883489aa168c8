"""Translate botocore's errors into tapeline's: one line that says which call failed, why, and what to do about it.

Every module here that calls AWS asks this one what an error means, so the same error gets the same advice from every
service. botocore is imported inside the functions because settings are checked on machines that do not have it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten

from tapeline.errors import StorageError, TapelineError

#: Characters of AWS's own message that are kept: SageMaker may list every instance type there is.
_LONGEST_REASON = 400

#: Codes of errors that pass without anybody's help; so does every status from 500 on.
_PASSING = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "Throttling",
    "TransactionInProgress",
}

_CREDENTIALS = "check the credentials (aws sts get-caller-identity): give the task a role, or set AWS_PROFILE"
_EXPIRED = "renew the credentials, they have expired (check the credentials: aws sts get-caller-identity)"
_PERMISSION = "allow {action} in the policy of the role or user that tapeline runs as"
_NAME = "create it with Terraform (services/), or correct {setting} or the region (AWS_DEFAULT_REGION)"

#: What to do about an error, by its code without "Exception" at the end. A code that means something else at one
#: service stands a second time, after the name of the service.
_ADVICE = {
    "403": _PERMISSION,
    "AccessDenied": _PERMISSION,
    "s3:AccessDenied": f"{_PERMISSION}, and the use of the bucket's KMS key",
    "AuthorizationError": _PERMISSION,
    "ExpiredToken": _EXPIRED,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidSignature": f"{_CREDENTIALS}; compare this machine's clock",
    "KMSAccessDenied": "allow kms:GenerateDataKey and kms:Decrypt on its key",
    "KMSDisabled": "enable its key in KMS",
    "KMSInvalidState": "its key cannot be used; look at it in KMS",
    "KMSNotFound": "its key is gone; give it another",
    "KMSOptInRequired": "this account has no KMS yet",
    "NoSuchBucket": _NAME,
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION",
    "ResourceNotFound": _NAME,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "UnrecognizedClient": _CREDENTIALS,
    "kinesis:Validation": "correct {setting}",
    "kinesis:ValidationError": "correct {setting}",
}

#: The setting that names what a service is asked for.
_SETTINGS = {
    "dynamodb": "TAPELINE_AWS__ROWS_TABLE or TAPELINE_AWS__STATE_TABLE",
    "firehose": "TAPELINE_AWS__FIREHOSE_STREAM",
    "kinesis": "TAPELINE_AWS__KINESIS_STREAM",
    "s3": "TAPELINE_AWS__BUCKET",
    "sagemaker": "TAPELINE_AWS__SAGEMAKER_ENDPOINT",
}


@dataclass(frozen=True, slots=True)
class AwsProblem:
    """Say what an error of AWS means.

    `action` is the call as IAM writes it, such as `s3:GetObject`. `code` is the service's error code, or the name of
    botocore's class where no service answered. `reason` is one line. `advice` is what somebody has to do about it, ''
    where nothing is known. `passing` tells whether the same call may succeed later without anybody's help.
    """

    action: str
    code: str
    reason: str
    advice: str = ""
    passing: bool = False

    @classmethod
    def of(cls, error: Exception, action: str, permission: str = "") -> AwsProblem:
        """Return what this error of `botocore_errors()` means. `permission` is what the call needs if not `action`."""
        from botocore.exceptions import (
            ClientError,
            ConnectionError,  # noqa: A004 - botocore's own, not Python's
            HTTPClientError,
            NoCredentialsError,
            NoRegionError,
            PartialCredentialsError,
        )

        if isinstance(error, ClientError):
            answer = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return cls.answered(action, answer.get("Code", ""), answer.get("Message", ""), permission, status)
        advice = ""
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            advice = _CREDENTIALS
        elif isinstance(error, NoRegionError):
            advice = "set AWS_DEFAULT_REGION, or a profile with a region"
        name = type(error).__name__
        passing = isinstance(error, ConnectionError | HTTPClientError)
        return cls(action, name, _one_line(str(error)) or name, advice, passing)

    @classmethod
    def answered(cls, action: str, code: str, message: str, permission: str = "", status: int = 0) -> AwsProblem:
        """Return what this code and message of a service mean, also those of one entry among many."""
        service = action.partition(":")[0]
        plain = code.removesuffix("Exception")
        advice = _ADVICE.get(f"{service}:{plain}") or _ADVICE.get(plain, "")
        advice = advice.format(action=permission or action, setting=_SETTINGS.get(service, "its name"))
        return cls(action, code, _one_line(f"{code}: {message}"), advice, plain in _PASSING or status >= 500)

    def line(self, where: str, otherwise: str = "") -> str:
        """Return the line for a person: `where` it was, what failed, why, and what to do (else `otherwise`)."""
        advice = self.advice or otherwise
        return f"{where}: {self.action} failed: {self.reason}" + (f"; {advice}" if advice else "")


def botocore_errors() -> tuple[type[Exception], ...]:
    """Return what a call of boto3 may raise when AWS refuses, cannot be reached, or answers what is not AWS's."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError  # a proxy's HTML leads to this

    return BotoCoreError, ClientError, ResponseParserError


@contextlib.contextmanager
def translating_botocore_errors(
    where: str, action: str, otherwise: str = "", into: type[TapelineError] = StorageError
) -> Iterator[None]:
    """Raise `into` with one line in place of botocore's errors. The arguments are those of `AwsProblem.line`."""
    try:
        yield
    except botocore_errors() as error:
        raise into(AwsProblem.of(error, action).line(where, otherwise)) from error


def _one_line(text: str) -> str:
    return shorten(text, _LONGEST_REASON, placeholder=" ...").rstrip(".: ")
