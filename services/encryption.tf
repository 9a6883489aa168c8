# One key for the data and the logs of this stack. KMS renews its material every year; nothing has to be encrypted again.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:in a key policy * means that key, and the account must be able to administer it
  #checkov:skip=CKV_AWS_111:in a key policy * means that key, and the account must be able to administer it
  #checkov:skip=CKV_AWS_356:in a key policy * means that key, and the account must be able to administer it

  # In a key policy "*" means this key. Without this statement nobody could administer it; what a role may do with the
  # key is in that role's policy.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = [for group in local.log_groups : "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${group}"]
    }
  }

  # Alarms and budgets publish to the encrypted topic.
  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "${local.name}: stream, tables, buckets, images and logs"
  enable_key_rotation     = true
  deletion_window_in_days = 14
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}
