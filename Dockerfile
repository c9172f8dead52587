# One image for the API, the workers and the simulator; the command chooses.
# Node strips the types as it loads the sources, so there is nothing to build: the first stage only installs.
FROM node:24-bookworm-slim AS install
RUN npm install --global pnpm@10.34.9
WORKDIR /app
# The downloads are a layer of their own, made again only when the lockfile changes. What they put into node_modules
# goes: it is for every package of the lockfile, and the image holds fewer.
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
RUN pnpm fetch --prod && rm -rf node_modules
COPY . .
RUN pnpm install --prod --frozen-lockfile --offline \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

FROM node:24-bookworm-slim
ARG VERSION=local
LABEL org.opencontainers.image.title="genqueue" \
      org.opencontainers.image.description="Durable jobs for AI media generation: API, worker and simulator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=install /app /app
# A number, so that Kubernetes can see that it is not root. Nothing in /app belongs to it.
USER 10001:10001
EXPOSE 8080 8081
# Exec form: node itself is process 1 and gets the SIGTERM.
CMD ["node", "--max-semi-space-size=4", "apps/api/src/main.ts"]
