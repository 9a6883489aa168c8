"""List what the documentation of Kinesis, Firehose, S3, SNS, Lambda and CloudWatch says about tapeline's calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.aws.conformance.table import KIB, MIB, Asked, exclusive, limit, one_of, size

_KINESIS = "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_"
_FIREHOSE = "https://docs.aws.amazon.com/firehose/latest/APIReference/API_"
_S3_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_"
_SNS = "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
_EMF = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"

_KEYED = (
    "PutObject GetObject HeadObject DeleteObject CopyObject CreateMultipartUpload UploadPart CompleteMultipartUpload"
)


# -- Kinesis -----------------------------------------------------------------------------------------------------------


@limit("kinesis", "PutRecords PutRecord", "a record and its key have at most 1 MiB", f"{_KINESIS}PutRecords.html")
def _(asked: Asked) -> Iterator[str]:
    """Hold to what a stream takes unless its MaxRecordSizeInKiB is raised, which services/stream.tf does not."""
    for each in asked.get("Records", [asked]):
        if size(each["Data"]) + size(each["PartitionKey"]) > MIB:
            yield f"a record of {size(each['Data']):,} bytes"


@limit("kinesis", "PutRecords", "a request has at most 10 MiB, keys included", f"{_KINESIS}PutRecords.html")
def _(asked: Asked) -> Iterator[str]:
    total = sum(size(each["Data"]) + size(each["PartitionKey"]) for each in asked["Records"])
    if total > 10 * MIB:
        yield f"{total:,} bytes"


@limit(
    "kinesis", "PutRecords PutRecord GetShardIterator DescribeStream DescribeStreamSummary",
    "the stream is named", f"{_KINESIS}PutRecords.html",
)  # fmt: skip
def _(asked: Asked) -> Iterator[str]:
    if not asked.get("StreamName") and not asked.get("StreamARN"):
        yield "neither StreamName nor StreamARN"


@limit("kinesis", "ListShards", "a token stands alone", f"{_KINESIS}ListShards.html")
def _(asked: Asked) -> Iterator[str]:
    yield from one_of(asked, "NextToken", "StreamName" if "StreamName" in asked else "StreamARN")


@limit("kinesis", "GetShardIterator", "an iterator has what its type needs", f"{_KINESIS}GetShardIterator.html")
def _(asked: Asked) -> Iterator[str]:
    kind = asked["ShardIteratorType"]
    if kind.endswith("_SEQUENCE_NUMBER") != bool(asked.get("StartingSequenceNumber")):
        yield f"{kind} and StartingSequenceNumber do not fit"
    if (kind == "AT_TIMESTAMP") != ("Timestamp" in asked):
        yield f"{kind} and Timestamp do not fit"


@limit("kinesis", "CreateStream", "a stream on demand has no shard count", f"{_KINESIS}CreateStream.html")
def _(asked: Asked) -> Iterator[str]:
    on_demand = asked.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    if on_demand == ("ShardCount" in asked):
        yield "a shard count and ON_DEMAND, or neither"


# -- Firehose ----------------------------------------------------------------------------------------------------------


@limit("firehose", "PutRecordBatch", "a request has at most 4 MiB", f"{_FIREHOSE}PutRecordBatch.html")
def _(asked: Asked) -> Iterator[str]:
    total = sum(size(each["Data"]) for each in asked["Records"])
    if total > 4 * MIB:
        yield f"{total:,} bytes"


@limit("firehose", "PutRecordBatch PutRecord", "a record has at most 1,000 KiB", f"{_FIREHOSE}Record.html")
def _(asked: Asked) -> Iterator[str]:
    for each in asked.get("Records", [asked.get("Record", {})]):
        if size(each.get("Data", b"")) > 1000 * KIB:
            yield f"a record of {size(each['Data']):,} bytes"


# -- S3 ----------------------------------------------------------------------------------------------------------------


@limit("s3", _KEYED, "a key has one to 1024 bytes", f"{_S3_GUIDE}object-keys.html")
def _(asked: Asked) -> Iterator[str]:
    if not 1 <= size(asked["Key"]) <= 1024:
        yield f"a key of {size(asked['Key']):,} bytes"


@limit("s3", _KEYED, "a key has no part that is . or ..", f"{_S3_GUIDE}object-keys.html")
def _(asked: Asked) -> Iterator[str]:
    if {".", ".."} & set(asked["Key"].split("/")):
        yield f"key {asked['Key'][:80]!r}"


@limit("s3", "PutObject", "one request puts at most 5 GB", f"{_S3_GUIDE}upload-objects.html")
def _(asked: Asked) -> Iterator[str]:
    if max(size(asked.get("Body", b"")), asked.get("ContentLength", 0)) > 5 * 1024 * MIB:
        yield "a body above 5 GB"


@limit(
    "s3", "PutObject CreateMultipartUpload CopyObject", "metadata are at most 2 KB", f"{_S3_GUIDE}UsingMetadata.html"
)
def _(asked: Asked) -> Iterator[str]:
    known = asked.get("Metadata", {})
    if sum(size(name) + size(text) for name, text in known.items()) > 2 * KIB:
        yield "metadata above 2 KB"


@limit("s3", "DeleteObjects", "one request deletes one to 1,000 objects", f"{_S3}DeleteObjects.html")
def _(asked: Asked) -> Iterator[str]:
    if not 1 <= len(asked["Delete"]["Objects"]) <= 1000:
        yield f"{len(asked['Delete']['Objects'])} objects"


@limit("s3", "ListObjectsV2 ListObjects", "a page has at most 1,000 keys", f"{_S3}ListObjectsV2.html")
def _(asked: Asked) -> Iterator[str]:
    if not 0 <= asked.get("MaxKeys", 1000) <= 1000:
        yield f"MaxKeys {asked['MaxKeys']}: S3 answers 1,000"


@limit("s3", "PutObject CompleteMultipartUpload", "a write has one precondition", f"{_S3_GUIDE}conditional-writes.html")
def _(asked: Asked) -> Iterator[str]:
    yield from exclusive(asked, "IfMatch", "IfNoneMatch")
    if asked.get("IfNoneMatch", "*") != "*":
        yield f"IfNoneMatch {asked['IfNoneMatch']!r}: S3 knows only *"


@limit("s3", "CreateBucket", "a bucket's name is a DNS label", f"{_S3_GUIDE}bucketnamingrules.html")
def _(asked: Asked) -> Iterator[str]:
    name = asked["Bucket"]
    if not re.fullmatch(r"(?!\d+(\.\d+){3}$)(?!xn--)[a-z0-9]([a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", name):
        yield f"bucket {name!r}"


# -- SNS ---------------------------------------------------------------------------------------------------------------


@limit("sns", "Publish", "a message has one receiver", _SNS)
def _(asked: Asked) -> Iterator[str]:
    yield from one_of(asked, "TopicArn", "TargetArn", "PhoneNumber")


@limit("sns", "Publish", "a message has one byte to 256 KiB", _SNS)
def _(asked: Asked) -> Iterator[str]:
    if not 1 <= size(asked["Message"]) <= 256 * KIB:
        yield f"{size(asked['Message']):,} bytes"


@limit("sns", "Publish", "a subject is ASCII, in one line, of at most 100 characters", _SNS)
def _(asked: Asked) -> Iterator[str]:
    subject = asked.get("Subject")
    if subject is not None and not re.fullmatch(r"[A-Za-z0-9!-/:-@\[-`{-~][ -~]{0,99}", subject):
        yield f"subject {subject[:120]!r}"


@limit("sns", "Publish", "a FIFO topic has a group, and only it has deduplication", _SNS)
def _(asked: Asked) -> Iterator[str]:
    fifo = asked.get("TopicArn", "").endswith(".fifo")
    if fifo and not asked.get("MessageGroupId"):
        yield "no MessageGroupId"
    if not fifo and "MessageDeduplicationId" in asked:
        yield "MessageDeduplicationId on a topic that is not FIFO"
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if name in asked and not re.fullmatch(r"[!-~]{1,128}", asked[name]):
            yield f"{name} {asked[name][:150]!r}"


# -- what reaches AWS without a call: Lambda's events and answers, and CloudWatch's metric documents -------------------


@limit("lambda", "Event", "an event has at most 6 MB", f"{_LAMBDA}gettingstarted-limits.html")
def _(asked: Asked) -> Iterator[str]:
    total = size(json.dumps(asked["event"]))
    if total > 6 * MIB:
        yield f"{total:,} bytes"


@limit("lambda", "Event", "a batch has at most 10,000 records", f"{_LAMBDA}services-kinesis-parameters.html")
def _(asked: Asked) -> Iterator[str]:
    if len(asked["event"].get("Records", ())) > 10_000:
        yield f"{len(asked['event']['Records']):,} records"


@limit(
    "lambda",
    "Answer",
    "what failed is named by its sequence number",
    f"{_LAMBDA}services-kinesis-batchfailurereporting.html",
)
def _(asked: Asked) -> Iterator[str]:
    known = {each["kinesis"]["sequenceNumber"] for each in asked["event"].get("Records", ()) if "kinesis" in each}
    for each in (asked["answer"] or {}).get("batchItemFailures", ()):
        if each.get("itemIdentifier") not in known:
            yield f"itemIdentifier {each.get('itemIdentifier')!r} is no record of the batch: all of it counts as failed"


@limit("lambda", "Answer", "an answer has at most 6 MB", f"{_LAMBDA}gettingstarted-limits.html")
def _(asked: Asked) -> Iterator[str]:
    if size(json.dumps(asked["answer"])) > 6 * MIB:
        yield "an answer above 6 MB"


@limit("logs", "MetricDocument", "a line has at most 1 MB", _EMF)
def _(asked: Asked) -> Iterator[str]:
    if size(json.dumps(asked)) > MIB:
        yield "a line above 1 MB"


@limit("logs", "MetricDocument", "a directive has one to 100 metrics, each in the document", _EMF)
def _(asked: Asked) -> Iterator[str]:
    for each in asked["_aws"]["CloudWatchMetrics"]:
        names = [metric["Name"] for metric in each["Metrics"]]
        if not 1 <= len(names) <= 100:
            yield f"{len(names)} metrics"
        for name in names:
            found = asked.get(name)
            listed = found if isinstance(found, list) else [found]
            if len(listed) > 100 or not all(isinstance(value, int | float) for value in listed):
                yield f"{name} is {str(found)[:50]}"


@limit("logs", "MetricDocument", "a metric has at most 30 dimensions, each in the document", _EMF)
def _(asked: Asked) -> Iterator[str]:
    for each in asked["_aws"]["CloudWatchMetrics"]:
        for dimensions in each["Dimensions"]:
            if len(dimensions) > 30:
                yield f"{len(dimensions)} dimensions"
            for name in dimensions:
                if not isinstance(asked.get(name), str) or not 1 <= len(asked[name]) <= 1024:
                    yield f"dimension {name} is {str(asked.get(name))[:50]!r}"


@limit("logs", "MetricDocument", "a metric's unit is one of CloudWatch's", _EMF)
def _(asked: Asked) -> Iterator[str]:
    from tests.aws.conformance.shapes import service_model

    known = service_model("cloudwatch").shape_for("StandardUnit").metadata["enum"]
    for each in asked["_aws"]["CloudWatchMetrics"]:
        for metric in each["Metrics"]:
            if metric.get("Unit", "None") not in known:
                yield f"unit {metric['Unit']!r}"


@limit("logs", "MetricDocument", "a namespace is ASCII, of at most 256 characters", _EMF)
def _(asked: Asked) -> Iterator[str]:
    for each in asked["_aws"]["CloudWatchMetrics"]:
        if not re.fullmatch(r"(?!AWS/)[0-9A-Za-z.\-_/#: ]{1,256}", each["Namespace"]):
            yield f"namespace {each['Namespace']!r}"
