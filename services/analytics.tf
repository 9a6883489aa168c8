# Rows as Parquet in S3, for Athena and QuickSight. A row that is written twice is there twice: the newest written_at counts.

resource "aws_glue_catalog_database" "this" {
  name        = local.glue_database
  description = "Rows of tapeline"
}

locals {
  row_columns = {
    stock_symbol = ["string", "the symbol"]
    ts           = ["bigint", "when the bar opened, UTC epoch milliseconds"]
    price        = ["double", "the close"]
    volume       = ["double", "shares in this bar"]
    indicator    = ["map<string,double>", "name to value, only those that are warm"]
    prediction   = ["string", "UP, DOWN or HOLD; absent when no model answered"]
    open         = ["double", "the open"]
    high         = ["double", "the high"]
    low          = ["double", "the low"]
    final        = ["boolean", "false while the bar is still forming"]
    probability  = ["double", "of UP"]
    model        = ["string", "version of the model that answered"]
    horizons     = ["map<string,map<string,double>>", "what is expected 1, 5 and 20 bars ahead: bands, odds of a big move, volume"]
    range_model  = ["string", "version of the model that expected it"]
    written_at   = ["bigint", "when the row was computed, UTC epoch milliseconds"]
  }
}

resource "aws_glue_catalog_table" "rows" {
  name          = "stock_rows"
  database_name = aws_glue_catalog_database.this.name
  description   = "One record each time a row is written, by the UTC date of writing"
  table_type    = "EXTERNAL_TABLE"

  # Partitions are computed, not listed, so nothing has to crawl the bucket.
  parameters = {
    EXTERNAL                      = "TRUE"
    classification                = "parquet"
    "projection.enabled"          = "true"
    "projection.dt.type"          = "date"
    "projection.dt.format"        = "yyyy-MM-dd"
    "projection.dt.range"         = "2024-01-01,NOW"
    "projection.dt.interval"      = "1"
    "projection.dt.interval.unit" = "DAYS"
    "storage.location.template"   = "s3://${aws_s3_bucket.data.bucket}/rows/dt=$${dt}/"
  }

  partition_keys {
    name = "dt"
    type = "string"
  }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.data.bucket}/rows/"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = local.row_columns

      content {
        name    = columns.key
        type    = columns.value[0]
        comment = columns.value[1]
      }
    }
  }
}

