#!/bin/sh
# `make deploy`: the way to AWS in steps. Shows each command and asks before it runs; "s" leaves a step out, anything else stops.
set -eu
cd "$(dirname "$0")/.."

for tool in terraform aws docker; do
  command -v "$tool" >/dev/null 2>&1 || echo "note: $tool is not installed; steps that use it will fail" >&2
done

step() {
  printf '\n== %s\n   %s\n' "$1" "$2"
  printf '   run it? [y = yes, s = leave it out, other = stop] '
  read -r answer || answer=
  case $answer in
    y | Y) sh -c "$2" ;;
    s | S) echo "   left out" ;;
    *) echo "   stopped; 'make deploy' starts at the first step again, and what is done already changes nothing" && exit 0 ;;
  esac
}

version=${VERSION:-$(git describe --always --dirty)}
echo "Every apply shows its plan and asks once more. What it costs: docs/operations.md. Account:"
aws sts get-caller-identity --query Arn --output text || echo "no AWS credentials: see 'aws configure'"

step "the network (a NAT gateway is billed by the hour)" "terraform -chdir=network init && terraform -chdir=network apply"
step "the services, first phase: repository, buckets, tables, stream" "terraform -chdir=services init && terraform -chdir=services apply"
repository=$(terraform -chdir=services output -raw repository_url 2>/dev/null || echo REPOSITORY)
bucket=$(terraform -chdir=services output -raw bucket_name 2>/dev/null || echo BUCKET)
region=$(printf '%s' "$repository" | cut -d. -f4)
step "log in to the repository" "aws ecr get-login-password --region $region | docker login --username AWS --password-stdin ${repository%%/*}"
step "build and push the image" "docker build -t $repository:$version . && docker push $repository:$version"
step "the services with the image: collector and processor start" "terraform -chdir=services apply -var image_uri=$repository:$version"
step "upload history" "aws s3 cp ${HISTORY:-tsla_history.csv} s3://$bucket/history/"
echo
echo "Next: train and upload a model (notebooks/train_and_deploy.ipynb), then"
echo "  terraform -chdir=services apply -var image_uri=$repository:$version -var model_data_url=s3://$bucket/models/VERSION/model.tar.gz"
