# Retraining on a schedule: EventBridge starts a training job, its end puts the model into the registry and the model
# package group, and its approval moves the endpoint. One small function does each step (tapeline.lambdas.scheduled_training).
# docs/aws.md, "Training on SageMaker".

locals {
  retrains         = local.has_image && var.retraining.schedule != null
  retraining_name  = "${var.name_prefix}StockRetrainingLambda"
  retraining_event = local.retrains ? 1 : 0
  retraining_arn   = "arn:${local.partition}:lambda:${var.region}:${local.account}:function:${local.retraining_name}"
  training_jobs    = "arn:${local.partition}:sagemaker:${var.region}:${local.account}:training-job/tapeline-*"
  packages         = "arn:${local.partition}:sagemaker:${var.region}:${local.account}:model-package/${local.endpoint_name}/*"

  # Rule -> what it waits for, and what the function gets. An angle bracket is a value of the event.
  retraining_rules = {
    train = {
      schedule = var.retraining.schedule
      pattern  = null
      paths    = { time = "$.time" }
      input    = replace(jsonencode(merge({ action = "train", time = "TIME" }, local.retraining_job)), "\"TIME\"", "<time>")
    }
    collect = {
      schedule = null
      pattern = {
        source      = ["aws.sagemaker"]
        detail-type = ["SageMaker Training Job State Change"]
        detail = {
          TrainingJobStatus = ["Completed", "Failed", "Stopped"]
          TrainingJobName   = [{ prefix = "tapeline-" }] # the function passes over jobs that the schedule did not start
          RoleArn           = [aws_iam_role.training.arn]
        }
      }
      paths = { job = "$.detail.TrainingJobName" }
      input = replace(jsonencode({ action = "collect", job = "JOB", approve = var.retraining.approve }), "\"JOB\"", "<job>")
    }
    deploy = {
      schedule = null
      pattern = {
        source      = ["aws.sagemaker"]
        detail-type = ["SageMaker Model Package State Change"]
        detail = {
          ModelPackageGroupName = [aws_sagemaker_model_package_group.this.model_package_group_name]
          ModelApprovalStatus   = ["Approved"]
        }
      }
      paths = { package = "$.detail.ModelPackageArn" }
      input = replace(jsonencode({ action = "deploy", package = "PACKAGE" }), "\"PACKAGE\"", "<package>")
    }
  }

  retraining_job = {
    model           = var.retraining.model
    image           = var.image_uri
    role            = aws_iam_role.training.arn
    interval        = var.retraining.interval
    symbols         = var.retraining.symbols
    instance_type   = var.retraining.instance_type
    spot            = var.retraining.spot
    minutes         = var.retraining.minutes
    kms_key         = aws_kms_key.this.arn
    hyperparameters = var.retraining.hyperparameters
    tags            = merge({ project = "tapeline" }, var.tags)
  }
}

# -- logs --------------------------------------------------------------------------------------------------------------

# SageMaker writes the logs of all training jobs of an account into this one group, and keeps them for ever unless told.
resource "aws_cloudwatch_log_group" "training" {
  #checkov:skip=CKV_AWS_338:how long to pay for logs is the team's choice, see the variable
  #checkov:skip=CKV_AWS_158:the group is the account's, and training jobs of others write to it without this stack's key

  count = var.retraining.manage_log_group ? 1 : 0

  name              = "/aws/sagemaker/TrainingJobs"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_group" "retraining" {
  #checkov:skip=CKV_AWS_338:how long to pay for logs is the team's choice, see the variable
  #checkov:skip=CKV_AWS_158:it holds names of jobs and versions, and no data

  count = local.retraining_event

  name              = "/aws/lambda/${local.retraining_name}"
  retention_in_days = var.log_retention_days
}

