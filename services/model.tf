# Where the model is registered, served and trained.

resource "aws_sagemaker_model_package_group" "this" {
  model_package_group_name        = local.endpoint_name
  model_package_group_description = "Versions of the predictor; `tapeline deploy-model` serves one of them"
}

# -- roles -----------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "sagemaker" {
  source_policy_documents = [data.aws_iam_policy_document.pull.json]

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # the action takes no resource; the condition names what may be written

    condition {
      test     = "StringLike"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/*"]
    }
  }
}

data "aws_iam_policy_document" "endpoint" {
  source_policy_documents = [data.aws_iam_policy_document.sagemaker.json, data.aws_iam_policy_document.write_log["endpoint"].json]

  statement {
    sid       = "FindLog"
    actions   = ["logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.this["endpoint"].arn}:*"]
  }

  statement {
    sid       = "Model"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/models/*"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }

  dynamic "statement" {
    for_each = var.endpoint.instance_type == null ? [] : [1]

    # SageMaker creates the instances' network interfaces itself, under names that are not known in advance.
    content {
      sid = "Vpc"
      actions = [
        "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
      ]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "endpoint" {
  name               = "${local.endpoint_name}-endpoint"
  description        = "The endpoint: reads the model it serves"
  assume_role_policy = data.aws_iam_policy_document.trust["sagemaker"].json
}

resource "aws_iam_role_policy" "endpoint" {
  name   = "serve"
  role   = aws_iam_role.endpoint.id
  policy = data.aws_iam_policy_document.endpoint.json
}

data "aws_iam_policy_document" "training" {
  source_policy_documents = [data.aws_iam_policy_document.sagemaker.json]

  statement {
    sid       = "History"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/history/*"]
  }

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["history/*", "models/*"]
    }
  }

  statement {
    sid       = "Models"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/models/*"]
  }

  statement {
    sid       = "Encryption"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/sagemaker/TrainingJobs*"]
  }
}

resource "aws_iam_role" "training" {
  name               = "${local.endpoint_name}-training"
  description        = "Training jobs: read history, write models"
  assume_role_policy = data.aws_iam_policy_document.trust["sagemaker"].json
}

resource "aws_iam_role_policy" "training" {
  name   = "train"
  role   = aws_iam_role.training.id
  policy = data.aws_iam_policy_document.training.json
}

# -- model, configuration, endpoint ------------------------------------------------------------------------------------

locals {
  serverless = var.endpoint.instance_type == null

  # What the endpoint runs on, and what it ran on before, by a name that stands for the content. Models and configurations
  # never change: another image, model or size makes new ones, and the endpoint moves to them. The earlier ones stay: they
  # cost nothing, an update that SageMaker rolls back still needs them, and so does going back.
  served = {
    image_uri      = var.image_uri
    model_data_url = var.model_data_url
    endpoint = {
      memory          = var.endpoint.memory
      max_concurrency = var.endpoint.max_concurrency
      instance_type   = var.endpoint.instance_type
      min_instances   = var.endpoint.min_instances
    }
  }
  model_version  = local.has_model ? substr(sha256(jsonencode(local.served)), 0, 10) : null
  model_versions = { for model in concat(var.earlier_models, local.has_model ? [local.served] : []) : substr(sha256(jsonencode(model)), 0, 10) => model... }
  models         = { for version, same in local.model_versions : version => same[0] }
}

resource "aws_sagemaker_model" "this" {
  #checkov:skip=CKV_AWS_370:on for instances; serverless endpoints do not offer it

  for_each = local.models

  name                     = "${local.endpoint_name}-${each.key}"
  execution_role_arn       = aws_iam_role.endpoint.arn
  enable_network_isolation = each.value.endpoint.instance_type != null # serverless does not offer it; the server makes no calls in any case

  primary_container {
    image          = each.value.image_uri
    model_data_url = each.value.model_data_url
  }

  dynamic "vpc_config" {
    for_each = each.value.endpoint.instance_type == null ? [] : [1]

    content {
      subnets            = local.network.private_subnet_ids
      security_group_ids = [local.network.processor_security_group_id]
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy.endpoint]
}

resource "aws_sagemaker_endpoint_configuration" "this" {
  for_each = local.models

  name        = "${local.endpoint_name}-${each.key}"
  kms_key_arn = each.value.endpoint.instance_type == null ? null : aws_kms_key.this.arn # a serverless endpoint has no disk of ours

  production_variants {
    variant_name           = "main"
    model_name             = aws_sagemaker_model.this[each.key].name
    instance_type          = each.value.endpoint.instance_type
    initial_instance_count = each.value.endpoint.instance_type == null ? null : each.value.endpoint.min_instances
    initial_variant_weight = each.value.endpoint.instance_type == null ? null : 1

    dynamic "serverless_config" {
      for_each = each.value.endpoint.instance_type == null ? [1] : []

      content {
        memory_size_in_mb = each.value.endpoint.memory
        max_concurrency   = each.value.endpoint.max_concurrency
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint" "this" {
  count = local.has_model ? 1 : 0

  name                 = local.endpoint_name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this[local.model_version].name

  # With two instances or more a new model gets a tenth of the traffic for ten minutes; with one it gets all at once, since
  # a canary may take at most half of the instances. Either is rolled back when the alarm fires. A serverless endpoint
  # switches at once.
  dynamic "deployment_config" {
    for_each = local.serverless ? [] : [1]

    content {
      auto_rollback_configuration {
        alarms {
          alarm_name = aws_cloudwatch_metric_alarm.this["endpoint_errors"].alarm_name
        }
      }

      blue_green_update_policy {
        maximum_execution_timeout_in_seconds = 3600
        termination_wait_in_seconds          = 300

        traffic_routing_configuration {
          type                     = var.endpoint.min_instances < 2 ? "ALL_AT_ONCE" : "CANARY"
          wait_interval_in_seconds = 600

          dynamic "canary_size" {
            for_each = var.endpoint.min_instances < 2 ? [] : [1]

            content {
              type  = "CAPACITY_PERCENT"
              value = 10
            }
          }
        }
      }
    }
  }

  # The provider reports success when SageMaker has rolled an update back.
  lifecycle {
    postcondition {
      condition     = self.endpoint_config_name == "${local.endpoint_name}-${local.model_version}"
      error_message = "SageMaker rolled the endpoint back: it still serves ${self.endpoint_config_name}, which is kept. See /aws/sagemaker/Endpoints/${local.endpoint_name} and the alarm endpoint_errors, and go back with the earlier model_data_url."
    }
  }
}

resource "aws_appautoscaling_target" "endpoint" {
  count = local.has_model && !local.serverless ? 1 : 0

  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.this[0].name}/variant/main"
  min_capacity       = var.endpoint.min_instances
  max_capacity       = var.endpoint.max_instances
}

resource "aws_appautoscaling_policy" "endpoint" {
  count = local.has_model && !local.serverless ? 1 : 0

  name               = "${local.endpoint_name}-invocations"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.endpoint[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.endpoint[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.endpoint[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.endpoint.invocations_per_instance
    scale_in_cooldown  = 600
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}
