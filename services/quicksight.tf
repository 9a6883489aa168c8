# QuickSight over Athena: optional (var.enable_quicksight). The definition is a template, so that the analysis, which people
# change, and the dashboard, which they read, start from the same one.

locals {
  quicksight_count = var.enable_quicksight ? 1 : 0

  quicksight_columns = {
    stock_symbol = "STRING", time = "DATETIME", price = "DECIMAL", volume = "DECIMAL", sma_20 = "DECIMAL", sma_50 = "DECIMAL"
    band_upper   = "DECIMAL", band_lower = "DECIMAL", rsi_14 = "DECIMAL", macd = "DECIMAL", prediction = "STRING"
    probability  = "DECIMAL", model = "STRING", hit = "DECIMAL", rose = "DECIMAL", low_80 = "DECIMAL", high_80 = "DECIMAL"
    held_80      = "DECIMAL", p_big_move = "DECIMAL", range_model = "STRING", unpredicted = "DECIMAL", seconds_late = "DECIMAL"
  }

  # Lines over time: the columns, how a point's rows become one, and how long a point is.
  quicksight_lines = {
    price       = { title = "Price with averages and bands", each = "MINUTE", aggregate = "AVERAGE", columns = ["price", "sma_20", "sma_50", "band_upper", "band_lower"] }
    range       = { title = "Price in the 80% band of five bars before", each = "MINUTE", aggregate = "AVERAGE", columns = ["price", "low_80", "high_80"] }
    held        = { title = "Share of closes that the 80% band held, and the odds of a big move", each = "DAY", aggregate = "AVERAGE", columns = ["held_80", "p_big_move"] }
    momentum    = { title = "RSI and MACD", each = "MINUTE", aggregate = "AVERAGE", columns = ["rsi_14", "macd"] }
    volume      = { title = "Volume", each = "MINUTE", aggregate = "SUM", columns = ["volume"] }
    probability = { title = "Probability of UP", each = "MINUTE", aggregate = "AVERAGE", columns = ["probability"] }
    hits        = { title = "Hit-rate of UP and DOWN, beside how often the price rose", each = "DAY", aggregate = "AVERAGE", columns = ["hit", "rose"] }
    health      = { title = "Health: seconds from bar to row, share of rows without prediction", each = "HOUR", aggregate = "AVERAGE", columns = ["seconds_late", "unpredicted"] }
  }
}

resource "aws_quicksight_data_source" "this" {
  count = local.quicksight_count

  data_source_id = local.name
  name           = local.name
  type           = "ATHENA"

  parameters {
    athena {
      work_group = aws_athena_workgroup.this.name
    }
  }

  ssl_properties {
    disable_ssl = false
  }

  permission {
    principal = var.quicksight_users[0]
    actions = [
      "quicksight:DeleteDataSource", "quicksight:DescribeDataSource", "quicksight:DescribeDataSourcePermissions", "quicksight:PassDataSource",
      "quicksight:UpdateDataSource", "quicksight:UpdateDataSourcePermissions",
    ]
  }
}

