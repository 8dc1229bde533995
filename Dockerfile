# The router on plain workerd, as `npm run serve` runs it: docs/deploying/self-hosting.md#container.
# Node of the version that package-lock.json names.
FROM node:24.21.0-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY wrangler.toml tsconfig.json ./
COPY src src
COPY durable-objects durable-objects
COPY scripts scripts
RUN npm run build

FROM node:24.21.0-bookworm-slim
# workerd trusts the authorities of the system, and the slim image has none. The newest are wanted, not a pinned version.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /state
WORKDIR /app
COPY --from=build /app/package.json /app/package-lock.json /app/wrangler.toml ./
# What scripts/serve.ts imports; a test runs it with these alone.
COPY --from=build /app/node_modules/workerd node_modules/workerd
COPY --from=build /app/node_modules/commander node_modules/commander
COPY --from=build /app/node_modules/@commander-js node_modules/@commander-js
COPY --from=build /app/node_modules/smol-toml node_modules/smol-toml
COPY --from=build /app/node_modules/valibot node_modules/valibot
COPY scripts scripts
COPY --from=build /app/src src
COPY --from=build /app/dist/index.js dist/index.js
# `node`. Kubernetes wants the number to know that it is not root.
USER 1000:1000
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787 STATE_DIR=/state
VOLUME /state
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/-/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "scripts/serve.ts"]
