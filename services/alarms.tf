# docs/operations.md explains every alarm under its key.

locals {
  stream_dimensions   = { StreamName = aws_kinesis_stream.this.name }
  function_dimensions = { FunctionName = local.function_name }
  endpoint_dimensions = { EndpointName = local.endpoint_name, VariantName = "main" }
  mapping_dimensions  = { EventSourceMappingUUID = one(aws_lambda_event_source_mapping.stream[*].uuid) }
  tables              = { rows = aws_dynamodb_table.rows.name, state = aws_dynamodb_table.state.name }

  # The namespace and dimensions that the programs write their own metrics under (embedded metric format). `stack` keeps
  # the copies of one account apart.
  own_namespace        = "Tapeline"
  processor_dimensions = { service = "processor", stack = local.name }
  collector_dimensions = { service = "collector", stack = local.name }

  # Seconds in a bar: the newest row in a session is at least that old.
  bar_seconds = { "1m" = 60, "2m" = 120, "5m" = 300, "15m" = 900, "30m" = 1800, "1h" = 3600, "1d" = 86400 }[var.interval]

  alarms_always = {
    iterator_age = {
      text       = "The processor is behind the stream", namespace = "AWS/Kinesis", metric = "GetRecords.IteratorAgeMilliseconds"
      dimensions = local.stream_dimensions, statistic = "Maximum", threshold = var.alarms.iterator_age * 1000, periods = 5
    }
    write_throttled = {
      text       = "The stream refuses records because it lacks capacity", namespace = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded"
      dimensions = local.stream_dimensions, statistic = "Sum", threshold = 0, periods = 3
    }
    processor_duration = {
      text       = "The processor comes close to its time-out", namespace = "AWS/Lambda", metric = "Duration"
      dimensions = local.function_dimensions, statistic = "Maximum", threshold = var.processor.timeout * 1000 * var.alarms.duration_share, periods = 3
    }
    processor_errors = {
      text       = "The processor fails", namespace = "AWS/Lambda", metric = "Errors"
      dimensions = local.function_dimensions, statistic = "Sum", threshold = 0, periods = 3
    }
    processor_throttles = {
      text       = "The processor is throttled", namespace = "AWS/Lambda", metric = "Throttles"
      dimensions = local.function_dimensions, statistic = "Sum", threshold = 0, periods = 3
    }
    firehose_failed = {
      text       = "Rows could not be written as Parquet", namespace = "AWS/Firehose", metric = "FailedConversion.Records"
      dimensions = { DeliveryStreamName = local.firehose_name }, statistic = "Sum", threshold = 0, periods = 1
    }
    rejected = {
      text       = "Many records were rejected", namespace = local.own_namespace, metric = "RecordsRejected"
      dimensions = local.processor_dimensions, statistic = "Sum", threshold = var.alarms.rejected, periods = 1, seconds = 900
    }
  }

  alarms_of_tables = merge([
    for key, table in local.tables : {
      "${key}_read_units" = {
        text       = "Unusually many reads of ${table}", namespace = "AWS/DynamoDB", metric = "ConsumedReadCapacityUnits"
        dimensions = { TableName = table }, statistic = "Sum", threshold = var.alarms.consumed_units * 60, periods = 5
      }
      "${key}_write_units" = {
        text       = "Unusually many writes to ${table}", namespace = "AWS/DynamoDB", metric = "ConsumedWriteCapacityUnits"
        dimensions = { TableName = table }, statistic = "Sum", threshold = var.alarms.consumed_units * 60, periods = 5
      }
      "${key}_throttled" = {
        text       = "Writes to ${table} are throttled", namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents"
        dimensions = { TableName = table }, statistic = "Sum", threshold = 0, periods = 3
      }
    }
  ]...)

  alarms_with_image = {
    # A mapping that is disabled, or may not read the stream, leaves errors, duration and iterator age without data.
    processor_stopped = {
      text       = "Records arrive and the processor is not called", missing = "notBreaching", threshold = 0, periods = 5
      expression = "IF(FILL(records, 0) > 0 AND FILL(calls, 0) == 0, 1, 0)"
      metrics = {
        records = { namespace = "AWS/Kinesis", metric = "IncomingRecords", dimensions = local.stream_dimensions }
        calls   = { namespace = "AWS/Lambda", metric = "InvokedEventCount", dimensions = local.mapping_dimensions } # of the stream only: the heartbeat calls, too
      }
    }
    # From the store's side, so whatever is broken on the way. Out of sessions the value is 0; nothing at all means that
    # the function cannot even be called.
    rows_silence = {
      text       = "No row reached the table although an exchange is open", namespace = local.own_namespace, metric = "RowAgeSeconds", missing = "breaching"
      dimensions = local.processor_dimensions, statistic = "Maximum", threshold = var.alarms.rows_silence + local.bar_seconds, periods = 5
    }
    dead_letters = {
      text       = "The processor gave up on records; they are in the bucket", namespace = "AWS/Lambda", metric = "OnFailureDestinationDeliveredEventCount"
      dimensions = local.mapping_dimensions, statistic = "Sum", threshold = 0, periods = 1
    }
    dropped_records = {
      text       = "The processor gave up on records, and they are lost", namespace = "AWS/Lambda", metric = "DroppedEventCount"
      dimensions = local.mapping_dimensions, statistic = "Sum", threshold = 0, periods = 1
    }
  }

  alarms_with_copier = {
    copy_delayed = {
      text       = "The copy of the rows is behind the table", namespace = "AWS/Lambda", metric = "IteratorAge"
      dimensions = { FunctionName = local.copier_name }, statistic = "Maximum", threshold = 900 * 1000, periods = 5
    }
  }

  alarms_with_collector = {
    collector_silence = {
      text       = "No bar arrived although one was due", namespace = local.own_namespace, metric = "BarAgeSeconds", missing = "breaching"
      dimensions = local.collector_dimensions, statistic = "Maximum", threshold = var.alarms.collector_silence, periods = 3
    }
    collector_stopped = {
      text       = "Fewer tasks of the collector run than should", namespace = "ECS/ContainerInsights", metric = "RunningTaskCount", missing = "breaching", below = true
      dimensions = { ClusterName = local.name, ServiceName = local.collector_name }, statistic = "Maximum", threshold = var.collector.tasks, periods = 5
    }
  }

  alarms_with_model = {
    endpoint_errors = {
      text       = "The endpoint answers 5xx", namespace = "AWS/SageMaker", metric = "Invocation5XXErrors"
      dimensions = local.endpoint_dimensions, statistic = "Sum", threshold = 0, periods = 3
    }
    predictions_missed = {
      text       = "Rows are stored without a prediction", namespace = local.own_namespace, metric = "PredictionsMissed"
      dimensions = local.processor_dimensions, statistic = "Sum", threshold = 0, periods = 5
    }
  }

  alarms = merge(
    local.alarms_always,
    local.alarms_of_tables,
    { for key, alarm in merge(local.alarms_with_image, local.alarms_with_copier) : key => alarm if local.has_image },
    { for key, alarm in local.alarms_with_collector : key => alarm if local.has_image && var.collector.enabled },
    { for key, alarm in local.alarms_with_model : key => alarm if local.has_model },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.text}. See docs/operations.md, \"${each.key}\"."
  namespace           = try(each.value.namespace, null)
  metric_name         = try(each.value.metric, null)
  dimensions          = try(each.value.dimensions, null)
  statistic           = try(each.value.statistic, null)
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = can(each.value.expression) ? null : try(each.value.seconds, 60)
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dynamic "metric_query" {
    for_each = try([each.value.expression], [])

    content {
      id          = "result"
      expression  = metric_query.value
      label       = each.value.text
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = try(each.value.metrics, {})

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        period      = 60
        stat        = "Sum"
      }
    }
  }
}

