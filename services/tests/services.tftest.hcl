# `terraform test` (1.11 or later): plans against a mocked provider, so it needs no account and creates nothing. Every run
# costs seconds, so one run has several settings that do not meet. The mocked provider does not render policies;
# tests/terraform reads them from the sources. What variables refuse is in tests/terraform/refused_values.py.

mock_provider "aws" {
  source          = "./tests/account"
  override_during = plan
}

mock_provider "aws" {
  alias  = "applied"
  source = "./tests/account"
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

run "first_phase" {
  command = plan

  assert {
    condition = (
      length(aws_lambda_function.processor) == 0 && length(aws_ecs_service.collector) == 0 && length(aws_sagemaker_endpoint.this) == 0
      && length(aws_lb.this) == 0 && length(aws_quicksight_dashboard.this) == 0
    )
    error_message = "nothing that needs an image, a model or a wish is made without it"
  }

  assert {
    condition     = strcontains(output.next_step, "No image yet") && strcontains(output.next_step, "oci-mediatypes=false,push=true")
    error_message = "the first phase says how to go on"
  }

  assert {
    condition = (
      aws_kinesis_stream.this.name == "stock-stream" && aws_dynamodb_table.rows.name == "stock-table" && aws_dynamodb_table.state.name == "stock-state"
      && aws_ecr_repository.this.name == "stock-data-collector" && output.function_name == "StockAnalysisLambda" && output.endpoint_name == "tsla-stock-predictor"
    )
    error_message = "names are the mission's"
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["collector"].name == "/ecs/stock-data-collector" && aws_cloudwatch_log_group.this["processor"].name == "/aws/lambda/StockAnalysisLambda"
    error_message = "log groups are the mission's"
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == aws_kms_key.this.arn && group.retention_in_days == 30])
    error_message = "every log group is encrypted with our key and expires"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "the key is rotated"
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == aws_kms_key.this.arn && aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "the stream is encrypted with our key, and on demand"
  }

  assert {
    condition = alltrue([for table in [aws_dynamodb_table.rows, aws_dynamodb_table.state] : (
      table.billing_mode == "PAY_PER_REQUEST" && table.deletion_protection_enabled && table.point_in_time_recovery[0].enabled
      && table.server_side_encryption[0].enabled && table.ttl[0].enabled && table.ttl[0].attribute_name == "expires_at"
    )])
    error_message = "tables are on demand, protected, recoverable, encrypted, and forget what has expired"
  }

  assert {
    condition     = aws_dynamodb_table.rows.hash_key == "stock_symbol" && aws_dynamodb_table.rows.range_key == "timestamp"
    error_message = "the key of a row is the mission's"
  }

  assert {
    condition = alltrue([for block in aws_s3_bucket_public_access_block.this : (
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    )]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "no bucket can be made public"
  }

  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "buckets keep versions"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.data.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "data is encrypted with our key"
  }

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "images are scanned and their tags do not move"
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.this.arn || aws_sns_topic.alarms.kms_master_key_id != null
    error_message = "the topic is encrypted"
  }

  assert {
    condition     = aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS"
    error_message = "results of queries are encrypted, whatever the client asks for"
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.rows.server_side_encryption[0].key_type == "CUSTOMER_MANAGED_CMK"
    error_message = "Firehose keeps rows encrypted with our key"
  }

  assert {
    condition = length(setsubtract(
      ["GetRecords.IteratorAgeMilliseconds", "WriteProvisionedThroughputExceeded", "Duration", "Errors", "Throttles", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"],
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name]
    )) == 0
    error_message = "every metric that the mission lists has an alarm"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_actions) == 1])
    error_message = "every alarm tells somebody"
  }

  assert {
    condition     = length(aws_budgets_budget.this) == 1 && aws_budgets_budget.this[0].limit_amount == "100" && length(aws_budgets_budget.this[0].notification) == 2
    error_message = "a budget warns twice"
  }
}

