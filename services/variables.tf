# -- region and names -------------------------------------------------------------------------------------

variable "region" {
  description = "AWS region of everything in this stack; the same as the network's."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like us-east-1."
  }
}

variable "name_prefix" {
  description = "Prefix of every name, so that one account can hold several copies; such as \"dev-\". The same as the network's."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,13}-)?$", var.name_prefix))
    error_message = "name_prefix must be empty, or lower-case letters, digits and dashes, at most 15 characters, ending in a dash."
  }
}

variable "tags" {
  description = "Tags for every resource, in addition to project, stack and managed_by."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "A tag's key has at most 128 characters and must not begin with aws:."
  }
}

variable "network_state" {
  description = "Where the network's state is: with bucket, in S3 (key, region); without, in a local file (path, relative to this folder)."
  type = object({
    bucket = optional(string)
    key    = optional(string, "tapeline/network.tfstate")
    region = optional(string, "us-east-1")
    path   = optional(string, "../network/terraform.tfstate")
  })
  default = {}

  validation {
    condition     = var.network_state.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.network_state.bucket))
    error_message = "network_state.bucket must be the name of an S3 bucket."
  }

  validation {
    condition     = endswith(var.network_state.key, ".tfstate") && endswith(var.network_state.path, ".tfstate")
    error_message = "network_state.key and network_state.path must name a .tfstate."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the tables and buckets that hold data. Apply with false before a destroy."
  type        = bool
  default     = true
}

variable "bucket_name" {
  description = "Name of the bucket for history, models and rows; empty for stock-data with the account and region, since the name must be unique worldwide."
  type        = string
  default     = ""

  validation {
    condition     = var.bucket_name == "" || can(regex("^[a-z0-9][a-z0-9-]{1,55}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 57 lower-case letters, digits and dashes (the log bucket's name adds five), and no dash at its ends."
  }
}

# -- the two phases --------------------------------------------------------------------------------------------------

variable "image_uri" {
  description = "The image in this stack's repository, with a tag or a digest. Empty for the first apply, which creates the repository."
  type        = string
  default     = ""

  validation {
    condition     = var.image_uri == "" || can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]{1,128}|@sha256:[0-9a-f]{64})$", var.image_uri))
    error_message = "image_uri must be an image in ECR with a tag or a digest, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/stock-data-collector:1.0.0."
  }

  validation {
    condition     = !endswith(var.image_uri, ":latest")
    error_message = "image_uri must not end in :latest. Tags here are immutable, so that what runs is what was reviewed: use a version or a digest."
  }
}

variable "model_data_url" {
  description = "The model's model.tar.gz in S3, as `tapeline deploy-model` and the notebook put it there. Empty until there is one."
  type        = string
  default     = ""

  validation {
    condition     = var.model_data_url == "" || can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\\.tar\\.gz$", var.model_data_url))
    error_message = "model_data_url must look like s3://BUCKET/models/VERSION/model.tar.gz."
  }

  validation {
    condition     = var.model_data_url == "" || var.image_uri != ""
    error_message = "model_data_url needs image_uri: the endpoint runs the model in that image."
  }
}

