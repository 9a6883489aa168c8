output "region" {
  description = "Region of the network; services/ must use the same one."
  value       = var.region
}

output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "IPv4 range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "availability_zones" {
  description = "Availability zones in use, in the order of the subnets."
  value       = local.zones
}

output "public_subnet_ids" {
  description = "One public subnet per zone, for load balancers."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "One private subnet per zone, for everything else."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "collector_security_group_id" {
  description = "Security group of the collector's tasks: nothing in, HTTPS out."
  value       = aws_security_group.tasks["collector"].id
}

output "processor_security_group_id" {
  description = "Security group of the Lambda function: nothing in, HTTPS out."
  value       = aws_security_group.tasks["processor"].id
}

output "nat_public_ips" {
  description = "Public addresses that the collector's requests come from; empty without NAT."
  value       = [for address in aws_eip.nat : address.public_ip]
}

output "has_internet" {
  description = "Whether the private subnets reach the internet. Without it the collector cannot ask Yahoo Finance."
  value       = var.nat != "none"
}

output "interface_endpoints" {
  description = "AWS services reached through endpoints inside the VPC."
  value       = sort(tolist(var.interface_endpoints))
}
