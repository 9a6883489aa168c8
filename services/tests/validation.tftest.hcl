# One refused value for every validation in variables.tf; a test counts them.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:us-east-1:123456789012:stream/stock-stream" }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:us-east-1:123456789012:table/stock-table"
      stream_arn = "arn:aws:dynamodb:us-east-1:123456789012:table/stock-table/stream/2026-01-01T00:00:00.000"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::stock-data-123456789012-us-east-1" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/some" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:some" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:StockAnalysisLambda" }
  }

  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:StockAnalysisLambda:live" }
  }

  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/stock-analysis" }
  }

  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/some/1/2" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:us-east-1:123456789012:rule/some" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:stock-analysis-alarms" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/some:1" }
  }

  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/some/1" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/some/1" }
  }

  mock_resource "aws_cognito_user_pool" {
    defaults = { arn = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abc" }
  }

  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:us-east-1:123456789012:repository/stock-data-collector"
      repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector"
    }
  }

  mock_resource "aws_quicksight_data_source" {
    defaults = { arn = "arn:aws:quicksight:us-east-1:123456789012:datasource/some" }
  }

  mock_resource "aws_quicksight_data_set" {
    defaults = { arn = "arn:aws:quicksight:us-east-1:123456789012:dataset/some" }
  }

  mock_resource "aws_quicksight_template" {
    defaults = { arn = "arn:aws:quicksight:us-east-1:123456789012:template/some" }
  }
}

override_data {
  target = data.terraform_remote_state.network
  values = {
    outputs = {
      region                      = "us-east-1"
      vpc_id                      = "vpc-1"
      vpc_cidr                    = "10.20.0.0/16"
      public_subnet_ids           = ["subnet-1", "subnet-2"]
      private_subnet_ids          = ["subnet-3", "subnet-4"]
      collector_security_group_id = "sg-1"
      processor_security_group_id = "sg-2"
      has_internet                = true
      interface_endpoints         = []
    }
  }
}

run "region_1" {
  command = plan

  variables {
    region = "europe"
  }

  expect_failures = [var.region]
}

run "name_prefix_1" {
  command = plan

  variables {
    name_prefix = "Dev-"
  }

  expect_failures = [var.name_prefix]
}

run "tags_1" {
  command = plan

  variables {
    tags = { "AWS:x" = "y" }
  }

  expect_failures = [var.tags]
}

run "network_state_1" {
  command = plan

  variables {
    network_state = { bucket = "No_Bucket" }
  }

  expect_failures = [var.network_state]
}

run "network_state_2" {
  command = plan

  variables {
    network_state = { path = "network.json" }
  }

  expect_failures = [var.network_state]
}

run "bucket_name_1" {
  command = plan

  variables {
    bucket_name = "Stock"
  }

  expect_failures = [var.bucket_name]
}

run "image_uri_1" {
  command = plan

  variables {
    image_uri = "stock-data-collector:1.0.0"
  }

  expect_failures = [var.image_uri]
}

run "image_uri_2" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:latest"
  }

  expect_failures = [var.image_uri]
}

run "model_data_url_1" {
  command = plan

  variables {
    model_data_url = "models/model.tar.gz"
  }

  expect_failures = [var.model_data_url]
}

run "model_data_url_2" {
  command = plan

  variables {
    model_data_url = "s3://some-bucket/models/1/model.tar.gz"
  }

  expect_failures = [var.model_data_url]
}

run "architecture_1" {
  command = plan

  variables {
    architecture = "RISCV"
  }

  expect_failures = [var.architecture]
}

run "architecture_2" {
  command = plan

  variables {
    architecture = "ARM64"
  }

  expect_failures = [var.architecture]
}

run "symbols_1" {
  command = plan

  variables {
    symbols = []
  }

  expect_failures = [var.symbols]
}

run "symbols_2" {
  command = plan

  variables {
    symbols = ["TSLA", "TSLA"]
  }

  expect_failures = [var.symbols]
}

run "symbols_3" {
  command = plan

  variables {
    symbols = ["tsla"]
  }

  expect_failures = [var.symbols]
}