variable "earlier_models" {
  description = "Models that the endpoint served before and may go back to: their SageMaker models and configurations are kept. deploy/steps.py writes this list."
  type = list(object({
    image_uri      = string
    model_data_url = string
    endpoint = object({
      memory          = number
      max_concurrency = number
      instance_type   = optional(string)
      min_instances   = number
    })
  }))
  default = []

  validation {
    condition     = length(var.earlier_models) <= 20 && alltrue([for model in var.earlier_models : model.image_uri != "" && can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\\.tar\\.gz$", model.model_data_url))])
    error_message = "earlier_models must be at most 20, each with image_uri and a model_data_url like s3://BUCKET/models/VERSION/model.tar.gz."
  }
}

variable "architecture" {
  description = "Processor the image was built for: X86_64, or ARM64, which is cheaper but not offered by serverless endpoints."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }

  validation {
    condition     = var.architecture == "X86_64" || var.endpoint.instance_type != null
    error_message = "Serverless endpoints run X86_64 only: choose X86_64, or an endpoint.instance_type with the other architecture."
  }
}

# -- what is collected and computed ----------------------------------------------------------------------------------

variable "symbols" {
  description = "Symbols to collect, as Yahoo Finance writes them."
  type        = list(string)
  default     = ["TSLA"]

  validation {
    condition     = length(var.symbols) > 0 && length(distinct(var.symbols)) == length(var.symbols)
    error_message = "symbols must name at least one symbol, and each once."
  }

  validation {
    condition     = alltrue([for symbol in var.symbols : can(regex("^[A-Z0-9^][A-Z0-9.^=-]{0,31}$", symbol))])
    error_message = "A symbol has at most 32 capital letters, digits and . ^ = -, such as TSLA, BRK-B, ^GSPC or EURUSD=X."
  }

  validation {
    condition     = length(join(",", var.symbols)) <= 30000
    error_message = "symbols must have at most 30,000 characters in all, so that the task definition stays within its 64 KB."
  }
}

variable "interval" {
  description = "Length of a bar."
  type        = string
  default     = "1m"

  validation {
    condition     = contains(["1m", "2m", "5m", "15m", "30m", "1h", "1d"], var.interval)
    error_message = "interval must be 1m, 2m, 5m, 15m, 30m, 1h or 1d."
  }
}

variable "horizon" {
  description = "How many bars ahead to predict; the same as the model's."
  type        = number
  default     = 5

  validation {
    condition     = var.horizon >= 1 && var.horizon <= 1000 && floor(var.horizon) == var.horizon
    error_message = "horizon must be a whole number from 1 to 1000."
  }
}

variable "row_days" {
  description = "Days that a row stays in the table; 0 keeps it forever. Athena keeps every row either way."
  type        = number
  default     = 400

  validation {
    condition     = var.row_days >= 0 && var.row_days <= 36500 && floor(var.row_days) == var.row_days
    error_message = "row_days must be a whole number from 0 to 36500."
  }
}

# -- stream ----------------------------------------------------------------------------------------------------------

variable "stream_shards" {
  description = "Shards of the stream; 0 for on-demand, which follows the load and costs more when the load is steady."
  type        = number
  default     = 0

  validation {
    condition     = var.stream_shards >= 0 && var.stream_shards <= 500 && floor(var.stream_shards) == var.stream_shards
    error_message = "stream_shards must be a whole number from 0 to 500."
  }
}

variable "stream_retention_hours" {
  description = "Hours that records stay on the stream: the longest outage of the processor that loses nothing. Above 24 costs extra."
  type        = number
  default     = 48

  validation {
    condition     = var.stream_retention_hours >= 24 && var.stream_retention_hours <= 8760 && floor(var.stream_retention_hours) == var.stream_retention_hours
    error_message = "stream_retention_hours must be a whole number from 24 to 8760."
  }
}

# -- collector -------------------------------------------------------------------------------------------------------

variable "collector" {
  description = "The collector: tasks (symbols are split over them), cpu (CPU units) and memory (MB) of each as Fargate pairs them, spot (cheaper, but may be interrupted: missed bars are fetched afterwards), enabled, forming_seconds (between two updates of a forming bar; each one is written and paid for)."
  type = object({
    tasks           = optional(number, 1)
    cpu             = optional(number, 256)
    memory          = optional(number, 512)
    spot            = optional(bool, false)
    enabled         = optional(bool, true)
    forming_seconds = optional(number, 5)
  })
  default = {}

  validation {
    condition = contains(lookup({
      256  = [512, 1024, 2048]
      512  = [1024, 2048, 3072, 4096]
      1024 = [2048, 3072, 4096, 5120, 6144, 7168, 8192]
      2048 = [4096, 5120, 6144, 7168, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 15360, 16384]
    }, tostring(var.collector.cpu), []), var.collector.memory)
    error_message = "collector.cpu and collector.memory must be a pair that Fargate offers: 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384."
  }

  validation {
    condition     = var.collector.forming_seconds >= 0.25 && var.collector.forming_seconds <= 60
    error_message = "collector.forming_seconds must be 0.25 to 60."
  }

  validation {
    condition     = var.collector.tasks >= 1 && var.collector.tasks <= 100 && floor(var.collector.tasks) == var.collector.tasks
    error_message = "collector.tasks must be a whole number from 1 to 100."
  }
}

# -- processor -------------------------------------------------------------------------------------------------------

variable "processor" {
  description = "The Lambda function and its event source: memory (MB; CPU comes with it), timeout (s), batch_size (records), window (s to wait for a batch), retries, max_record_age (s), parallelization (batches of a shard at once; a symbol's order holds), reserved_concurrency (-1: none), predictor (\"endpoint\", or \"local\": the model promoted under models/ in the bucket, in the function itself), in_vpc, tracing."
  type = object({
    memory               = optional(number, 1769)
    timeout              = optional(number, 60)
    batch_size           = optional(number, 500)
    window               = optional(number, 1)
    retries              = optional(number, 20)
    max_record_age       = optional(number, 86400)
    parallelization      = optional(number, 1)
    reserved_concurrency = optional(number, -1)
    predictor            = optional(string, "endpoint")
    in_vpc               = optional(bool, true)
    tracing              = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.processor.memory >= 512 && var.processor.memory <= 10240
    error_message = "processor.memory must be 512 to 10240 MB: the compiled engine and its libraries need the lower bound."
  }

  validation {
    condition     = var.processor.timeout >= 10 && var.processor.timeout <= 900
    error_message = "processor.timeout must be 10 to 900 seconds."
  }

  validation {
    condition     = var.processor.batch_size >= 1 && var.processor.batch_size <= 10000
    error_message = "processor.batch_size must be 1 to 10000 records."
  }

  validation {
    condition     = contains(["endpoint", "local"], var.processor.predictor)
    error_message = "processor.predictor must be \"endpoint\" or \"local\"."
  }

  validation {
    condition     = var.processor.window >= 0 && var.processor.window <= 300
    error_message = "processor.window must be 0 to 300 seconds."
  }

  validation {
    condition     = var.processor.retries >= 0 && var.processor.retries <= 10000
    error_message = "processor.retries must be 0 to 10000. Unlimited (-1) is not offered: one record that always fails would block its shard."
  }

  validation {
    condition     = var.processor.max_record_age >= 60 && var.processor.max_record_age <= min(var.stream_retention_hours * 3600, 604800)
    error_message = "processor.max_record_age must be 60 to 604800 seconds (a week, the most that Lambda takes), and at most what the stream keeps (stream_retention_hours)."
  }

  validation {
    condition     = var.processor.parallelization >= 1 && var.processor.parallelization <= 10
    error_message = "processor.parallelization must be 1 to 10."
  }

  validation {
    condition     = var.processor.reserved_concurrency >= -1 && var.processor.reserved_concurrency != 0
    error_message = "processor.reserved_concurrency must be -1 (none) or at least 1; 0 would stop the function."
  }
}

variable "processor_roll_back" {
  description = "Give a share (0 to 1) of the batches to an earlier version of the function; 1: all. Null: the newest version gets all."
  type = object({
    version = string
    share   = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.processor_roll_back == null || can(regex("^[1-9][0-9]*$", var.processor_roll_back.version))
    error_message = "processor_roll_back.version must be the number of a version, such as 3: see `aws lambda list-versions-by-function`."
  }

  validation {
    condition     = var.processor_roll_back == null || try(var.processor_roll_back.share > 0 && var.processor_roll_back.share <= 1, false)
    error_message = "processor_roll_back.share must be above 0 and at most 1."
  }

  validation {
    condition     = var.processor_roll_back == null || var.image_uri != ""
    error_message = "processor_roll_back needs image_uri: without an image there is no function."
  }
}

# -- endpoint --------------------------------------------------------------------------------------------------------

variable "endpoint" {
  description = "The SageMaker endpoint: serverless with memory (MB) and max_concurrency, or, with instance_type, min_instances to max_instances in the private subnets, following invocations_per_instance (a minute)."
  type = object({
    memory                   = optional(number, 2048)
    max_concurrency          = optional(number, 5)
    instance_type            = optional(string)
    min_instances            = optional(number, 1)
    max_instances            = optional(number, 2)
    invocations_per_instance = optional(number, 6000)
  })
  default = {}

  validation {
    condition     = contains([1024, 2048, 3072, 4096, 5120, 6144], var.endpoint.memory)
    error_message = "endpoint.memory must be 1024, 2048, 3072, 4096, 5120 or 6144 MB."
  }

  validation {
    condition     = var.endpoint.max_concurrency >= 1 && var.endpoint.max_concurrency <= 200
    error_message = "endpoint.max_concurrency must be 1 to 200."
  }

  validation {
    condition     = var.endpoint.instance_type == null || can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9]+$", var.endpoint.instance_type))
    error_message = "endpoint.instance_type must look like ml.c6i.large."
  }

  validation {
    condition     = var.endpoint.min_instances >= 1 && var.endpoint.max_instances >= var.endpoint.min_instances
    error_message = "endpoint.min_instances must be at least 1 and endpoint.max_instances at least that."
  }

  validation {
    condition     = var.endpoint.invocations_per_instance >= 1
    error_message = "endpoint.invocations_per_instance must be at least 1."
  }
}

# -- alarms and costs ---------------------------------------------------------------------------------------------

variable "log_retention_days" {
  description = "Days to keep logs."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "alarm_email" {
  description = "E-mail address for alarms and the budget; its owner must confirm once. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email must be an e-mail address or empty."
  }
}

variable "monthly_budget_usd" {
  description = "Budget in US dollars a month for everything tagged project=tapeline (activate that tag for cost allocation); 0 for none. Warns at 80% spent and 100% forecast."
  type        = number
  default     = 100

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must be 0 or more."
  }
}

variable "alarms" {
  description = "Thresholds: iterator_age (s that the processor may lag), collector_silence (s without a bar when one was due), rows_silence (s without a row in the table in an open session, beyond the length of a bar), duration_share (of the function's timeout), rejected (records in 15 minutes), consumed_units (DynamoDB units a second)."
  type = object({
    iterator_age      = optional(number, 120)
    collector_silence = optional(number, 300)
    rows_silence      = optional(number, 300)
    duration_share    = optional(number, 0.8)
    rejected          = optional(number, 100)
    consumed_units    = optional(number, 2000)
  })
  default = {}

  validation {
    condition     = var.alarms.iterator_age > 0 && var.alarms.collector_silence > 0 && var.alarms.rows_silence > 0 && var.alarms.rejected > 0 && var.alarms.consumed_units > 0
    error_message = "Every threshold in alarms must be above 0."
  }

  validation {
    condition     = var.alarms.duration_share > 0 && var.alarms.duration_share <= 1
    error_message = "alarms.duration_share must be above 0 and at most 1."
  }
}

# -- optional parts --------------------------------------------------------------------------------------------------

variable "dashboard" {
  description = "The page as a service behind a load balancer with log-in (Cognito): domain_name, certificate_arn (ACM, this region), allowed_cidrs, and the task's cpu and memory. Null for none."
  type = object({
    domain_name     = string
    certificate_arn = string
    allowed_cidrs   = list(string)
    cpu             = optional(number, 512)
    memory          = optional(number, 1024)
  })
  default = null

  validation {
    condition     = var.dashboard == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.dashboard.domain_name))
    error_message = "dashboard.domain_name must be a host name, such as stocks.example.com."
  }

  validation {
    condition     = var.dashboard == null || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.dashboard.certificate_arn))
    error_message = "dashboard.certificate_arn must be the ARN of a certificate in ACM."
  }

  validation {
    condition     = var.dashboard == null || try(length(var.dashboard.allowed_cidrs) > 0 && alltrue([for cidr in var.dashboard.allowed_cidrs : can(cidrhost(cidr, 0)) && try(tonumber(split("/", cidr)[1]), 0) >= 8]), false)
    error_message = "dashboard.allowed_cidrs must name at least one IPv4 range, none wider than /8: the page is for people you know."
  }

  validation {
    condition     = var.dashboard == null || var.image_uri != ""
    error_message = "dashboard needs image_uri."
  }
}

