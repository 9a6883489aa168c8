# One row per bar.
resource "aws_dynamodb_table" "rows" {
  name                        = local.rows_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "stock_symbol"
  range_key                   = "timestamp"
  deletion_protection_enabled = var.deletion_protection

  # What the copier reads.
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "stock_symbol"
    type = "S"
  }

  attribute {
    name = "timestamp"
    type = "N"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }
}

# What the processor remembers of a symbol: the item "state", and a "checkpoint#..." for each one kept. Under
# "<latest 00>" to "<latest 07>" are the newest rows of all symbols, under "<collectors>" the running collector tasks.
resource "aws_dynamodb_table" "state" {
  name                        = local.state_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "stock_symbol"
  range_key                   = "item"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "stock_symbol"
    type = "S"
  }

  attribute {
    name = "item"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }
}
