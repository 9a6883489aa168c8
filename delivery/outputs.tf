output "variables" {
  description = "Variables to set in the repository's settings, for .github/workflows/deploy.yml."
  value = {
    AWS_REGION    = var.region
    PLAN_ROLE     = aws_iam_role.this["plan"].arn
    APPLY_ROLE    = aws_iam_role.this["apply"].arn
    NETWORK_STATE = jsonencode({ bucket = var.state_bucket, region = var.region })
  }
}