variable "alert_rules" {
  description = "Alert rules that the page evaluates, such as \"rsi_14 < 30 for TSLA\" (docs/alerts.md); alerts go to the topic of the alarms. They need dashboard."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.alert_rules) <= 200 && alltrue([for rule in var.alert_rules : trimspace(rule) != "" && length(rule) <= 500 && !strcontains(rule, ";")])
    error_message = "alert_rules must be at most 200 rules of 1 to 500 characters, each without a semicolon."
  }

  validation {
    condition     = length(var.alert_rules) == 0 || var.dashboard != null
    error_message = "alert_rules need dashboard: rules are evaluated where the page is served."
  }
}

variable "enable_quicksight" {
  description = "Create the QuickSight data source, data set, analysis and dashboard. The account must have subscribed to QuickSight (Enterprise) first."
  type        = bool
  default     = false

  validation {
    condition     = !var.enable_quicksight || length(var.quicksight_users) > 0
    error_message = "enable_quicksight needs quicksight_users: without one, nobody could open the dashboard."
  }
}

variable "quicksight_role" {
  description = "Name of the role that QuickSight uses in this account; it gets the policy to read rows and write query results. Null where it is managed elsewhere."
  type        = string
  default     = "aws-quicksight-service-role-v0"

  validation {
    condition     = var.quicksight_role == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.quicksight_role))
    error_message = "quicksight_role must be the name of a role, without path or ARN."
  }
}

