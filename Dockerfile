# One image, three roles: `undead up | main-server | cdn`. The final stage holds the binary and nothing else that runs.

FROM node:20-bookworm-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM rust:1.95-bookworm AS binary
WORKDIR /src
COPY . .
COPY --from=pages /src/web/dist web/dist
RUN cargo build --release --locked && mkdir -p /out/data /out/cluster && cp target/release/undead /out/undead

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /out/undead /usr/local/bin/undead
# Volumes mounted here take over these folders' owner, so that the unprivileged user may write.
COPY --from=binary --chown=nonroot:nonroot /out/data /data
COPY --from=binary --chown=nonroot:nonroot /out/cluster /cluster
USER nonroot
ENV UNDEAD_LISTEN=0.0.0.0:5000 UNDEAD_DATA_DIR=/data
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["undead", "healthcheck"]
ENTRYPOINT ["undead"]
CMD ["up"]