run "image_without_model" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
  }

  assert {
    condition     = length(aws_lambda_function.processor) == 1 && length(aws_ecs_service.collector) == 1 && length(aws_sagemaker_endpoint.this) == 0
    error_message = "collector and processor run without a model"
  }

  assert {
    condition     = strcontains(output.next_step, "No model yet") && !contains(keys(output.processor_environment), "TAPELINE_AWS__SAGEMAKER_ENDPOINT")
    error_message = "the processor is not told of an endpoint that is not there"
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error && aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts == 20
      && contains(aws_lambda_event_source_mapping.stream[0].function_response_types, "ReportBatchItemFailures")
      && aws_lambda_event_source_mapping.stream[0].destination_config[0].on_failure[0].destination_arn == aws_s3_bucket.data.arn
      && aws_lambda_event_source_mapping.stream[0].starting_position == "TRIM_HORIZON"
    )
    error_message = "a record that always fails ends in the bucket, alone, and nothing before the function is left out"
  }

  assert {
    condition     = aws_lambda_function.processor[0].kms_key_arn == aws_kms_key.this.arn && length(aws_lambda_function.processor[0].vpc_config) == 1
    error_message = "the function's environment is encrypted with our key, and it runs in the private subnets"
  }

  assert {
    condition     = !aws_ecs_service.collector[0].network_configuration[0].assign_public_ip && aws_ecs_service.collector[0].deployment_circuit_breaker[0].rollback
    error_message = "the collector has no public address, and a bad deployment is taken back"
  }

  assert {
    condition = alltrue([for container in jsondecode(aws_ecs_task_definition.collector[0].container_definitions) : (
      container.readonlyRootFilesystem && container.stopTimeout < 120 && container.healthCheck.retries == 3 && !try(container.privileged, false)
    )])
    error_message = "the container cannot write to its image, has time to flush, and is watched"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["collector_silence"].treat_missing_data == "breaching" && contains(keys(aws_cloudwatch_metric_alarm.this), "dead_letters")
    error_message = "a collector that says nothing rings, and so does a dead letter"
  }

  assert {
    condition     = length(aws_lambda_function.retraining) == 0 && length(aws_cloudwatch_event_rule.retraining) == 0 && length(aws_cloudwatch_log_group.training) == 1
    error_message = "nothing retrains unless it was asked for; the logs of training jobs expire either way"
  }
}

run "everything" {
  command = plan

  variables {
    image_uri         = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    model_data_url    = "s3://stock-data-123456789012-us-east-1/models/1/model.tar.gz"
    alarm_email       = "ann@example.com"
    enable_quicksight = true
    quicksight_users  = ["arn:aws:quicksight:us-east-1:123456789012:user/default/ann", "arn:aws:quicksight:us-east-1:123456789012:group/default/desk"]

    dashboard = {
      domain_name     = "stocks.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
      allowed_cidrs   = ["203.0.113.0/24"]
    }

    alert_rules = ["rsi_14 < 30 for TSLA", "no bar for 3 minutes in an open session"]
  }

  assert {
    condition     = output.processor_environment["TAPELINE_AWS__SAGEMAKER_ENDPOINT"] == "tsla-stock-predictor" && strcontains(output.next_step, "Everything is in place")
    error_message = "the processor asks the endpoint"
  }

  assert {
    condition     = one(values(aws_sagemaker_endpoint_configuration.this)).production_variants[0].serverless_config[0].memory_size_in_mb == 2048 && length(aws_appautoscaling_target.endpoint) == 0
    error_message = "the endpoint is serverless by default"
  }

  assert {
    condition = (
      output.dashboard_environment["TAPELINE_PAGE__BEHIND_LOGIN"] == "true" && output.dashboard_environment["TAPELINE_PAGE__HOST"] == "0.0.0.0"
      && output.dashboard_environment["TAPELINE_PAGE__PORT"] == tostring(aws_lb_target_group.this[0].port)
    )
    error_message = "the page starts behind the log-in, on the port that the load balancer asks"
  }

  assert {
    condition     = output.dashboard_environment["TAPELINE_PAGE__TRUSTED_PROXIES"] == "10.20.0.0/16"
    error_message = "the page believes what the load balancer says of a client"
  }

  assert {
    condition     = output.dashboard_environment["AWS_DEFAULT_REGION"] == "us-east-1" && output.collector_environment["AWS_DEFAULT_REGION"] == "us-east-1"
    error_message = "tasks know their region under the name that boto3 reads"
  }

  assert {
    condition     = output.dashboard_environment["TAPELINE_ALERTS__RULES"] == "rsi_14 < 30 for TSLA;no bar for 3 minutes in an open session" && output.dashboard_environment["TAPELINE_ALERTS__SNS_TOPIC"] == aws_sns_topic.alarms.arn
    error_message = "the page judges the rules and tells the topic"
  }

  assert {
    condition     = aws_lb_listener.https[0].protocol == "HTTPS" && aws_lb_listener.https[0].default_action[0].type == "authenticate-cognito"
    error_message = "the page is reached by HTTPS and after a log-in only"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.load_balancer) == 1 && alltrue([for rule in aws_vpc_security_group_ingress_rule.load_balancer : rule.cidr_ipv4 == "203.0.113.0/24"])
    error_message = "only the allowed ranges reach the load balancer"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.dashboard[0].referenced_security_group_id == aws_security_group.load_balancer[0].id
    error_message = "only the load balancer reaches the page"
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].admin_create_user_config[0].allow_admin_create_user_only
    error_message = "nobody signs up by themselves"
  }

  assert {
    condition     = aws_lb.this[0].drop_invalid_header_fields && aws_lb.this[0].access_logs[0].enabled && aws_lb.this[0].enable_deletion_protection
    error_message = "the load balancer is strict, logged and protected"
  }

  assert {
    condition     = one(one(aws_lb_listener_rule.api[0].condition).path_pattern).values == toset(["/api/*"]) && aws_lb_listener_rule.api[0].action[0].authenticate_cognito[0].on_unauthenticated_request == "deny"
    error_message = "a script whose session is over gets 401, and no page to log in on"
  }

  assert {
    condition     = aws_quicksight_analysis.this[0].recovery_window_in_days == 0 && aws_iam_role_policy.quicksight[0].role == "aws-quicksight-service-role-v0"
    error_message = "QuickSight may read, and can be turned off and on again"
  }

  assert {
    condition     = length(aws_quicksight_dashboard.this[0].permissions) == 2 && length(aws_quicksight_template.this[0].definition[0].sheets[0].visuals) == 9
    error_message = "QuickSight shows nine views to the people named"
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 1
    error_message = "alarms are mailed"
  }
}