variable "quicksight_users" {
  description = "ARNs of QuickSight users or groups that may open the dashboard; the first also owns the data source and data set."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for user in var.quicksight_users : can(regex("^arn:aws[a-z-]*:quicksight:[a-z0-9-]+:[0-9]{12}:(user|group)/.+$", user))])
    error_message = "quicksight_users must be ARNs of QuickSight users or groups, such as arn:aws:quicksight:us-east-1:123456789012:user/default/ann."
  }
}

# -- retraining ------------------------------------------------------------------------------------------------------

variable "retraining" {
  description = "Retraining: schedule (a cron or rate expression of EventBridge, in UTC; null: none), approve (true: a model that is better than the one in use is deployed without a person), model (its name in the registry), interval of the bars, symbols (none: all), instance_type, spot, minutes that a job may run, hyperparameters, manage_log_group (retention for the logs of all training jobs of the account; for one copy of tapeline in an account only)."
  type = object({
    schedule         = optional(string)
    approve          = optional(bool, false)
    model            = optional(string, "default")
    interval         = optional(string, "1m")
    symbols          = optional(list(string), [])
    instance_type    = optional(string, "ml.m5.large")
    spot             = optional(bool, true)
    minutes          = optional(number, 60)
    hyperparameters  = optional(map(string), {})
    manage_log_group = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.retraining.schedule == null || can(regex("^(rate|cron)\\(.+\\)$", var.retraining.schedule))
    error_message = "retraining.schedule must be rate(...) or cron(...), such as cron(0 22 ? * FRI *) for Fridays at 22:00 UTC."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", var.retraining.model))
    error_message = "retraining.model must be a name in the registry: letters, digits, dot, dash and underscore."
  }

  validation {
    condition     = length(var.retraining.symbols) <= 20
    error_message = "retraining.symbols has more than 20 names: a training job has at most 20 channels. Leave it empty to train on all."
  }

  validation {
    condition     = startswith(var.retraining.instance_type, "ml.")
    error_message = "retraining.instance_type must be one of SageMaker's, such as ml.m5.large."
  }

  validation {
    condition     = var.retraining.minutes >= 1 && var.retraining.minutes <= 20160
    error_message = "retraining.minutes must be 1 to 20160: a spot job waits as long again, and a job has 28 days."
  }
}
