resource "aws_kinesis_stream" "this" {
  name             = local.stream_name
  shard_count      = var.stream_shards == 0 ? null : var.stream_shards
  retention_period = var.stream_retention_hours
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn

  stream_mode_details {
    stream_mode = var.stream_shards == 0 ? "ON_DEMAND" : "PROVISIONED"
  }
}
