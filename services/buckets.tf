# data: history/ (bars), models/, rows/ (Parquet from Firehose), rejects/, aws/lambda/ (records the processor gave up on)
# and athena/ (results of queries). logs: access logs of the data bucket and of the load balancer.

resource "aws_s3_bucket" "data" {
  #checkov:skip=CKV2_AWS_62:nothing acts on new objects
  #checkov:skip=CKV_AWS_144:rows can be computed again from history, which can be fetched again; versions guard against mistakes

  bucket        = local.bucket_name
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV2_AWS_62:nothing acts on new objects
  #checkov:skip=CKV_AWS_144:rows can be computed again from history, which can be fetched again; versions guard against mistakes
  #checkov:skip=CKV_AWS_145:access logs can only be delivered to a bucket encrypted with keys of S3

  bucket        = "${local.bucket_name}-logs"
  force_destroy = !var.deletion_protection
}

locals {
  buckets = { data = aws_s3_bucket.data, logs = aws_s3_bucket.logs }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

# Access logs can only be delivered to a bucket encrypted with S3's own keys.
resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_logging" "data" {
  bucket        = aws_s3_bucket.data.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/"

  depends_on = [aws_s3_bucket_policy.this] # S3 checks first whether it may deliver
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    id     = "unfinished-and-old-versions"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }

  rule {
    id     = "rows-get-cold"
    status = "Enabled"

    filter {
      prefix = "rows/"
    }

    transition {
      days          = 60
      storage_class = "STANDARD_IA"
    }
  }

  dynamic "rule" {
    for_each = { "athena/" = 7, "rejects/" = 90, "rows-failed/" = 90, "aws/lambda/" = 90 }

    content {
      id     = "expire-${trim(replace(rule.key, "/", "-"), "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }

    expiration {
      days = 90
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? { s3 = "logging.s3.amazonaws.com", alb = "logdelivery.elasticloadbalancing.amazonaws.com" } : {}

    content {
      sid       = "Deliver${title(statement.key)}"
      actions   = ["s3:PutObject"]
      resources = [statement.key == "alb" ? "${each.value.arn}/alb/AWSLogs/${local.account}/*" : "${each.value.arn}/${statement.key}/*"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }

      # The load balancers of some regions deliver without naming the account they act for; a condition would refuse their
      # logs. The path, which has the account in it, takes its place.
      dynamic "condition" {
        for_each = statement.key == "alb" ? [] : [1]

        content {
          test     = "StringEquals"
          variable = "aws:SourceAccount"
          values   = [local.account]
        }
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}
