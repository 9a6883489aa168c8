# One image for everything that runs on AWS. Its commands:
#   tapeline collector                                       ECS: Yahoo's bars to Kinesis
#   tapeline dashboard                                       ECS: the page
#   python -m awslambdaric tapeline.lambdas.handler.handler  Lambda: indicators, predictions, rows
#   train, serve                                             SageMaker
#
# Users: ECS runs it as 10001 (see services/*.tf), Lambda and serverless SageMaker as users of their own, who are not in the
# image and own nothing in it. SageMaker's training writes to folders that belong to root, so the image names no user
# itself. Health checks are in the ECS task definitions, one for each command.
#
# The base is named by tag, for people, and by digest, which is what counts. docs/operations.md, "The base image", says
# how to move it. `deploy/steps.py image` builds and pushes.

FROM python:3.13.9-slim-bookworm@sha256:b685a4fa58bb19d1814d78a1ec0f0208f351452724f78b20212c984d6e124a34 AS build

# Kernels are compiled here for any recent x86-64 (or ARM) processor, not for that of the build machine.
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES="" \
    NUMBA_CACHE_DIR=/opt/tapeline/numba

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1=12.2.0-* \
 && rm -rf /var/lib/apt/lists/*
# Libraries and build tools are those of the two lists, by their hashes; nothing of them is built here. What is built is
# tapeline alone, by these tools.
COPY deploy/build.txt deploy/locked.txt deploy/
RUN python -m venv tools \
 && tools/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r deploy/build.txt \
 && python -m venv /opt/tapeline/venv \
 && /opt/tapeline/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r deploy/locked.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# There is no git in here: the version comes with the build.
ARG VERSION=0.1.0
RUN export SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION \
 && tools/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation --wheel-dir wheels . \
 && /opt/tapeline/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps wheels/*.whl \
 && /opt/tapeline/venv/bin/pip check \
 && /opt/tapeline/venv/bin/python -c "from tapeline.app import config, wiring; wiring.warm_up(config.load())" \
 && /opt/tapeline/venv/bin/pip uninstall -y --disable-pip-version-check pip \
 && chmod -R a+rX /opt/tapeline

FROM python:3.13.9-slim-bookworm@sha256:b685a4fa58bb19d1814d78a1ec0f0208f351452724f78b20212c984d6e124a34

# LightGBM needs it for its threads.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1=12.2.0-* \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 tapeline \
 && useradd --uid 10001 --gid tapeline --no-create-home --home-dir /var/lib/tapeline tapeline \
 && install -d -o tapeline -g tapeline -m 0700 /var/lib/tapeline

COPY --from=build /opt/tapeline /opt/tapeline
COPY --chmod=0755 deploy/start.sh /usr/local/bin/start

ENV PATH=/opt/tapeline/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES="" \
    NUMBA_CACHE_DIR=/opt/tapeline/numba \
    TAPELINE_DATA_DIR=/var/lib/tapeline

# Fargate's volume gets its owner from here; only the user of ECS may enter it.
VOLUME /var/lib/tapeline

# Settings are looked for in the work directory (tapeline.toml), so whoever runs the image must be able to enter it.
WORKDIR /opt/tapeline
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["tapeline", "--help"]
