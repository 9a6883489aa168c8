# The Lambda function: stream -> indicators -> endpoint -> tables. The copy of the rows is another one: copier.tf.

locals {
  processor_environment = merge(
    {
      TAPELINE_AWS__BUCKET      = aws_s3_bucket.data.bucket
      TAPELINE_HORIZON          = tostring(var.horizon)
      TAPELINE_AWS__ROW_DAYS    = tostring(var.row_days)
      TAPELINE_AWS__ROWS_TABLE  = aws_dynamodb_table.rows.name
      TAPELINE_AWS__STACK       = local.name
      TAPELINE_AWS__STATE_TABLE = aws_dynamodb_table.state.name
    },
    local.has_model ? { TAPELINE_AWS__SAGEMAKER_ENDPOINT = local.endpoint_name } : {},
    var.processor.predictor == "local" ? { TAPELINE_AWS__PREDICTOR = "local" } : {},
  )
}

# What each function that reads a stream needs besides.
data "aws_iam_policy_document" "stream_function" {
  # Lambda needs this before it delivers a failed batch to the bucket.
  statement {
    sid       = "FailureDestination"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]
  }

  statement {
    sid       = "Encryption"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  dynamic "statement" {
    for_each = var.processor.tracing ? [1] : []

    content {
      sid       = "Trace"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"] # these actions take no resource
    }
  }
}

