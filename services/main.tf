data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# What the network stack created, read from its state.
data "terraform_remote_state" "network" {
  backend = var.network_state.bucket == null ? "local" : "s3"

  config = var.network_state.bucket == null ? { path = var.network_state.path } : {
    bucket = var.network_state.bucket
    key    = var.network_state.key
    region = var.network_state.region
  }

  lifecycle {
    postcondition {
      condition     = self.outputs.region == var.region
      error_message = "The network is in a different region from these services: give both stacks the same region."
    }
  }
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  network   = data.terraform_remote_state.network.outputs

  # The two phases: what needs an image or a model is created when there is one.
  has_image = var.image_uri != ""
  has_model = var.model_data_url != ""

  # Names, as they are without a prefix.
  name             = "${var.name_prefix}stock-analysis"
  stream_name      = "${var.name_prefix}stock-stream"
  rows_table_name  = "${var.name_prefix}stock-table"
  state_table_name = "${var.name_prefix}stock-state"
  function_name    = "${var.name_prefix}StockAnalysisLambda"
  collector_name   = "${var.name_prefix}stock-data-collector"
  dashboard_name   = "${var.name_prefix}stock-dashboard"
  endpoint_name    = "${var.name_prefix}tsla-stock-predictor"
  bucket_name      = var.bucket_name != "" ? var.bucket_name : "${var.name_prefix}stock-data-${local.account}-${var.region}"
  firehose_name    = "${var.name_prefix}stock-rows"
  glue_database    = replace("${var.name_prefix}stock_analysis", "-", "_")
  function_arn     = "arn:${local.partition}:lambda:${var.region}:${local.account}:function:${local.function_name}"
  endpoint_arn     = "arn:${local.partition}:sagemaker:${var.region}:${local.account}:endpoint/${local.endpoint_name}"

  function_architecture = var.architecture == "ARM64" ? "arm64" : "x86_64" # Lambda's words for it
}

# Who may assume a role: one AWS service, for this account only.
data "aws_iam_policy_document" "trust" {
  for_each = toset(["ecs-tasks", "lambda", "sagemaker", "firehose", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }

    # Against the confused deputy. Lambda assumes a role without naming the account it acts for; Firehose names it as the
    # external id.
    dynamic "condition" {
      for_each = each.key == "lambda" ? [] : [each.key == "firehose" ? "sts:ExternalId" : "aws:SourceAccount"]

      content {
        test     = "StringEquals"
        variable = condition.value
        values   = [local.account]
      }
    }
  }
}

locals {
  # What steps.py sets; a value that is as by default is null.
  deployed = {
    image_uri           = var.image_uri != "" ? var.image_uri : null
    model_data_url      = var.model_data_url != "" ? var.model_data_url : null
    earlier_models      = length(var.earlier_models) > 0 ? var.earlier_models : null
    alarm_email         = var.alarm_email != "" ? var.alarm_email : null
    enable_quicksight   = var.enable_quicksight ? true : null
    quicksight_users    = length(var.quicksight_users) > 0 ? var.quicksight_users : null
    dashboard           = var.dashboard
    alert_rules         = length(var.alert_rules) > 0 ? var.alert_rules : null
    processor_roll_back = var.processor_roll_back
    retraining          = var.retraining.schedule != null ? var.retraining : null
  }
}
