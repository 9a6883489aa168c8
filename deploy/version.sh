#!/bin/sh
# Print the version of what is checked out, for `docker build --build-arg VERSION=...`: there is no git in an image.
# 0.2.0 is the release, 0.2.0+3.g1a2b3c4 three commits after it, 0.0.0+g1a2b3c4 where no release is known.
set -eu
cd "$(dirname "$0")/.."
if described=$(git describe --tags --match 'v*' 2>/dev/null); then
  echo "${described#v}" | sed 's/-/+/; s/-/./'
else
  echo "0.0.0+g$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
fi
