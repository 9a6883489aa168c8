"""What an error of Kinesis means: the line a person reads, and whether it passes by itself."""

from __future__ import annotations

from dataclasses import dataclass

#: What somebody has to do about an error that does not pass by itself.
_ADVICE = {
    "AccessDenied": "allow the action on this stream to the role or user that tapeline runs as",
    "ExpiredToken": "the credentials have expired; renew them",
    "InvalidSignature": "check the secret key, and this machine's clock",
    "KMSAccessDenied": "allow kms:GenerateDataKey on the stream's key",
    "KMSDisabled": "enable the stream's key",
    "KMSInvalidState": "the stream's key cannot be used; look at it in KMS",
    "KMSNotFound": "the stream's key is gone; give the stream another",
    "KMSOptInRequired": "this account has no KMS yet",
    "ResourceNotFound": "create it, or mend TAPELINE_KINESIS_STREAM or AWS_DEFAULT_REGION",
    "UnrecognizedClient": "these credentials are not of an account; renew them",
    "ValidationError": "mend TAPELINE_KINESIS_STREAM",
    "Validation": "mend TAPELINE_KINESIS_STREAM",
}


@dataclass(frozen=True, slots=True)
class KinesisProblem:
    """Why a request failed: a code, a line for a person, and whether it stays until somebody mends it."""

    code: str
    text: str
    mending: bool = False


def explained(error: Exception, stream: str) -> KinesisProblem:
    """What went wrong with a request: one of botocore's errors."""
    from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        return advised(said.get("Code", ""), said.get("Message", ""), stream)
    text = f"kinesis:PutRecords on stream {stream}: {error}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return KinesisProblem("credentials", f"{text} (give the task a role, or set AWS_PROFILE)", mending=True)
    return KinesisProblem(type(error).__name__, text)


def advised(code: str, text: str, stream: str) -> KinesisProblem:
    """What went wrong, and what to do: an error code and message of Kinesis."""
    advice = _ADVICE.get(code.removesuffix("Exception"))
    text = f"kinesis:PutRecords on stream {stream}: {code}: {text}" + (f" ({advice})" if advice else "")
    return KinesisProblem(code, text, mending=bool(advice))
