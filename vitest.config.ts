// Three kinds of test: `core` runs pure code in Node, `objects` runs inside workerd with real storage, `http` talks to the built
// Worker on plain workerd over TCP.
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "core",
          include: [
            "test/routing/**/*.test.ts",
            "test/edge/**/*.test.ts",
            "test/settings/**/*.test.ts",
            "test/simulate/**/*.test.ts",
            "test/docs/**/*.test.ts",
            "test/chaos/**/*.test.ts",
            "test/soak/**/*.test.ts",
            "test/fuzz/properties/**/*.test.ts",
          ],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                HEARTBEAT_TOKENS: "beat-token",
                ADMIN_TOKEN: "admin-token",
                ALLOW_PRIVATE_ORIGINS: "true",
                ORIGIN_ALLOW: "*.example.com",
                HEARTBEAT_INTERVAL_MS: "2000",
                HEARTBEAT_RATE_MAX: "1000",
              },
            },
          }),
        ],
        test: {
          name: "objects",
          include: ["test/objects/**/*.test.ts"],
          globalSetup: ["test/support/replica-setup.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "http",
          include: ["test/http/**/*.test.ts", "test/conformance/**/*.test.ts", "test/fuzz/*.test.ts"],
          globalSetup: ["test/support/bundled.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
