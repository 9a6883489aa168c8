# Roles for GitHub's workflows. Applied once, by hand, by somebody who may make roles; no workflow can change it.
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
    tags = { project = "tapeline", stack = "delivery", managed_by = "terraform" }
  }
}
