locals {
  # Key -> log group. Those of the endpoint and of Firehose are created here too, so that they are encrypted and expire.
  log_groups = {
    collector = "/ecs/${local.collector_name}"
    dashboard = "/ecs/${local.dashboard_name}"
    processor = "/aws/lambda/${local.function_name}"
    copier    = "/aws/lambda/${local.copier_name}"
    endpoint  = "/aws/sagemaker/Endpoints/${local.endpoint_name}"
    firehose  = "/aws/kinesisfirehose/${local.firehose_name}"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long to pay for logs is the team's choice, see the variable

  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_cloudwatch_log_stream" "firehose" {
  name           = "rows"
  log_group_name = aws_cloudwatch_log_group.this["firehose"].name
}

# What each container's role needs to write its own log group.
data "aws_iam_policy_document" "write_log" {
  for_each = local.log_groups

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }
}