run "instances_instead_of_serverless" {
  command = plan

  variables {
    image_uri      = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    model_data_url = "s3://stock-data-123456789012-us-east-1/models/1/model.tar.gz"
    architecture   = "ARM64"
    endpoint       = { instance_type = "ml.c7g.large", max_instances = 4 }
  }

  assert {
    condition     = alltrue([for model in aws_sagemaker_model.this : model.enable_network_isolation && length(model.vpc_config) == 1])
    error_message = "instances are isolated, in the private subnets"
  }

  assert {
    condition     = aws_appautoscaling_target.endpoint[0].max_capacity == 4 && aws_sagemaker_endpoint.this[0].deployment_config[0].blue_green_update_policy[0].traffic_routing_configuration[0].type == "ALL_AT_ONCE"
    error_message = "instances follow the load; half of one instance cannot be a canary"
  }
}

run "a_model_replaced_is_kept_and_a_canary_of_two_instances_begins" {
  command = plan

  variables {
    image_uri      = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.1.0"
    model_data_url = "s3://stock-data-123456789012-us-east-1/models/2/model.tar.gz"
    endpoint       = { instance_type = "ml.c6i.large", min_instances = 2, max_instances = 4 }

    earlier_models = [{
      image_uri      = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
      model_data_url = "s3://stock-data-123456789012-us-east-1/models/1/model.tar.gz"
      endpoint       = { memory = 2048, max_concurrency = 5, min_instances = 1 }
    }]
  }

  assert {
    condition     = length(aws_sagemaker_endpoint_configuration.this) == 2 && length(aws_sagemaker_model.this) == 2
    error_message = "the configuration that was served before stays, to go back to"
  }

  assert {
    condition     = one([for model in aws_sagemaker_model.this : model if endswith(aws_sagemaker_endpoint.this[0].endpoint_config_name, model.name)]).primary_container[0].model_data_url == var.model_data_url
    error_message = "the endpoint serves the new model"
  }

  assert {
    condition     = aws_sagemaker_endpoint.this[0].deployment_config[0].blue_green_update_policy[0].traffic_routing_configuration[0].type == "CANARY"
    error_message = "with two instances a new model starts as a canary"
  }
}

