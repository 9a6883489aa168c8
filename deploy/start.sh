#!/bin/sh
# The image's entry point: any command of ours, `train` and `serve` as SageMaker says them.
#
# Compiled kernels are in the image. Numba takes a cache only from where it may write, and Lambda and ECS give a
# read-only root, so it is copied (a few MB) to the first place that can be written; without one, kernels are compiled
# at every start.
set -eu

if ! [ -w "${NUMBA_CACHE_DIR:-/nowhere}" ]; then
  for place in "${TAPELINE_DATA_DIR:-/var/lib/tapeline}" /tmp; do
    if mkdir -p "$place/.numba" 2>/dev/null && [ -w "$place/.numba" ]; then
      cp -R "${NUMBA_CACHE_DIR:-/nowhere}/." "$place/.numba/" 2>/dev/null || true
      export NUMBA_CACHE_DIR="$place/.numba"
      break
    fi
  done
fi

case "${1:-}" in
  train | serve) set -- python -m tapeline.lambdas.sagemaker "$@" ;;
esac
exec "$@"
