output "next_step" {
  description = "The next step of a deployment."
  value = join("\n", compact([
    local.has_image ? "" : join("\n", [
      "No image yet. Build one, push it and apply again with it (all commands from the top folder of the repository):",
      "  aws ecr get-login-password --region ${var.region} | docker login --username AWS --password-stdin ${local.account}.dkr.ecr.${var.region}.amazonaws.com",
      "  docker buildx build --platform linux/${var.architecture == "ARM64" ? "arm64" : "amd64"} --provenance=false --sbom=false --build-arg VERSION=$(sh deploy/version.sh) --output type=image,oci-mediatypes=false,push=true --tag ${aws_ecr_repository.this.repository_url}:VERSION .",
      "  python3 deploy/steps.py set image_uri=${aws_ecr_repository.this.repository_url}:VERSION",
    ]),
    local.has_image && !local.has_model ? join("\n", [
      "No model yet: rows are stored without predictions. Upload history, train, and apply again with the model:",
      "  tapeline upload tsla_history.csv --symbol TSLA --bucket ${aws_s3_bucket.data.bucket}",
      "  (notebooks/train_and_deploy.ipynb trains and uploads model.tar.gz; so does: tapeline deploy-model --only-upload)",
      "  python3 deploy/steps.py set model_data_url=s3://${aws_s3_bucket.data.bucket}/models/VERSION/model.tar.gz",
    ]) : "",
    local.has_model ? "Everything is in place. Watch: CloudWatch dashboard ${local.name}." : "",
    var.alarm_email != "" ? "" : "Alarms and the budget reach nobody: python3 deploy/steps.py set alarm_email=YOU@EXAMPLE.COM, and confirm the mail.",
    var.monthly_budget_usd == 0 ? "" : "The budget reads 0 until the tag `project` is activated for cost allocation (Billing, a day after the first apply): aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey=project,Status=Active",
  ]))
}

output "deployed" {
  description = "What was deployed by hand of deploy/steps.py: the values it writes into deployed.auto.tfvars.json, to write that file again on another machine."
  value       = { for name, value in local.deployed : name => value if value != null }
}

output "served_model" {
  description = "What the endpoint runs on, as an entry of earlier_models; null without a model."
  value       = local.has_model ? local.served : null
}

output "repository_url" {
  description = "Where to push the image."
  value       = aws_ecr_repository.this.repository_url
}

output "bucket_name" {
  description = "Bucket for history, models and rows."
  value       = aws_s3_bucket.data.bucket
}

output "log_bucket_name" {
  description = "Bucket of the access logs."
  value       = aws_s3_bucket.logs.bucket
}

output "stream_name" {
  description = "Kinesis stream of bars."
  value       = aws_kinesis_stream.this.name
}

output "rows_table_name" {
  description = "DynamoDB table with one row per bar."
  value       = aws_dynamodb_table.rows.name
}

output "state_table_name" {
  description = "DynamoDB table with the processor's state of each symbol."
  value       = aws_dynamodb_table.state.name
}

output "firehose_name" {
  description = "Firehose stream that writes rows as Parquet."
  value       = aws_kinesis_firehose_delivery_stream.rows.name
}

output "endpoint_name" {
  description = "SageMaker endpoint; exists once there is a model."
  value       = local.endpoint_name
}

output "model_package_group_name" {
  description = "Where versions of the model are registered."
  value       = aws_sagemaker_model_package_group.this.model_package_group_name
}

output "training_role_arn" {
  description = "Role for training jobs: reads history, writes models."
  value       = aws_iam_role.training.arn
}

output "function_name" {
  description = "Lambda function that processes the stream; exists once there is an image."
  value       = local.function_name
}

output "processor_environment" {
  description = "Environment variables of the processor, to run it elsewhere."
  value       = local.processor_environment
}

output "collector_environment" {
  description = "Environment variables of the collector, to run it elsewhere."
  value       = local.collector_environment
}

output "dashboard_environment" {
  description = "Environment variables of the page, to run it elsewhere."
  value       = local.dashboard_environment
}

output "cluster_name" {
  description = "ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "collector_service_name" {
  description = "ECS service of the collector; exists once there is an image."
  value       = local.collector_name
}

output "athena_workgroup_name" {
  description = "Athena work group for queries over the rows."
  value       = aws_athena_workgroup.this.name
}

output "glue_database_name" {
  description = "Glue database with the table stock_rows."
  value       = aws_glue_catalog_database.this.name
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms and the budget."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "Names of the alarms that exist now."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}

output "key_arn" {
  description = "KMS key of the data and the logs."
  value       = aws_kms_key.this.arn
}

output "dashboard_address" {
  description = "Name of the load balancer, for a CNAME or alias of dashboard.domain_name; null without a dashboard."
  value       = one(aws_lb.this[*].dns_name)
}

output "user_pool_id" {
  description = "Cognito pool of the people who may open the page; null without a dashboard."
  value       = one(aws_cognito_user_pool.this[*].id)
}

output "quicksight_dashboard_id" {
  description = "QuickSight dashboard; null without QuickSight."
  value       = one(aws_quicksight_dashboard.this[*].dashboard_id)
}