# -- Firehose ----------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "firehose" {
  statement {
    sid       = "Deliver"
    actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/rows/*", "${aws_s3_bucket.data.arn}/rows-failed/*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.data.arn]
  }

  statement {
    sid     = "Schema"
    actions = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
    resources = [
      "arn:${local.partition}:glue:${var.region}:${local.account}:catalog",
      aws_glue_catalog_database.this.arn,
      aws_glue_catalog_table.rows.arn,
    ]
  }

  statement {
    sid       = "Encryption"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["firehose"].arn}:log-stream:${aws_cloudwatch_log_stream.firehose.name}"]
  }
}

resource "aws_iam_role" "firehose" {
  name               = local.firehose_name
  description        = "Firehose: rows to Parquet in the bucket"
  assume_role_policy = data.aws_iam_policy_document.trust["firehose"].json
}

resource "aws_iam_role_policy" "firehose" {
  name   = "deliver"
  role   = aws_iam_role.firehose.id
  policy = data.aws_iam_policy_document.firehose.json
}

resource "aws_kinesis_firehose_delivery_stream" "rows" {
  name        = local.firehose_name
  destination = "extended_s3"

  server_side_encryption {
    enabled  = true
    key_type = "CUSTOMER_MANAGED_CMK"
    key_arn  = aws_kms_key.this.arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.firehose.arn
    bucket_arn          = aws_s3_bucket.data.arn
    kms_key_arn         = aws_kms_key.this.arn
    prefix              = "rows/dt=!{timestamp:yyyy-MM-dd}/"
    error_output_prefix = "rows-failed/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    buffering_size      = 128 # MB; Parquet wants large files
    buffering_interval  = 300 # seconds that Athena and QuickSight lag behind

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this["firehose"].name
      log_stream_name = aws_cloudwatch_log_stream.firehose.name
    }

    data_format_conversion_configuration {
      input_format_configuration {
        deserializer {
          # `timestamp` is a keyword of Hive, so the column has another name than the rows' key.
          open_x_json_ser_de {
            column_to_json_key_mappings = { ts = "timestamp" }
          }
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {
            compression = "SNAPPY"
          }
        }
      }

      schema_configuration {
        role_arn      = aws_iam_role.firehose.arn
        database_name = aws_glue_catalog_database.this.name
        table_name    = aws_glue_catalog_table.rows.name
        region        = var.region
      }
    }
  }

  depends_on = [aws_iam_role_policy.firehose]
}

# -- Athena ------------------------------------------------------------------------------------------------------------

resource "aws_athena_workgroup" "this" {
  name          = local.name
  description   = "Queries over the rows of tapeline"
  force_destroy = !var.deletion_protection

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = 100 * 1024 * 1024 * 1024 # about half a dollar

    result_configuration {
      output_location = "s3://${aws_s3_bucket.data.bucket}/athena/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.this.arn
      }
    }
  }
}

locals {
  # Of Athena's types QuickSight knows `timestamp`, and not `timestamp with time zone`, which from_unixtime gives: times are
  # UTC, without a zone.

  # Each row once, as it was last written, with how far the price had moved `horizon` bars later and whether the prediction
  # was right. Any move other than zero is up or down; a HOLD is neither right nor wrong. `low_80` and `high_80` are where the
  # band that was said five bars before lies, `held_80` is whether the band that is said here held the close five bars later.
  rows_sql = <<-SQL
    WITH newest AS (
      SELECT *, row_number() OVER (PARTITION BY stock_symbol, ts ORDER BY written_at DESC) AS place
      FROM ${local.glue_database}.stock_rows
      WHERE dt >= date_format(current_date - interval '30' day, '%Y-%m-%d')
    ), bars AS (
      SELECT
        *,
        lead(price, ${var.horizon}) OVER (PARTITION BY stock_symbol ORDER BY ts) AS later,
        lead(price, 5) OVER (PARTITION BY stock_symbol ORDER BY ts) AS close_5,
        lag(try(horizons['5']['low_80']), 5) OVER (PARTITION BY stock_symbol ORDER BY ts) AS low_80,
        lag(try(horizons['5']['high_80']), 5) OVER (PARTITION BY stock_symbol ORDER BY ts) AS high_80
      FROM newest
      WHERE place = 1 AND final
    )
    SELECT
      stock_symbol,
      date_add('millisecond', ts, timestamp '1970-01-01 00:00:00') AS time,
      price,
      volume,
      try(indicator['sma_20']) AS sma_20,
      try(indicator['sma_50']) AS sma_50,
      try(indicator['bbands_20_2_upper']) AS band_upper,
      try(indicator['bbands_20_2_lower']) AS band_lower,
      try(indicator['rsi_14']) AS rsi_14,
      try(indicator['macd_12_26_9']) AS macd,
      prediction,
      probability,
      model,
      CASE
        WHEN later IS NULL OR later = price THEN NULL
        WHEN prediction = 'UP' THEN CASE WHEN later > price THEN 1.0 ELSE 0.0 END
        WHEN prediction = 'DOWN' THEN CASE WHEN later < price THEN 1.0 ELSE 0.0 END
      END AS hit,
      CASE WHEN later IS NULL OR later = price THEN NULL WHEN later > price THEN 1.0 ELSE 0.0 END AS rose,
      low_80,
      high_80,
      CASE
        WHEN close_5 IS NULL OR try(horizons['5']['low_80']) IS NULL THEN NULL
        WHEN close_5 BETWEEN try(horizons['5']['low_80']) AND try(horizons['5']['high_80']) THEN 1.0
        ELSE 0.0
      END AS held_80,
      try(horizons['5']['p_big_move']) AS p_big_move,
      range_model,
      CASE WHEN prediction IS NULL THEN 1.0 ELSE 0.0 END AS unpredicted,
      (written_at - ts) / 1000.0 AS seconds_late
    FROM bars
  SQL
}

resource "aws_athena_named_query" "rows" {
  name        = "${local.name}-rows"
  description = "Every final row of the last 30 days once, with the outcome of its prediction"
  workgroup   = aws_athena_workgroup.this.name
  database    = aws_glue_catalog_database.this.name
  query       = local.rows_sql
}
