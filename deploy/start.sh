#!/bin/sh
# The image's entry point: runs the command it is given. SageMaker gives only the word `train` or `serve`.
#
# Compiled kernels are in the image. Numba uses a cache only where it may write, and Lambda and ECS give a read-only root,
# so it is copied (a few MB) to the first folder that can be written; without one, kernels are compiled at every start.
set -eu

if ! [ -w "${NUMBA_CACHE_DIR:-/nowhere}" ]; then
  for folder in "${TAPELINE_DATA_DIR:-/var/lib/tapeline}" /tmp; do
    if mkdir -p "$folder/.numba" 2>/dev/null && [ -w "$folder/.numba" ]; then
      cp -R "${NUMBA_CACHE_DIR:-/nowhere}/." "$folder/.numba/" 2>/dev/null || true
      export NUMBA_CACHE_DIR="$folder/.numba"
      break
    fi
  done
fi

case "${1:-}" in
  train | serve) set -- python -m tapeline.lambdas.sagemaker "$@" ;;
esac
exec "$@"
