# Without a backend block the state is a local file: enough for a trial. For a team: docs/operations.md, "The state".
# A stack is applied alone, and Terraform shares neither a `terraform` block nor a variable between stacks: this file and the
# variables region, name_prefix and tags are written in each. tests/terraform/test_delivery.py holds them the same.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ project = "tapeline", stack = "network", managed_by = "terraform" }, var.tags)
  }
}
