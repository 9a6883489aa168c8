#!/bin/sh
# `make deploy`: the deployment to AWS in steps. Shows each command and asks before it runs; "s" skips a step, anything
# else but "y" stops.
#   VERSION    tag of the image         (default: git describe)
#   PLATFORM   amd64, or arm64 with Terraform's architecture = "ARM64"
#   HISTORY    file of bars to upload   (tsla_history.csv), of SYMBOL (TSLA)
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:$PWD/.venv/bin

for tool in terraform aws docker tapeline; do
  command -v "$tool" >/dev/null 2>&1 || echo "note: $tool is not installed; steps that use it will fail" >&2
done

step() {
  printf '\n== %s\n   %s\n' "$1" "$2"
  printf '   run it? [y = yes, s = skip it, other = stop] '
  read -r answer || answer=
  case $answer in
    y | Y) ;;
    s | S) echo "   skipped" && return ;;
    *) echo "   stopped; 'make deploy' starts again at the first step; repeating a finished step changes nothing" && exit 0 ;;
  esac
  case $2 in
    *REPOSITORY* | *BUCKET*) echo "stopped: this step needs what the first phase of the services creates; run that first" >&2 && exit 1 ;;
  esac
  sh -c "$2" || {
    echo "stopped: '$1' failed (exit code $?). Fix what it reports above and run 'make deploy' again; repeating a finished step changes nothing" >&2
    exit 1
  }
}

output() { terraform -chdir=services output -raw "$1" 2>/dev/null || echo "$2"; }

version=${VERSION:-$(git describe --always --dirty)}
echo "Every apply shows its plan and asks again. What it costs: docs/operations.md. Account:"
aws sts get-caller-identity --query Arn --output text || echo "no AWS credentials: see 'aws configure'"

step "the network (the NAT gateway is billed by the hour)" "terraform -chdir=network init && terraform -chdir=network apply"
step "the services, first phase: repository, buckets, tables, stream" "terraform -chdir=services init && terraform -chdir=services apply"
repository=$(output repository_url REPOSITORY)
bucket=$(output bucket_name BUCKET)
region=$(printf '%s' "$repository" | cut -d. -f4)
step "log in to the repository" "aws ecr get-login-password --region $region | docker login --username AWS --password-stdin ${repository%%/*}"
step "build and push the image" "docker build --platform linux/${PLATFORM:-amd64} -t $repository:$version . && docker push $repository:$version"
step "the services with the image: collector and processor start" "terraform -chdir=services apply -var image_uri=$repository:$version"
step "upload history" "AWS_DEFAULT_REGION=$region tapeline upload '${HISTORY:-tsla_history.csv}' --symbol '${SYMBOL:-TSLA}' --bucket $bucket"
echo
echo "Next: train and upload a model (notebooks/train_and_deploy.ipynb, or tapeline train and tapeline deploy-model --only-upload), then"
echo "  terraform -chdir=services apply -var image_uri=$repository:$version -var model_data_url=s3://$bucket/models/..."