# -- the same on one page ----------------------------------------------------------------------------------------------

locals {
  # Title, metrics as [namespace, name, dimension, value, ...], statistic.
  widgets = concat(
    [
      ["How far the processor is behind (ms)", [["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", local.stream_name]], "Maximum"],
      ["Records in and refused by the stream", [["AWS/Kinesis", "IncomingRecords", "StreamName", local.stream_name], ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", local.stream_name]], "Sum"],
      ["Age of the newest bar when one was due (s)", [[local.own_namespace, "BarAgeSeconds", "service", "collector", "stack", local.name]], "Maximum"],
      ["Age of the newest row in an open session (s)", [[local.own_namespace, "RowAgeSeconds", "service", "processor", "stack", local.name]], "Maximum"],
      ["Processor: duration (ms)", [["AWS/Lambda", "Duration", "FunctionName", local.function_name]], "p99"],
      ["Processor: errors and throttles", [["AWS/Lambda", "Errors", "FunctionName", local.function_name], ["AWS/Lambda", "Throttles", "FunctionName", local.function_name]], "Sum"],
      ["Records rejected, rows without a prediction", [[local.own_namespace, "RecordsRejected", "service", "processor", "stack", local.name], [local.own_namespace, "PredictionsMissed", "service", "processor", "stack", local.name]], "Sum"],
      ["Endpoint: latency (µs)", [["AWS/SageMaker", "ModelLatency", "EndpointName", local.endpoint_name, "VariantName", "main"]], "p99"],
      ["Endpoint: 4xx and 5xx", [["AWS/SageMaker", "Invocation4XXErrors", "EndpointName", local.endpoint_name, "VariantName", "main"], ["AWS/SageMaker", "Invocation5XXErrors", "EndpointName", local.endpoint_name, "VariantName", "main"]], "Sum"],
      ["Firehose: age of the oldest row not yet in S3 (s)", [["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", local.firehose_name]], "Maximum"],
    ],
    [for table in values(local.tables) :
      ["${table}: units read and written", [["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", table], ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table]], "Sum"]
    ],
    local.has_image ? [
      ["Records given up on", [
        ["AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID", local.mapping_dimensions["EventSourceMappingUUID"]],
        ["AWS/Lambda", "DroppedEventCount", "EventSourceMappingUUID", local.mapping_dimensions["EventSourceMappingUUID"]],
      ], "Sum"]
    ] : [],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget[0]
          metrics = widget[1]
          stat    = widget[2]
          region  = var.region
          period  = 60
          view    = "timeSeries"
        }
      }
    ]
  })
}
