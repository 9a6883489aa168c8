# One image for everything that runs on AWS. Its commands:
#   tapeline collector                                       ECS: Yahoo's bars to Kinesis
#   tapeline dashboard                                       ECS: the page
#   python -m awslambdaric tapeline.lambdas.handler.handler  Lambda: indicators, predictions, rows
#   train, serve                                             SageMaker
#
# Users: ECS runs it as 10001 (see services/*.tf), Lambda as a user of its own. SageMaker's training writes to folders that
# belong to root, so the image names no user itself. Health checks are in the ECS task definitions, one for each command.

FROM python:3.13.9-slim-bookworm AS build

# Kernels are compiled here for any recent x86-64 (or ARM) processor, not for that of the build machine.
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES="" \
    NUMBA_CACHE_DIR=/opt/tapeline/numba

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1=12.2.0-* \
 && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN python -m venv /opt/tapeline/venv \
 && /opt/tapeline/venv/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[aws]' \
 && /opt/tapeline/venv/bin/python -c "from tapeline.app import config, wiring; wiring.warm_up(config.load())" \
 && /opt/tapeline/venv/bin/pip uninstall -y --disable-pip-version-check pip

FROM python:3.13.9-slim-bookworm

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

# Fargate's volume gets its owner from here.
VOLUME /var/lib/tapeline
WORKDIR /var/lib/tapeline
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["tapeline", "--help"]
