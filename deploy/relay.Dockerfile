# The images of this repository share all stages up to `build`. Layers are built once: `dependencies` again when a manifest
# or Cargo.lock changes, `core` when relay-core's own source does, `build` when any source does. No syntax line and no
# cache mounts: any builder works, and a registry can share the layers.

# PROFILE is how Cargo compiles (Cargo.toml): `quick` to try things out, `dist` for published images, whose programs are
# smaller and faster, and take minutes more each to build.
ARG PROFILE=quick
# To build the same image again next year, pin both by digest: --build-arg RUST_IMAGE=rust@sha256:...
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN sh deploy/skeleton.sh /src /skeleton

# Packages that are built together share the features of their dependencies. So every stage names the same packages
# (all but the one for tests): otherwise dependencies would be compiled again with other features.
FROM ${RUST_IMAGE} AS dependencies
WORKDIR /src
COPY --from=manifests /skeleton .
ARG PROFILE
# A version of cargo-auditable: the program then holds the list of its dependencies. Published images have it.
ARG AUDITABLE=
# For the stages that build upon this one, where arguments would have to be named again.
ENV PROFILE=${PROFILE} AUDITABLE=${AUDITABLE}
RUN set -eu; if [ -n "$AUDITABLE" ]; then cargo install --locked "cargo-auditable@$AUDITABLE"; fi; \
    cargo ${AUDITABLE:+auditable} build --locked --profile "$PROFILE" --workspace --exclude relay-testkit --features relay-core/jemalloc --bins

# --- core
# `touch`, because Cargo compares times, and the empty sources are newer than these.
FROM dependencies AS core
COPY crates/relay-core crates/relay-core
RUN set -eu; find crates/relay-core -name '*.rs' -exec touch {} +; \
    cargo ${AUDITABLE:+auditable} build --locked --profile "$PROFILE" --workspace --exclude relay-testkit --features relay-core/jemalloc --bins

# PROGRAMS is what Cargo compiles here: by default the program of this image. Docker Compose and the release compile all
# programs at once (`--bins`), which takes less time on several processors, and then every image has this layer.
FROM core AS build
ARG PROGRAMS
COPY . .
RUN set -eu; find crates/provider-sim crates/relayctl relays -name '*.rs' -exec touch {} +; \
    cargo ${AUDITABLE:+auditable} build --locked --profile "$PROFILE" --workspace --exclude relay-testkit --features relay-core/jemalloc $PROGRAMS

# --- program
# No shell and no package manager: a C library, root certificates, and this program.
FROM ${RUNTIME_IMAGE}
ARG PROGRAM
ARG PROFILE
COPY --from=build /src/target/${PROFILE}/${PROGRAM} /usr/local/bin/relay
USER 65532:65532
# 9090 is for the platform, 9091 for probes and metrics.
EXPOSE 9090 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=5s CMD ["/usr/local/bin/relay", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/relay"]

ARG DESCRIPTION
ARG VERSION=unknown
ARG REVISION=unknown
# Where the builder keeps this source.
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="${PROGRAM}" \
      org.opencontainers.image.description="${DESCRIPTION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="MIT"