run "symbols_4" {
  command = plan

  variables {
    symbols = [for i in range(1000) : "ABCDEFGHIJKLMNOPQRSTUVWXYZ${i + 1000}"]
  }

  expect_failures = [var.symbols]
}

run "interval_1" {
  command = plan

  variables {
    interval = "7m"
  }

  expect_failures = [var.interval]
}

run "horizon_1" {
  command = plan

  variables {
    horizon = 0
  }

  expect_failures = [var.horizon]
}

run "horizon_2" {
  command = plan

  variables {
    horizon = 1.5
  }

  expect_failures = [var.horizon]
}

run "row_days_1" {
  command = plan

  variables {
    row_days = -1
  }

  expect_failures = [var.row_days]
}

run "stream_shards_1" {
  command = plan

  variables {
    stream_shards = 501
  }

  expect_failures = [var.stream_shards]
}

run "stream_retention_hours_1" {
  command = plan

  variables {
    stream_retention_hours = 12
  }

  expect_failures = [var.stream_retention_hours]
}

run "collector_1" {
  command = plan

  variables {
    collector = { cpu = 256, memory = 4096 }
  }

  expect_failures = [var.collector]
}

run "collector_2" {
  command = plan

  variables {
    collector = { cpu = 300, memory = 512 }
  }

  expect_failures = [var.collector]
}

run "collector_3" {
  command = plan

  variables {
    collector = { forming_seconds = 0.1 }
  }

  expect_failures = [var.collector]
}

run "processor_1" {
  command = plan

  variables {
    processor = { memory = 128 }
  }

  expect_failures = [var.processor]
}

run "processor_2" {
  command = plan

  variables {
    processor = { timeout = 901 }
  }

  expect_failures = [var.processor]
}

run "processor_3" {
  command = plan

  variables {
    processor = { batch_size = 0 }
  }

  expect_failures = [var.processor]
}

run "processor_4" {
  command = plan

  variables {
    processor = { window = 301 }
  }

  expect_failures = [var.processor]
}

run "processor_5" {
  command = plan

  variables {
    processor = { retries = -1 }
  }

  expect_failures = [var.processor]
}

run "processor_6" {
  command = plan

  variables {
    processor = { max_record_age = 200000 }
  }

  expect_failures = [var.processor]
}

run "processor_7" {
  command = plan

  variables {
    processor = { parallelization = 11 }
  }

  expect_failures = [var.processor]
}

run "processor_8" {
  command = plan

  variables {
    processor = { reserved_concurrency = 0 }
  }

  expect_failures = [var.processor]
}

run "processor_predictor" {
  command = plan

  variables {
    processor = { predictor = "elsewhere" }
  }

  expect_failures = [var.processor]
}

run "endpoint_1" {
  command = plan

  variables {
    endpoint = { memory = 1000 }
  }

  expect_failures = [var.endpoint]
}

run "endpoint_2" {
  command = plan

  variables {
    endpoint = { max_concurrency = 0 }
  }

  expect_failures = [var.endpoint]
}

run "endpoint_3" {
  command = plan

  variables {
    endpoint = { instance_type = "c6i.large" }
  }

  expect_failures = [var.endpoint]
}

run "endpoint_4" {
  command = plan

  variables {
    endpoint = { min_instances = 3, max_instances = 2 }
  }

  expect_failures = [var.endpoint]
}

run "endpoint_5" {
  command = plan

  variables {
    endpoint = { invocations_per_instance = 0 }
  }

  expect_failures = [var.endpoint]
}

run "log_retention_days_1" {
  command = plan

  variables {
    log_retention_days = 2
  }

  expect_failures = [var.log_retention_days]
}

run "alarm_email_1" {
  command = plan

  variables {
    alarm_email = "ann"
  }

  expect_failures = [var.alarm_email]
}

run "monthly_budget_usd_1" {
  command = plan

  variables {
    monthly_budget_usd = -5
  }

  expect_failures = [var.monthly_budget_usd]
}

run "alarms_1" {
  command = plan

  variables {
    alarms = { iterator_age = 0 }
  }

  expect_failures = [var.alarms]
}

