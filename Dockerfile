# konn as a container: the binary, glibc, CA certificates and time zones, and no shell.
#
#   docker build -t konn --build-arg SOURCE_COMMIT="$(git rev-parse HEAD)" \
#     --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" .
#   docker run --rm --read-only konn --version
#
# What runs where, and with what: docs/container.md.

# Built on the machine that builds, for any other: nothing of it is emulated.
FROM --platform=$BUILDPLATFORM oven/bun:1.4.5 AS build
WORKDIR /src
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY cmd cmd
COPY core core
COPY scripts scripts
ARG TARGETARCH
# There is no repository in here to ask.
ARG SOURCE_COMMIT
ARG SOURCE_DATE_EPOCH
RUN case "$TARGETARCH" in amd64) machine=x64 ;; *) machine=$TARGETARCH ;; esac \
  && bun scripts/build.ts --target "linux-$machine" \
  && mkdir /state

FROM gcr.io/distroless/base-nossl-debian13:nonroot
COPY LICENSE /usr/share/doc/konn/LICENSE
# A volume that is new takes its owner from the folder of the image.
COPY --from=build --chown=65532:65532 /state /var/lib/konn
COPY --from=build /src/dist/konn /usr/local/bin/konn
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
# One port: the search bar of `serve`; health and metrics of `sync`, `replay` and `pipe`.
# `verify` keeps rows that it compares in TMPDIR: the volume is all that can be written.
# A folder in it, since the volume itself belongs to whoever made it, and konn's is private.
ENV KONN_STATE_DIR=/var/lib/konn/state \
  TMPDIR=/var/lib/konn \
  KONN_LISTEN=0.0.0.0:7700
EXPOSE 7700
VOLUME ["/var/lib/konn"]
# For files that are mounted: a konn.toml in here is read.
WORKDIR /data
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s \
  CMD ["/usr/local/bin/konn", "health"]
# No shell stands between an orchestrator's signals and konn.
ENTRYPOINT ["/usr/local/bin/konn"]
CMD ["--help"]
