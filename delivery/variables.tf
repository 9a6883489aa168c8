variable "region" {
  description = "AWS region of the stacks."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like us-east-1."
  }
}

variable "repository" {
  description = "The repository whose workflows may take the roles, as OWNER/NAME."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Write OWNER/NAME without wildcards: a pattern would let others' repositories in."
  }
}

variable "state_bucket" {
  description = "S3 bucket of the Terraform states (docs/operations.md, \"The state\")."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "Name the bucket alone, without s3:// and without a path."
  }
}

variable "name_prefix" {
  description = "The name_prefix of services/, which the names of everything there begin with."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,13}-)?$", var.name_prefix))
    error_message = "name_prefix must be empty, or lower-case letters, digits and dashes, at most 15 characters, ending in a dash."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the account's OIDC provider of GitHub. Empty: it is made here; an account has one at most."
  type        = string
  default     = ""
}
