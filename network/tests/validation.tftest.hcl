# One refused value for every validation in variables.tf; a test counts them.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

run "region_1" {
  command = plan

  variables {
    region = "us-east"
  }

  expect_failures = [var.region]
}

run "name_prefix_1" {
  command = plan

  variables {
    name_prefix = "dev"
  }

  expect_failures = [var.name_prefix]
}

run "tags_1" {
  command = plan

  variables {
    tags = { "aws:x" = "y" }
  }

  expect_failures = [var.tags]
}

run "vpc_cidr_1" {
  command = plan

  variables {
    vpc_cidr = "8.8.0.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "vpc_cidr_2" {
  command = plan

  variables {
    vpc_cidr = "10.0.0.0/8"
  }

  expect_failures = [var.vpc_cidr]
}

run "vpc_cidr_3" {
  command = plan

  variables {
    vpc_cidr = "here"
  }

  expect_failures = [var.vpc_cidr]
}

run "zone_count_1" {
  command = plan

  variables {
    zone_count = 4
  }

  expect_failures = [var.zone_count]
}

run "nat_1" {
  command = plan

  variables {
    nat = "two"
  }

  expect_failures = [var.nat]
}

run "interface_endpoints_1" {
  command = plan

  variables {
    interface_endpoints = ["s3"]
  }

  expect_failures = [var.interface_endpoints]
}

run "interface_endpoints_2" {
  command = plan

  variables {
    interface_endpoints = ["ecr.api"]
  }

  expect_failures = [var.interface_endpoints]
}

run "flow_log_retention_days_1" {
  command = plan

  variables {
    flow_log_retention_days = 31
  }

  expect_failures = [var.flow_log_retention_days]
}