run "alarms_2" {
  command = plan

  variables {
    alarms = { duration_share = 1.5 }
  }

  expect_failures = [var.alarms]
}

run "dashboard_1" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    dashboard = { domain_name = "stocks", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", allowed_cidrs = ["203.0.113.0/24"] }
  }

  expect_failures = [var.dashboard]
}

run "dashboard_2" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    dashboard = { domain_name = "stocks.example.com", certificate_arn = "mine", allowed_cidrs = ["203.0.113.0/24"] }
  }

  expect_failures = [var.dashboard]
}

run "dashboard_3" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    dashboard = { domain_name = "stocks.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", allowed_cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.dashboard]
}

run "enable_quicksight_1" {
  command = plan

  variables {
    enable_quicksight = true
  }

  expect_failures = [var.enable_quicksight]
}

run "quicksight_users_1" {
  command = plan

  variables {
    quicksight_users = ["ann"]
  }

  expect_failures = [var.quicksight_users]
}

run "dashboard_4" {
  command = plan

  variables {
    dashboard = { domain_name = "stocks.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", allowed_cidrs = ["203.0.113.0/24"] }
  }

  expect_failures = [var.dashboard]
}

run "alert_rules_1" {
  command = plan

  variables {
    image_uri   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    dashboard   = { domain_name = "stocks.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", allowed_cidrs = ["203.0.113.0/24"] }
    alert_rules = ["rsi_14 < 30; rsi_14 > 70"]
  }

  expect_failures = [var.alert_rules]
}

run "alert_rules_2" {
  command = plan

  variables {
    alert_rules = ["rsi_14 < 30"]
  }

  expect_failures = [var.alert_rules]
}

run "collector_4" {
  command = plan

  variables {
    collector = { tasks = 0 }
  }

  expect_failures = [var.collector]
}

run "processor_roll_back_1" {
  command = plan

  variables {
    image_uri           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    processor_roll_back = { version = "$LATEST" }
  }

  expect_failures = [var.processor_roll_back]
}

run "processor_roll_back_2" {
  command = plan

  variables {
    image_uri           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    processor_roll_back = { version = "3", share = 1.5 }
  }

  expect_failures = [var.processor_roll_back]
}

run "processor_roll_back_3" {
  command = plan

  variables {
    processor_roll_back = { version = "3" }
  }

  expect_failures = [var.processor_roll_back]
}

run "earlier_models_1" {
  command = plan

  variables {
    earlier_models = [{ image_uri = "", model_data_url = "models/1", endpoint = { memory = 2048, max_concurrency = 5, min_instances = 1 } }]
  }

  expect_failures = [var.earlier_models]
}

run "quicksight_role_1" {
  command = plan

  variables {
    quicksight_role = "arn:aws:iam::123456789012:role/some"
  }

  expect_failures = [var.quicksight_role]
}

run "processor_9" {
  command = plan

  variables {
    stream_retention_hours = 8760
    processor              = { max_record_age = 604801 }
  }

  expect_failures = [var.processor]
}

run "alarms_3" {
  command = plan

  variables {
    alarms = { rows_silence = 0 }
  }

  expect_failures = [var.alarms]
}

run "network_in_another_region" {
  command = plan

  variables {
    region = "eu-west-1"
  }

  expect_failures = [data.terraform_remote_state.network]
}

run "retraining_1" {
  command = plan

  variables {
    retraining = { schedule = "every friday" }
  }

  expect_failures = [var.retraining]
}

run "retraining_2" {
  command = plan

  variables {
    retraining = { model = "two words" }
  }

  expect_failures = [var.retraining]
}

run "retraining_3" {
  command = plan

  variables {
    retraining = { symbols = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U"] }
  }

  expect_failures = [var.retraining]
}

run "retraining_4" {
  command = plan

  variables {
    retraining = { instance_type = "m5.large" }
  }

  expect_failures = [var.retraining]
}

run "retraining_5" {
  command = plan

  variables {
    retraining = { minutes = 0 }
  }

  expect_failures = [var.retraining]
}
