# The page as a service: optional (var.dashboard), behind a load balancer that admits whoever has logged in.

locals {
  dashboard_count = var.dashboard == null ? 0 : 1
  dashboard_port  = 8000

  dashboard_environment = merge(
    {
      AWS_DEFAULT_REGION             = var.region
      TAPELINE_PAGE__BEHIND_LOGIN    = "true" # the log-in is the listener's first action; without this the page refuses to start
      TAPELINE_DATA_DIR              = "/var/lib/tapeline"
      TAPELINE_PAGE__TRUSTED_PROXIES = local.network.vpc_cidr # the load balancer's addresses are in it, and only it reaches the page
      TAPELINE_PAGE__HOST            = "0.0.0.0"              # only the load balancer reaches it: see the security groups
      TAPELINE_PAGE__PORT            = tostring(local.dashboard_port)
      TAPELINE_AWS__BUCKET           = aws_s3_bucket.data.bucket # whose range models tell what the rows' codes mean
      TAPELINE_AWS__ROWS_TABLE       = aws_dynamodb_table.rows.name
      TAPELINE_AWS__STATE_TABLE      = aws_dynamodb_table.state.name
    },
    length(var.alert_rules) == 0 ? {} : {
      TAPELINE_ALERTS__RULES     = join(";", var.alert_rules)
      TAPELINE_ALERTS__SNS_TOPIC = aws_sns_topic.alarms.arn
    },
  )
}

# -- who may log in: people whom an administrator has added to this pool ---------------------------------------------------

resource "aws_cognito_user_pool" "this" {
  count = local.dashboard_count

  name                = local.dashboard_name
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  username_attributes = ["email"]
  mfa_configuration   = "OPTIONAL"

  software_token_mfa_configuration {
    enabled = true
  }

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  password_policy {
    minimum_length                   = 14
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = 3
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  count = local.dashboard_count

  domain       = "${local.dashboard_name}-${local.account}"
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_user_pool_client" "this" {
  count = local.dashboard_count

  name                                 = "load-balancer"
  user_pool_id                         = aws_cognito_user_pool.this[0].id
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "email"]
  callback_urls                        = ["https://${var.dashboard.domain_name}/oauth2/idpresponse"]
  supported_identity_providers         = ["COGNITO"]
  prevent_user_existence_errors        = "ENABLED"
}

# -- load balancer -----------------------------------------------------------------------------------------------------

resource "aws_security_group" "load_balancer" {
  count = local.dashboard_count

  name        = "${local.dashboard_name}-load-balancer"
  description = "HTTPS in from the allowed ranges, out to the page and to Cognito"
  vpc_id      = local.network.vpc_id

  tags = { Name = "${local.dashboard_name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = var.dashboard == null ? toset([]) : toset(var.dashboard.allowed_cidrs)

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "HTTPS from an allowed range"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_page" {
  count = local.dashboard_count

  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "The page"
  ip_protocol                  = "tcp"
  from_port                    = local.dashboard_port
  to_port                      = local.dashboard_port
  referenced_security_group_id = aws_security_group.dashboard[0].id
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_cognito" {
  count = local.dashboard_count

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "Cognito, whose addresses change"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_security_group" "dashboard" {
  count = local.dashboard_count

  name        = local.dashboard_name
  description = "The page: in from the load balancer, HTTPS out to AWS services"
  vpc_id      = local.network.vpc_id

  tags = { Name = local.dashboard_name }
}

resource "aws_vpc_security_group_ingress_rule" "dashboard" {
  count = local.dashboard_count

  security_group_id            = aws_security_group.dashboard[0].id
  description                  = "The load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.dashboard_port
  to_port                      = local.dashboard_port
  referenced_security_group_id = aws_security_group.load_balancer[0].id
}

resource "aws_vpc_security_group_egress_rule" "dashboard" {
  count = local.dashboard_count

  security_group_id = aws_security_group.dashboard[0].id
  description       = "AWS services, whose addresses change"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:only named address ranges reach it, and it serves nothing before the log-in

  count = local.dashboard_count

  name                       = local.dashboard_name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = local.network.public_subnet_ids
  security_groups            = [aws_security_group.load_balancer[0].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  access_logs {
    enabled = true
    bucket  = aws_s3_bucket.logs.bucket
    prefix  = "alb"
  }

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_lb_target_group" "this" {
  count = local.dashboard_count

  name                 = local.dashboard_name
  target_type          = "ip"
  vpc_id               = local.network.vpc_id
  port                 = local.dashboard_port
  protocol             = "HTTP"
  deregistration_delay = 30

  # The page itself: it answers without DynamoDB, because a new task would not fix trouble there.
  health_check {
    path    = "/"
    matcher = "200"
  }

  # The page keeps a connection per tab; a person stays with the task that has it.
  stickiness {
    enabled = true
    type    = "lb_cookie"
  }
}

resource "aws_lb_listener" "https" {
  count = local.dashboard_count

  load_balancer_arn = aws_lb.this[0].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.dashboard.certificate_arn

  default_action {
    type  = "authenticate-cognito"
    order = 1

    authenticate_cognito {
      user_pool_arn       = aws_cognito_user_pool.this[0].arn
      user_pool_client_id = aws_cognito_user_pool_client.this[0].id
      user_pool_domain    = aws_cognito_user_pool_domain.this[0].domain
      session_timeout     = 43200
    }
  }

  default_action {
    type             = "forward"
    order            = 2
    target_group_arn = aws_lb_target_group.this[0].arn
  }
}

# A script cannot follow the log-in's redirect to another site: when the session is over, /api/ answers 401, and the page
# loads itself again.
resource "aws_lb_listener_rule" "api" {
  count = local.dashboard_count

  listener_arn = aws_lb_listener.https[0].arn
  priority     = 10

  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }

  action {
    type  = "authenticate-cognito"
    order = 1

    authenticate_cognito {
      user_pool_arn              = aws_cognito_user_pool.this[0].arn
      user_pool_client_id        = aws_cognito_user_pool_client.this[0].id
      user_pool_domain           = aws_cognito_user_pool_domain.this[0].domain
      session_timeout            = 43200
      on_unauthenticated_request = "deny"
    }
  }

  action {
    type             = "forward"
    order            = 2
    target_group_arn = aws_lb_target_group.this[0].arn
  }
}

# -- roles and service -------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "dashboard_execution" {
  source_policy_documents = [data.aws_iam_policy_document.pull.json, data.aws_iam_policy_document.write_log["dashboard"].json]
}

