# The MCP Proxy Server, with npx and uvx for the servers that it starts.
#
#   docker build --build-arg GIT_COMMIT="$(git rev-parse --short HEAD)" --tag mcp-proxy .
#   docker run --rm --publish 127.0.0.1:8080:8080 --volume mcp-data:/data \
#     --env-file .env --env MCP_DATA_DIR=/data \
#     --volume "$PWD/mcp_config.json:/app/mcp_config.json:ro" mcp-proxy
#
# .env says who signs people in: GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, MCP_BASE_URL (docs/sign-in.md). Without them the
# container says what is missing, and ends.
#
# A container is reached from outside only if it listens on all of its addresses, so MCP_HOST is 0.0.0.0. Without sign-in
# (MCP_AUTH_PROVIDER=none) the proxy refuses to do that until MCP_ALLOW_INSECURE=true says that whoever reaches it may use
# every tool. The image does not say so by itself: only whoever publishes the port knows who that is. Publish it on
# 127.0.0.1, as above.

# What is built here runs on every platform, so it is built once, on the builder's own.
FROM --platform=$BUILDPLATFORM node:24.21.0-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig*.json mcp_config.json ./
COPY scripts scripts
COPY src src
ARG GIT_COMMIT
RUN npm run build

FROM ghcr.io/astral-sh/uv:0.12.19 AS uv

FROM node:24.21.0-slim
# The base image's own user already has the id 1000; it gets another name.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && groupmod --new-name mcp node \
  && usermod --login mcp --home /home/mcp --move-home node \
  && install --directory --owner=mcp --group=mcp --mode=700 /data
COPY --from=uv /uv /uvx /usr/local/bin/
WORKDIR /app
COPY --from=build /build/dist/main.js /build/dist/program.js /build/dist/package.json dist/
# What Node makes of the program depends on Node and on the platform, so it is made here, and for others to read.
RUN node dist/main.js version && chmod --recursive a+rX dist/.compiled
# A configuration to try the image with. Mount your own over it.
COPY mcp_config.json ./
COPY --chown=mcp:mcp examples/files examples/files
ENV MCP_HOST=0.0.0.0 \
  MCP_DATA_DIR=/data
USER mcp
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.MCP_PORT || 8080) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/bin/tini", "--", "node", "dist/main.js"]