# The one that is applied: the provider knows the queries of an alarm only then.
run "versions_tasks_shards_and_retraining_under_a_prefix" {
  providers = { aws = aws.applied }

  variables {
    image_uri           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    processor_roll_back = { version = "3", share = 0.25 }
    collector           = { tasks = 3 }
    interval            = "5m"
    name_prefix         = "dev-"
    stream_shards       = 2
    retraining          = { schedule = "cron(0 22 ? * FRI *)", model = "one.minute", hyperparameters = { horizon = "3" } }
  }

  assert {
    condition     = aws_lambda_function.processor[0].publish && aws_lambda_event_source_mapping.stream[0].function_name == aws_lambda_alias.live[0].arn && aws_scheduler_schedule.heartbeat[0].target[0].arn == aws_lambda_alias.live[0].arn
    error_message = "the stream and the heartbeat call the alias, not $LATEST"
  }

  assert {
    condition     = aws_lambda_alias.live[0].routing_config[0].additional_version_weights["3"] == 0.25
    error_message = "an earlier version gets its share"
  }

  assert {
    condition     = aws_ecs_service.collector[0].desired_count == 3 && aws_cloudwatch_metric_alarm.this["collector_stopped"].threshold == 3
    error_message = "symbols are split over tasks, and one that is missing rings"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["rows_silence"].threshold == 600 && aws_cloudwatch_metric_alarm.this["rows_silence"].treat_missing_data == "breaching"
    error_message = "the newest row may be as old as a bar is long, and no heartbeat rings"
  }

  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.this["processor_stopped"].metric_query) == 3
      && [for query in aws_cloudwatch_metric_alarm.this["processor_stopped"].metric_query : query.expression if query.id == "result"] == ["IF(FILL(records, 0) > 0 AND FILL(calls, 0) == 0, 1, 0)"]
    )
    error_message = "records without calls ring"
  }

  assert {
    condition = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : (
      alarm.namespace == "Tapeline" ? alarm.dimensions["stack"] == "dev-stock-analysis" : true
    )])
    error_message = "copies in one account keep their own metrics"
  }

  assert {
    condition     = output.processor_environment["TAPELINE_AWS__STACK"] == "dev-stock-analysis" && output.collector_environment["TAPELINE_AWS__STACK"] == "dev-stock-analysis"
    error_message = "the programs write under the name that the alarms watch"
  }

  assert {
    condition     = aws_kinesis_stream.this.shard_count == 2 && aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "PROVISIONED" && aws_kinesis_stream.this.name == "dev-stock-stream"
    error_message = "shards that were asked for, under the prefix"
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_event_rule.retraining)) == toset(["train", "collect", "deploy"]) && aws_cloudwatch_event_rule.retraining["train"].schedule_expression == "cron(0 22 ? * FRI *)"
    error_message = "a schedule, the end of a job and an approval each call the function"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_event_target.retraining["train"].input_transformer[0].input_template, "\"time\":<time>") && strcontains(aws_cloudwatch_event_target.retraining["train"].input_transformer[0].input_template, "\"horizon\":\"3\"")
    error_message = "the schedule's event says when it was made, and what the job is made of"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_event_rule.retraining["collect"].event_pattern, "{\"prefix\":\"tapeline-\"}") && aws_cloudwatch_event_target.retraining["collect"].input_transformer[0].input_template == "{\"action\":\"collect\",\"approve\":false,\"job\":<job>}"
    error_message = "only jobs of tapeline reach the function, and a person approves unless told otherwise"
  }

  assert {
    condition     = alltrue([for permission in aws_lambda_permission.retraining : permission.principal == "events.amazonaws.com" && permission.source_account == "123456789012" && permission.source_arn != null])
    error_message = "only these rules of this account may call the function"
  }
}

run "all_of_it_rolled_back_and_a_destroy_prepared" {
  command = plan

  variables {
    image_uri           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
    processor_roll_back = { version = "3" }
    deletion_protection = false
  }

  assert {
    condition     = aws_lambda_alias.live[0].function_version == "3" && length(aws_lambda_alias.live[0].routing_config) == 0
    error_message = "an earlier version gets everything"
  }

  assert {
    condition     = !aws_dynamodb_table.rows.deletion_protection_enabled && aws_s3_bucket.data.force_destroy && aws_ecr_repository.this.force_delete
    error_message = "without protection everything can be destroyed"
  }
}

run "no_collector_without_internet" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0"
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
        has_internet                = false
        interface_endpoints         = []
      }
    }
  }

  expect_failures = [aws_ecs_service.collector, aws_lambda_function.processor]
}

run "network_in_another_region" {
  command = plan

  variables {
    region = "eu-west-1"
  }

  expect_failures = [data.terraform_remote_state.network]
}
