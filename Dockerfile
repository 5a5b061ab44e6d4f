# An image that holds the program, the libraries that it is linked with, certificates, and nothing else: no shell, no
# package manager. RUST may be any image on a glibc with Rust, a C compiler and certificates.
ARG RUST=docker.io/library/rust:1.89-bookworm

FROM ${RUST} AS build
WORKDIR /src
COPY . .
# `--build-arg FEATURES=postgres-tls` for a PostgreSQL that demands TLS.
ARG FEATURES=
RUN cargo build --release --locked --features "$FEATURES"
RUN set -eu; \
    mkdir -p /data /image/usr/bin /image/etc/ssl/certs; \
    strip -o /image/usr/bin/kennel target/release/kennel; \
    ldd target/release/kennel | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory /image; \
    cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
ENV HOST=0.0.0.0 DATABASE_URL=sqlite:///data/kennel.db MAIL_URL=file:/data/outbox
EXPOSE 8000
STOPSIGNAL SIGTERM
# A PostgreSQL that is not up yet is waited for, 30 seconds.
HEALTHCHECK --interval=10s --timeout=6s --start-period=40s --retries=2 CMD ["/usr/bin/kennel", "health"]
ENTRYPOINT ["/usr/bin/kennel"]