data "aws_iam_policy_document" "processor" {
  source_policy_documents = [data.aws_iam_policy_document.write_log["processor"].json, data.aws_iam_policy_document.stream_function.json]

  statement {
    sid       = "Read"
    actions   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.this.arn]
  }

  statement {
    sid       = "Rows"
    actions   = ["dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.rows.arn]
  }

  statement {
    sid       = "State"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.state.arn]
  }

  statement {
    sid       = "Predict"
    actions   = ["sagemaker:InvokeEndpoint"]
    resources = [local.endpoint_arn]
  }

  # The range model, whatever predicts the direction; with predictor = "local" the direction model, too.
  statement {
    sid       = "Model"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/models/*"]
  }

  statement {
    sid       = "Refuse"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/rejects/*", "${aws_s3_bucket.data.arn}/aws/lambda/*"]
  }

  # What DynamoDB requires for a table with a key of its own, beyond the two of every function.
  statement {
    sid       = "TableEncryption"
    actions   = ["kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${var.region}.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = var.processor.in_vpc ? [1] : []

    # Lambda checks for these when the function is put into a VPC. It creates the interfaces itself, under names that are
    # not known in advance; the next statement keeps the function's own code from using these actions.
    content {
      sid = "Vpc"
      actions = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = var.processor.in_vpc ? [1] : []

    content {
      sid       = "VpcNotByCode"
      effect    = "Deny"
      actions   = ["ec2:*"]
      resources = ["*"] # a denial may be as wide as possible

      condition {
        test     = "ArnLike"
        variable = "lambda:SourceFunctionArn"
        values   = [local.function_arn, "${local.function_arn}:*"]
      }
    }
  }
}

resource "aws_iam_role" "processor" {
  name               = local.function_name
  description        = "The processor: reads the stream, writes rows and state"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

resource "aws_iam_role_policy" "processor" {
  name   = "process"
  role   = aws_iam_role.processor.id
  policy = data.aws_iam_policy_document.processor.json
}

resource "aws_lambda_function" "processor" {
  #checkov:skip=CKV_AWS_116:only the stream calls it, and the event source mapping has a failure destination; a dead-letter queue is for asynchronous calls
  #checkov:skip=CKV_AWS_272:an image cannot be signed this way; tags in the repository are immutable
  #checkov:skip=CKV_AWS_50:on by default, see var.processor

  count = local.has_image ? 1 : 0

  function_name                  = local.function_name
  description                    = "Bars from ${local.stream_name} to rows in ${local.rows_table_name}"
  role                           = aws_iam_role.processor.arn
  package_type                   = "Image"
  image_uri                      = var.image_uri
  architectures                  = [local.function_architecture]
  publish                        = true # every change is a version, so that there is one to roll back to
  memory_size                    = var.processor.memory
  timeout                        = var.processor.timeout
  reserved_concurrent_executions = var.processor.reserved_concurrency
  kms_key_arn                    = aws_kms_key.this.arn

  image_config {
    command = ["python", "-m", "awslambdaric", "tapeline.lambdas.handler.handler"]
  }

  environment {
    variables = local.processor_environment
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this["processor"].name
  }

  tracing_config {
    mode = var.processor.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.processor.in_vpc ? [1] : []

    content {
      subnet_ids         = local.network.private_subnet_ids
      security_group_ids = [local.network.processor_security_group_id]
    }
  }

  lifecycle {
    precondition {
      condition     = !var.processor.in_vpc || local.network.has_internet || contains(local.network.interface_endpoints, "sagemaker.runtime")
      error_message = "In a network without NAT the processor needs the interface endpoint sagemaker.runtime, or processor = { in_vpc = false }."
    }
  }

  depends_on = [aws_iam_role_policy.processor, aws_ecr_repository_policy.this]
}

# What the stream and the schedule call: the newest version, or what var.processor_roll_back says. Moving the alias takes
# seconds and needs no image.
resource "aws_lambda_alias" "live" {
  count = local.has_image ? 1 : 0

  name          = "live"
  description   = "The version that processes the stream"
  function_name = aws_lambda_function.processor[0].function_name

  function_version = (
    var.processor_roll_back != null && try(var.processor_roll_back.share, 0) == 1
    ? var.processor_roll_back.version
    : aws_lambda_function.processor[0].version
  )

  dynamic "routing_config" {
    for_each = var.processor_roll_back == null ? [] : var.processor_roll_back.share == 1 ? [] : [var.processor_roll_back]

    content {
      additional_version_weights = { (routing_config.value.version) = routing_config.value.share }
    }
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  count = local.has_image ? 1 : 0

  event_source_arn                   = aws_kinesis_stream.this.arn
  function_name                      = aws_lambda_alias.live[0].arn
  starting_position                  = "TRIM_HORIZON" # includes what was collected before the function existed
  batch_size                         = var.processor.batch_size
  maximum_batching_window_in_seconds = var.processor.window
  parallelization_factor             = var.processor.parallelization
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = var.processor.retries
  maximum_record_age_in_seconds      = var.processor.max_record_age
  function_response_types            = ["ReportBatchItemFailures"]

  # Batches that the function gave up on, with their records: aws/lambda/MAPPING/DATE/ in the bucket.
  destination_config {
    on_failure {
      destination_arn = aws_s3_bucket.data.arn
    }
  }

  metrics_config {
    metrics = ["EventCount"]
  }
}

# -- the heartbeat -----------------------------------------------------------------------------------------------------

# Once a minute the function looks at the newest rows from the store's side, and says how old they are while an exchange
# is open. Shortly before an open it wakes the endpoint. See docs/operations.md, "rows_silence".

data "aws_iam_policy_document" "heartbeat" {
  statement {
    sid       = "Call"
    actions   = ["lambda:InvokeFunction"]
    resources = ["${local.function_arn}:live"]
  }

  # Of what it calls with.
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role" "heartbeat" {
  name               = "${local.function_name}-heartbeat"
  description        = "The schedule: calls the processor once a minute"
  assume_role_policy = data.aws_iam_policy_document.trust["scheduler"].json
}

resource "aws_iam_role_policy" "heartbeat" {
  name   = "call"
  role   = aws_iam_role.heartbeat.id
  policy = data.aws_iam_policy_document.heartbeat.json
}

resource "aws_scheduler_schedule" "heartbeat" {
  count = local.has_image ? 1 : 0

  name                = "${local.function_name}-heartbeat"
  description         = "How old the newest rows are; wakes the endpoint before an exchange opens"
  schedule_expression = "rate(1 minute)"
  kms_key_arn         = aws_kms_key.this.arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live[0].arn
    role_arn = aws_iam_role.heartbeat.arn
    input    = jsonencode({ tapeline = "heartbeat" })

    # The next minute does it again.
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }

  depends_on = [aws_iam_role_policy.heartbeat]
}
