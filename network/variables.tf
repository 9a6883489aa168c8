variable "region" {
  description = "AWS region of everything in this stack."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like us-east-1."
  }
}

variable "name_prefix" {
  description = "Prefix of every name, so that one account can hold several copies; such as \"dev-\"."
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

variable "vpc_cidr" {
  description = "Private IPv4 range of the VPC, /16 to /22. Every subnet gets a sixteenth of it."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition = can(cidrhost(var.vpc_cidr, 0)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.vpc_cidr)) && (
      try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.vpc_cidr)[1]), 0) <= 22
    )
    error_message = "vpc_cidr must be a private IPv4 range between /16 and /22, such as 10.20.0.0/16."
  }
}

variable "zone_count" {
  description = "Availability zones to use. Two survive the loss of one; three cost one more NAT gateway (with nat = per_zone) and one more of every endpoint."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3."
  }
}

variable "nat" {
  description = "NAT gateways: one (cheap, but its zone is a single point of failure), per_zone, or none. Without NAT the collector cannot reach Yahoo Finance."
  type        = string
  default     = "one"

  validation {
    condition     = contains(["one", "per_zone", "none"], var.nat)
    error_message = "nat must be one, per_zone or none."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached inside the VPC instead of through NAT, each billed per zone and hour: ecr.api, ecr.dkr, kinesis-firehose, kinesis-streams, logs, sagemaker.runtime, sts."
  type        = set(string)
  default     = []

  validation {
    condition = length(setsubtract(var.interface_endpoints, [
      "ecr.api", "ecr.dkr", "kinesis-firehose", "kinesis-streams", "logs", "sagemaker.runtime", "sts"
    ])) == 0
    error_message = "interface_endpoints may hold ecr.api, ecr.dkr, kinesis-firehose, kinesis-streams, logs, sagemaker.runtime and sts."
  }

  validation {
    condition     = contains(var.interface_endpoints, "ecr.api") == contains(var.interface_endpoints, "ecr.dkr")
    error_message = "An image is pulled through ecr.api and ecr.dkr: name both or neither."
  }
}

variable "flow_log_retention_days" {
  description = "Days to keep the VPC's flow log."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_log_retention_days)
    error_message = "flow_log_retention_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}
