// The product's tests are of three kinds: `core` runs pure code in Node, `objects` runs inside workerd with real storage, `http` talks to
// the built Worker on plain workerd over TCP. `tools` tests the simulator, the load tools and the fuzzer's commands; `programs` the command line, the sidecar,
// the Python package and the examples that need packages of their own.
import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take ten seconds or more, most of them spent waiting: for times to live, restarts of the router, runs of the demo. The longest first. */
const LONG = [
  "dashboard/browser",
  "objects/fleet.",
  "objects/running",
  "objects/heartbeat-sockets",
  "objects/restart",
  "http/demo.",
  "replica/member",
  "http/object-",
  "http/restart.",
  "http/scale-webhook",
  "http/autoscaling",
  "http/silent-replicas",
  "http/by-snapshot",
  "http/heartbeat-hibernation",
  "http/edge-dispatch",
  "http/buffered-answers",
  "http/stalled-answers",
  "http/websocket-close",
];

/** Some long files first, then `core`, which waits for nothing, then the others with short files between long ones: so cores are busy while files wait. */
class Interleaved extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = LONG.flatMap((part) => sorted.filter(({ moduleId }) => moduleId.includes(`/test/${part}`)));
    const core = sorted.filter(({ project }) => project.name === "core");
    const short = sorted.filter((file) => !long.includes(file) && !core.includes(file));
    return [...long.splice(0, 5), ...core, ...long.flatMap((file) => [file, ...short.splice(0, 4)]), ...short];
  }
}

export default defineConfig({
  test: {
    // A Fleet object logs each replica that comes and goes. Nobody reads these lines here.
    onConsoleLog: (log) => !log.startsWith('{"message":"event"'),
    // Most files wait more than they compute. With two cores, six take 150 s, five 165 s and eight 168 s.
    maxWorkers: availableParallelism() + 4,
    sequence: { sequencer: Interleaved },
    projects: [
      {
        test: {
          name: "core",
          include: [
            "test/routing/**/*.test.ts",
            "test/edge/**/*.test.ts",
            "test/wire/**/*.test.ts",
            "test/views/**/*.test.ts",
            "test/settings/**/*.test.ts",
            "test/docs/**/*.test.ts",
            "test/bench/figures.test.ts",
            "test/fuzz/properties/**/*.test.ts",
          ],
          // These files share no state.
          isolate: false,
          // Properties take seconds each, and more on a busy machine.
          testTimeout: 30_000,
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
          include: [
            "test/http/**/*.test.ts",
            "test/conformance/**/*.test.ts",
            "test/dashboard/**/*.test.ts",
            "test/replica/**/*.test.ts",
            "test/fuzz/fuzz.test.ts",
          ],
          // Each file starts a router of its own, and shares nothing else.
          isolate: false,
          globalSetup: ["test/support/bundled.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "tools",
          include: [
            "test/{simulate,replay,chaos,soak,cost}/**/*.test.ts",
            "test/fuzz/{cli,tools}.test.ts",
            "test/bench/cli.test.ts",
          ],
          globalSetup: ["test/support/bundled.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // Load tools judge what they measure, so nothing else runs beside them.
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: "programs",
          include: ["test/{cli,ocr,python,sidecar}/**/*.test.ts"],
          globalSetup: ["test/support/bundled.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: availableParallelism() + 1,
          // After the load tools.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
