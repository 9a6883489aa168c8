# The copy of final rows: the table's change stream -> a function -> Firehose. Nothing of it is in front of a row: DynamoDB
# keeps every change for a day, and Lambda delivers it again until Firehose took it.

locals {
  copier_name = "${local.function_name}Copier"
  copier_arn  = "arn:${local.partition}:lambda:${var.region}:${local.account}:function:${local.copier_name}"
}

data "aws_iam_policy_document" "copier" {
  source_policy_documents = [data.aws_iam_policy_document.write_log["copier"].json, data.aws_iam_policy_document.stream_function.json]

  statement {
    sid       = "Read"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${aws_dynamodb_table.rows.arn}/stream/*"]
  }

  statement {
    sid       = "List"
    actions   = ["dynamodb:ListStreams"]
    resources = ["*"] # Lambda asks for it, and the action takes no resource
  }

  statement {
    sid       = "Copy"
    actions   = ["firehose:PutRecordBatch"]
    resources = [aws_kinesis_firehose_delivery_stream.rows.arn]
  }

  # What was not copied within a day, with its rows.
  statement {
    sid       = "Refuse"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/aws/lambda/*"]
  }
}

resource "aws_iam_role" "copier" {
  name               = local.copier_name
  description        = "The copier: reads the changes of the rows, and puts final ones on Firehose"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

resource "aws_iam_role_policy" "copier" {
  name   = "copy"
  role   = aws_iam_role.copier.id
  policy = data.aws_iam_policy_document.copier.json
}

resource "aws_lambda_function" "copier" {
  #checkov:skip=CKV_AWS_115:the change stream's shards limit how many run at once
  #checkov:skip=CKV_AWS_116:only the change stream calls it, and the event source mapping has a failure destination
  #checkov:skip=CKV_AWS_117:it calls Firehose only, by TLS, and is reached by nobody; outside the VPC it needs no permission to network interfaces
  #checkov:skip=CKV_AWS_272:an image cannot be signed this way; tags in the repository are immutable
  #checkov:skip=CKV_AWS_50:on by default, see var.processor

  count = local.has_image ? 1 : 0

  function_name = local.copier_name
  description   = "Final rows of ${local.rows_table_name} to ${local.firehose_name}"
  role          = aws_iam_role.copier.arn
  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [local.function_architecture]
  memory_size   = 512
  timeout       = 60
  kms_key_arn   = aws_kms_key.this.arn

  image_config {
    command = ["python", "-m", "awslambdaric", "tapeline.lambdas.row_copying.handler"]
  }

  environment {
    variables = {
      TAPELINE_AWS__FIREHOSE_STREAM = aws_kinesis_firehose_delivery_stream.rows.name
      TAPELINE_AWS__STACK           = local.name
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this["copier"].name
  }

  tracing_config {
    mode = var.processor.tracing ? "Active" : "PassThrough"
  }

  depends_on = [aws_iam_role_policy.copier, aws_ecr_repository_policy.this]
}

resource "aws_lambda_event_source_mapping" "changes" {
  count = local.has_image ? 1 : 0

  event_source_arn                   = aws_dynamodb_table.rows.stream_arn
  function_name                      = aws_lambda_function.copier[0].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 1000
  maximum_batching_window_in_seconds = 10 # Firehose charges a record as 5 KB at least: many rows share one
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = -1
  maximum_record_age_in_seconds      = 82800 # an hour before DynamoDB drops the change

  # Forming rows and expired ones are no invocation.
  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT", "MODIFY"]
        dynamodb  = { NewImage = { final = { BOOL = [true] } } }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_s3_bucket.data.arn
    }
  }

  metrics_config {
    metrics = ["EventCount"]
  }
}
