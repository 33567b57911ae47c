# One image, four roles: `undead up | main-server | cdn | worker`. The final stage holds the binary and nothing else that runs.

FROM node:20-bookworm-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY web ./
# The types are checked against the messages that Rust reads and writes.
COPY crates/protocol/fixtures /src/crates/protocol/fixtures
RUN npm run build

FROM rust:1.95-bookworm AS binary
WORKDIR /src
COPY . .
COPY --from=pages /src/web/dist web/dist
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home undead && install -d -o undead -g undead /data /cluster
COPY --from=binary /src/target/release/undead /usr/local/bin/undead
# By number, so that orchestrators can see that it is not root. Named volumes take over the folders' owner.
USER 10001
ENV UNDEAD_LISTEN=0.0.0.0:5000 UNDEAD_DATA_DIR=/data
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["undead", "healthcheck"]
ENTRYPOINT ["undead"]
CMD ["up"]