# -- the function ------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "retraining" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${local.retraining_name}:*"]
  }

  statement {
    sid       = "Train"
    actions   = ["sagemaker:AddTags", "sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:ListTags"]
    resources = [local.training_jobs]
  }

  statement {
    sid       = "Enter"
    actions   = ["sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages", "sagemaker:UpdateModelPackage"]
    resources = [aws_sagemaker_model_package_group.this.arn, local.packages]
  }

  statement {
    sid     = "Deploy"
    actions = ["sagemaker:CreateEndpointConfig", "sagemaker:CreateModel", "sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel", "sagemaker:UpdateEndpoint"]
    resources = [
      local.endpoint_arn,
      "arn:${local.partition}:sagemaker:${var.region}:${local.account}:endpoint-config/${local.endpoint_name}-*",
      "arn:${local.partition}:sagemaker:${var.region}:${local.account}:model/${local.endpoint_name}-*",
    ]
  }

  statement {
    sid       = "PassRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.training.arn, aws_iam_role.endpoint.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }

  statement {
    sid       = "Models"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/models/*"]
  }

  # Without it S3 answers 403 instead of 404 for what is not there yet.
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]
  }

  statement {
    sid       = "Encryption"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role" "retraining" {
  count = local.retraining_event

  name               = local.retraining_name
  description        = "Retraining: starts jobs, enters models, moves the endpoint"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

resource "aws_iam_role_policy" "retraining" {
  count = local.retraining_event

  name   = "retrain"
  role   = aws_iam_role.retraining[0].id
  policy = data.aws_iam_policy_document.retraining.json
}

resource "aws_lambda_function" "retraining" {
  #checkov:skip=CKV_AWS_116:an event that fails three times raises the alarm below; each step can be repeated by hand
  #checkov:skip=CKV_AWS_117:it calls AWS only, and needs nothing in the network
  #checkov:skip=CKV_AWS_272:an image cannot be signed this way; tags in the repository are immutable
  #checkov:skip=CKV_AWS_50:it runs a few times a week; its log says what each step did
  #checkov:skip=CKV_AWS_115:EventBridge calls it a few times a week

  count = local.retraining_event

  function_name = local.retraining_name
  description   = "Retraining: schedule, training job, approval, deployment"
  role          = aws_iam_role.retraining[0].arn
  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [local.function_architecture]
  memory_size   = 1024
  timeout       = 120
  kms_key_arn   = aws_kms_key.this.arn

  image_config {
    command = ["python", "-m", "awslambdaric", "tapeline.lambdas.scheduled_training.handler"]
  }

  environment {
    variables = {
      TAPELINE_AWS__BUCKET             = aws_s3_bucket.data.bucket
      TAPELINE_AWS__SAGEMAKER_ENDPOINT = local.endpoint_name
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.retraining[0].name
  }

  depends_on = [aws_iam_role_policy.retraining, aws_ecr_repository_policy.this]
}

# -- what calls it -----------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "retraining" {
  for_each = { for step, rule in local.retraining_rules : step => rule if local.retrains }

  name                = "${local.name}-${each.key}"
  description         = "Retraining, step ${each.key}"
  schedule_expression = each.value.schedule
  event_pattern       = each.value.pattern == null ? null : jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "retraining" {
  for_each = { for step, rule in local.retraining_rules : step => rule if local.retrains }

  rule = aws_cloudwatch_event_rule.retraining[each.key].name
  arn  = aws_lambda_function.retraining[0].arn

  input_transformer {
    input_paths    = each.value.paths
    input_template = each.value.input
  }

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 3
  }
}

resource "aws_lambda_permission" "retraining" {
  for_each = { for step, rule in local.retraining_rules : step => rule if local.retrains }

  statement_id   = "EventBridge-${each.key}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.retraining[0].function_name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.retraining[each.key].arn
  source_account = local.account
}

resource "aws_cloudwatch_metric_alarm" "retraining" {
  count = local.retraining_event

  alarm_name          = "${local.name}-retraining_errors"
  alarm_description   = "A step of retraining failed: a training job without a model, or a deployment that did not begin"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = local.retraining_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

output "retraining_function_name" {
  description = "Lambda function that does the steps of retraining; empty without retraining.schedule."
  value       = local.retrains ? local.retraining_name : ""
}
