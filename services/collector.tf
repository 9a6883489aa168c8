# The collector: tasks that ask Yahoo Finance and put bars on the stream. Symbols are split over them.

resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

# -- roles: one starts the task (pulls the image, opens the log), one is the task's own ----------------------------------

data "aws_iam_policy_document" "collector_execution" {
  source_policy_documents = [data.aws_iam_policy_document.pull.json, data.aws_iam_policy_document.write_log["collector"].json]
}

resource "aws_iam_role" "collector_execution" {
  name               = "${local.collector_name}-execution"
  description        = "Starts the collector: pulls its image and writes its log"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy" "collector_execution" {
  name   = "start"
  role   = aws_iam_role.collector_execution.id
  policy = data.aws_iam_policy_document.collector_execution.json
}

data "aws_iam_policy_document" "collector" {
  statement {
    sid       = "Put"
    actions   = ["kinesis:PutRecords"]
    resources = [aws_kinesis_stream.this.arn]
  }

  statement {
    sid       = "Encrypt"
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com"]
    }
  }

  # Tasks find one another by their heartbeats, and split the symbols. They see nothing else of the table.
  statement {
    sid       = "Heartbeat"
    actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.state.arn]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = ["<collectors>"]
    }

    condition {
      test     = "Null"
      variable = "dynamodb:LeadingKeys"
      values   = ["false"] # a list of none would meet the condition above
    }
  }

  statement {
    sid       = "TableEncryption"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "collector" {
  name               = local.collector_name
  description        = "The collector: puts bars on the stream"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy" "collector" {
  name   = "collect"
  role   = aws_iam_role.collector.id
  policy = data.aws_iam_policy_document.collector.json
}

# -- task and service ------------------------------------------------------------------------------------------------

locals {
  collector_environment = {
    AWS_DEFAULT_REGION           = var.region
    TAPELINE_DATA_DIR            = "/var/lib/tapeline"
    TAPELINE_FORMING_SECONDS     = tostring(var.collector.forming_seconds)
    TAPELINE_AWS__HEALTH_PORT    = "8080"
    TAPELINE_INTERVAL            = var.interval
    TAPELINE_AWS__KINESIS_STREAM = aws_kinesis_stream.this.name
    TAPELINE_AWS__STACK          = local.name
    TAPELINE_AWS__STATE_TABLE    = aws_dynamodb_table.state.name
    TAPELINE_SYMBOLS             = join(",", var.symbols)
  }
}

# What the containers of all tasks have: the collector's and the page's.
locals {
  container = {
    image                  = var.image_uri
    user                   = "10001:10001"
    essential              = true
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true }
    mountPoints            = [{ sourceVolume = "data", containerPath = "/var/lib/tapeline", readOnly = false }]
  }

  container_environments = { collector = local.collector_environment, dashboard = local.dashboard_environment }

  containers = { for name, environment in local.container_environments : name => merge(local.container, {
    name        = name
    command     = ["tapeline", name]
    environment = [for key, value in environment : { name = key, value = value }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[name].name
        awslogs-region        = var.region
        awslogs-stream-prefix = name
      }
    }
  }) }
}

resource "aws_ecs_task_definition" "collector" {
  count = local.has_image ? 1 : 0

  family                   = local.collector_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.collector.cpu
  memory                   = var.collector.memory
  execution_role_arn       = aws_iam_role.collector_execution.arn
  task_role_arn            = aws_iam_role.collector.arn
  skip_destroy             = true # earlier revisions stay, to go back to

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  # Bars that could not be sent yet are kept here: the task's own disk, encrypted by Fargate, gone with the task.
  volume {
    name = "data"
  }

  container_definitions = jsonencode([merge(local.containers["collector"], {
    stopTimeout = 110 # unsent bars are sent on SIGTERM; Spot gives 120 seconds

    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }
  })])
}

resource "aws_ecs_service" "collector" {
  count = local.has_image ? 1 : 0

  name            = local.collector_name
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.collector[0].arn
  desired_count   = var.collector.enabled ? var.collector.tasks : 0
  propagate_tags  = "SERVICE"

  # For a moment two collectors follow a symbol and send each bar twice, which is harmless; stopping first would leave a gap.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  capacity_provider_strategy {
    capacity_provider = var.collector.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.network.private_subnet_ids
    security_groups  = [local.network.collector_security_group_id]
    assign_public_ip = false
  }

  lifecycle {
    precondition {
      condition     = local.network.has_internet
      error_message = "The network has no NAT gateway, so the collector could not reach Yahoo Finance: apply network/ with nat = \"one\" or \"per_zone\"."
    }
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.collector,
    aws_iam_role_policy.collector_execution,
  ]
}