# What QuickSight's own role needs beyond Athena itself, which its console grants: rows, results, and the key of both.
data "aws_iam_policy_document" "quicksight" {
  statement {
    sid       = "Rows"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/rows/*"]
  }

  statement {
    sid       = "Results"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/athena/*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.data.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "quicksight" {
  count = var.enable_quicksight && var.quicksight_role != null ? 1 : 0

  name   = "${local.name}-rows"
  role   = var.quicksight_role
  policy = data.aws_iam_policy_document.quicksight.json
}

resource "aws_quicksight_data_set" "rows" {
  count = local.quicksight_count

  data_set_id = "${local.name}-rows"
  name        = "Rows of tapeline"
  import_mode = "DIRECT_QUERY"

  physical_table_map {
    physical_table_map_id = "rows"

    custom_sql {
      name            = "rows"
      data_source_arn = aws_quicksight_data_source.this[0].arn
      sql_query       = local.rows_sql

      dynamic "columns" {
        for_each = local.quicksight_columns

        content {
          name = columns.key
          type = columns.value
        }
      }
    }
  }

  permissions {
    principal = var.quicksight_users[0]
    actions = [
      "quicksight:CancelIngestion", "quicksight:CreateIngestion", "quicksight:DeleteDataSet", "quicksight:DescribeDataSet",
      "quicksight:DescribeDataSetPermissions", "quicksight:DescribeIngestion", "quicksight:ListIngestions", "quicksight:PassDataSet",
      "quicksight:UpdateDataSet", "quicksight:UpdateDataSetPermissions",
    ]
  }
}

resource "aws_quicksight_template" "this" {
  count = local.quicksight_count

  template_id         = local.name
  name                = local.name
  version_description = "price with indicators, predictions and their hit-rate, volume, health"

  definition {
    data_set_configuration {
      placeholder = "rows"

      data_set_schema {
        dynamic "column_schema_list" {
          for_each = local.quicksight_columns

          content {
            name      = column_schema_list.key
            data_type = column_schema_list.value
          }
        }
      }
    }

    sheets {
      sheet_id = "stocks"
      title    = "Stocks"

      # The first symbol is selected at the start: prices of several symbols make no sense in one line.
      filter_controls {
        dropdown {
          filter_control_id = "symbol"
          source_filter_id  = "symbol"
          title             = "Symbol"
          type              = "MULTI_SELECT"
        }
      }

      filter_controls {
        relative_date_time {
          filter_control_id = "time"
          source_filter_id  = "time"
          title             = "Time"
        }
      }

      dynamic "visuals" {
        for_each = local.quicksight_lines

        content {
          line_chart_visual {
            visual_id = visuals.key

            title {
              visibility = "VISIBLE"

              format_text {
                plain_text = visuals.value.title
              }
            }

            chart_configuration {
              type = "LINE"

              field_wells {
                line_chart_aggregated_field_wells {
                  category {
                    date_dimension_field {
                      field_id         = "${visuals.key}-time"
                      date_granularity = visuals.value.each

                      column {
                        data_set_identifier = "rows"
                        column_name         = "time"
                      }
                    }
                  }

                  dynamic "values" {
                    for_each = visuals.value.columns

                    content {
                      numerical_measure_field {
                        field_id = "${visuals.key}-${values.value}"

                        column {
                          data_set_identifier = "rows"
                          column_name         = values.value
                        }

                        aggregation_function {
                          simple_numerical_aggregation = visuals.value.aggregate
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }

      visuals {
        bar_chart_visual {
          visual_id = "predictions"

          title {
            visibility = "VISIBLE"

            format_text {
              plain_text = "Hit-rate by symbol and prediction"
            }
          }

          chart_configuration {
            orientation = "HORIZONTAL"

            field_wells {
              bar_chart_aggregated_field_wells {
                category {
                  categorical_dimension_field {
                    field_id = "predictions-symbol"

                    column {
                      data_set_identifier = "rows"
                      column_name         = "stock_symbol"
                    }
                  }
                }

                values {
                  numerical_measure_field {
                    field_id = "predictions-hit"

                    column {
                      data_set_identifier = "rows"
                      column_name         = "hit"
                    }

                    aggregation_function {
                      simple_numerical_aggregation = "AVERAGE"
                    }
                  }
                }

                colors {
                  categorical_dimension_field {
                    field_id = "predictions-prediction"

                    column {
                      data_set_identifier = "rows"
                      column_name         = "prediction"
                    }
                  }
                }
              }
            }
          }
        }
      }
    }

    filter_groups {
      filter_group_id = "symbol"
      cross_dataset   = "SINGLE_DATASET"
      status          = "ENABLED"

      filters {
        category_filter {
          filter_id = "symbol"

          column {
            data_set_identifier = "rows"
            column_name         = "stock_symbol"
          }

          configuration {
            filter_list_configuration {
              match_operator  = "CONTAINS"
              category_values = [var.symbols[0]]
            }
          }
        }
      }

      scope_configuration {
        selected_sheets {
          sheet_visual_scoping_configurations {
            sheet_id = "stocks"
            scope    = "ALL_VISUALS"
          }
        }
      }
    }

    filter_groups {
      filter_group_id = "time"
      cross_dataset   = "SINGLE_DATASET"
      status          = "ENABLED"

      filters {
        relative_dates_filter {
          filter_id           = "time"
          null_option         = "NON_NULLS_ONLY"
          relative_date_type  = "LAST"
          relative_date_value = 5
          time_granularity    = "DAY"
          minimum_granularity = "DAY"

          column {
            data_set_identifier = "rows"
            column_name         = "time"
          }

          anchor_date_configuration {
            anchor_option = "NOW"
          }
        }
      }

      scope_configuration {
        selected_sheets {
          sheet_visual_scoping_configurations {
            sheet_id = "stocks"
            scope    = "ALL_VISUALS"
          }
        }
      }
    }
  }
}

resource "aws_quicksight_analysis" "this" {
  count = local.quicksight_count

  analysis_id             = local.name
  name                    = local.name
  recovery_window_in_days = 0 # otherwise the name is taken for a month after a destroy, and QuickSight cannot be turned on again

  source_entity {
    source_template {
      arn = aws_quicksight_template.this[0].arn

      data_set_references {
        data_set_placeholder = "rows"
        data_set_arn         = aws_quicksight_data_set.rows[0].arn
      }
    }
  }

  permissions {
    principal = var.quicksight_users[0]
    actions = [
      "quicksight:DeleteAnalysis", "quicksight:DescribeAnalysis", "quicksight:DescribeAnalysisPermissions", "quicksight:QueryAnalysis",
      "quicksight:RestoreAnalysis", "quicksight:UpdateAnalysis", "quicksight:UpdateAnalysisPermissions",
    ]
  }
}

resource "aws_quicksight_dashboard" "this" {
  count = local.quicksight_count

  dashboard_id        = local.name
  name                = "Stocks"
  version_description = "from template version ${aws_quicksight_template.this[0].version_number}"

  source_entity {
    source_template {
      arn = aws_quicksight_template.this[0].arn

      data_set_references {
        data_set_placeholder = "rows"
        data_set_arn         = aws_quicksight_data_set.rows[0].arn
      }
    }
  }

  dynamic "permissions" {
    for_each = toset(var.quicksight_users)

    content {
      principal = permissions.value
      actions   = ["quicksight:DescribeDashboard", "quicksight:ListDashboardVersions", "quicksight:QueryDashboard"]
    }
  }
}
