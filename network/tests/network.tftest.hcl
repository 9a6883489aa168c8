# `terraform test`: plans against a mocked provider, so it needs no account and creates nothing.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"] }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/stock-analysis" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/stock-analysis-flow-log" }
  }
}

run "defaults" {
  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_subnet.private) == 2
    error_message = "two zones by default"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 2
    error_message = "one NAT gateway by default, used by both private subnets"
  }

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : !subnet.map_public_ip_on_launch])
    error_message = "no subnet hands out public addresses"
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.https : rule.ip_protocol == "tcp" && rule.from_port == 443 && rule.to_port == 443])
    error_message = "tasks reach out by HTTPS only"
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.endpoints : contains(values(local.private_cidrs), rule.cidr_ipv4)])
    error_message = "only the private subnets reach the interface endpoints"
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "the default security group is closed"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.gateway) == ["dynamodb", "s3"] && length(aws_vpc_endpoint.interface) == 0
    error_message = "the free endpoints are there, the billed ones are not"
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.retention_in_days == 30 && aws_kms_key.flow_log.enable_key_rotation
    error_message = "the flow log has all traffic, expires, and its key is rotated"
  }

  assert {
    condition     = length(setintersection(values(local.public_cidrs), values(local.private_cidrs))) == 0
    error_message = "subnets do not overlap"
  }
}

run "one_nat_gateway_per_zone" {
  variables {
    nat        = "per_zone"
    zone_count = 3
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && alltrue([for zone, used in local.nat_of : zone == used])
    error_message = "every zone uses its own gateway"
  }
}

run "a_third_zone_moves_no_subnet" {
  variables {
    zone_count = 3
  }

  assert {
    condition     = local.public_cidrs["us-east-1b"] == "10.20.16.0/20" && local.private_cidrs["us-east-1b"] == "10.20.144.0/20"
    error_message = "ranges of the first zones are the same with two and three"
  }
}

run "without_nat" {
  variables {
    nat                 = "none"
    interface_endpoints = ["ecr.api", "ecr.dkr", "kinesis-firehose", "kinesis-streams", "logs", "sagemaker.runtime", "sts"]
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0 && !output.has_internet
    error_message = "no gateway, no route, and the output says so"
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 7 && alltrue([for e in aws_vpc_endpoint.interface : e.private_dns_enabled])
    error_message = "every endpoint that was asked for, under the services' own names"
  }
}

run "names_have_the_prefix" {
  variables {
    name_prefix = "dev-"
  }

  assert {
    condition     = aws_vpc.this.tags["Name"] == "dev-stock-analysis" && aws_iam_role.flow_log.name == "dev-stock-analysis-flow-log"
    error_message = "the prefix is put before names"
  }
}