resource "aws_iam_role" "dashboard_execution" {
  count = local.dashboard_count

  name               = "${local.dashboard_name}-execution"
  description        = "Starts the page: pulls its image and writes its log"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy" "dashboard_execution" {
  count = local.dashboard_count

  name   = "start"
  role   = aws_iam_role.dashboard_execution[0].id
  policy = data.aws_iam_policy_document.dashboard_execution.json
}

data "aws_iam_policy_document" "dashboard" {
  statement {
    sid       = "Read"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.rows.arn, aws_dynamodb_table.state.arn]
  }

  # Bands and odds follow from what a row has and from the range model that said it.
  statement {
    sid       = "Model"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/models/*"]
  }

  statement {
    sid       = "Models"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["models/*"]
    }
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt", "kms:DescribeKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com"]
    }
  }

  # The page evaluates the alert rules.
  dynamic "statement" {
    for_each = length(var.alert_rules) == 0 ? [] : [aws_sns_topic.alarms.arn]

    content {
      sid       = "Alert"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }

  # The topic is encrypted with our key.
  dynamic "statement" {
    for_each = length(var.alert_rules) == 0 ? [] : [aws_kms_key.this.arn]

    content {
      sid       = "EncryptAlert"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sns.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "dashboard" {
  count = local.dashboard_count

  name               = local.dashboard_name
  description        = "The page: reads rows, publishes alerts"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
}

resource "aws_iam_role_policy" "dashboard" {
  count = local.dashboard_count

  name   = "read"
  role   = aws_iam_role.dashboard[0].id
  policy = data.aws_iam_policy_document.dashboard.json
}

resource "aws_ecs_task_definition" "dashboard" {
  count = local.dashboard_count

  family                   = local.dashboard_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.dashboard.cpu
  memory                   = var.dashboard.memory
  execution_role_arn       = aws_iam_role.dashboard_execution[0].arn
  task_role_arn            = aws_iam_role.dashboard[0].arn
  skip_destroy             = true # earlier revisions stay, to go back to

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  volume {
    name = "data"
  }

  container_definitions = jsonencode([merge(local.containers["dashboard"], {
    portMappings = [{ containerPort = local.dashboard_port, protocol = "tcp" }]
  })])
}

resource "aws_ecs_service" "dashboard" {
  count = local.dashboard_count

  name            = local.dashboard_name
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.dashboard[0].arn
  desired_count   = 1
  propagate_tags  = "SERVICE"

  # The first answer waits for imports and for the copy of the compiled kernels.
  health_check_grace_period_seconds = 90

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.network.private_subnet_ids
    security_groups  = [aws_security_group.dashboard[0].id]
    assign_public_ip = false
  }

  load_balancer {
    container_name   = "dashboard"
    container_port   = local.dashboard_port
    target_group_arn = aws_lb_target_group.this[0].arn
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.dashboard,
    aws_iam_role_policy.dashboard_execution,
    aws_lb_listener.https,
  ]
}
