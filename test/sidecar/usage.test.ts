// The sidecar's command line: bad usage ends with 2 and names the option, --print shows a heartbeat, and no secret is shown.
import { expect, test } from "vitest";
import { ADAPTERS } from "../../sidecar/adapters/index.ts";
import { TestReplica } from "../support/replica.ts";
import { sidecar } from "../support/sidecar.ts";

const GOOD = ["--app", "chat", "--router", "http://127.0.0.1:1", "--heartbeat-token", "secret-token"];

test.each([
  [[], "--hints-command"],
  [["ollama", "vllm"], "too many arguments"],
  [["olama", ...GOOD], "olama"],
  [["ollama", "--hints-url", "http://127.0.0.1", ...GOOD], "--hints-url"],
  [["ollama", "--app", "chat"], "--router"],
  [["ollama", "--app", "chat", "--router", "http://127.0.0.1:1"], "--heartbeat-token"],
  [["ollama", "--router", "http://127.0.0.1:1"], "--app"],
  [["ollama", ...GOOD, "--app", "a b"], "--app"],
  [["ollama", ...GOOD, "--router", "127.0.0.1"], "--router"],
  [["ollama", ...GOOD, "--origin", "https://gpu-1.example.com/path"], "--origin"],
  [["ollama", ...GOOD, "--replica", "a b"], "--replica"],
  [["ollama", ...GOOD, "--heartbeat-token", "secret token"], "--heartbeat-token"],
  [["ollama", ...GOOD, "--server-token", "secret token"], "--server-token"],
  [["ollama", ...GOOD, "--server", "127.0.0.1:11434"], "--server"],
  [["ollama", ...GOOD, "--hint-slots", "257"], "--hint-slots"],
  [["ollama", ...GOOD, "--concurrency", "0"], "--concurrency"],
  [["ollama", ...GOOD, "--concurrency", "1.5"], "--concurrency"],
  [["ollama", ...GOOD, "--alias", "name"], "--alias"],
  [["ollama", ...GOOD, "--alias", "name="], "--alias"],
  [["ollama", ...GOOD, "--alias", "name=a,b"], "--alias"],
  [["ollama", ...GOOD, "--poll", "0"], "--poll"],
  [["ollama", ...GOOD, "--poll", "soon"], "--poll"],
  [["ollama", ...GOOD, "--server-timeout", "3600"], "--server-timeout"],
  [["ollama", ...GOOD, "--drain", "-1"], "--drain"],
  [["ollama", ...GOOD, "--transport", "udp"], "--transport"],
  [["torchserve", ...GOOD], "--origin"],
  [["--hints-url", "http://127.0.0.1:1/", "--hints-path", "a..b", "--origin", "http://127.0.0.1:2", ...GOOD], "--hints-path"],
  [["ollama", "--hints-path", "a", ...GOOD], "--hints-path"],
  [["--hints-command", "true", ...GOOD], "--origin"],
  [["ollama", ...GOOD, "--unknown=secret-value"], "--unknown"],
])("%j ends with 2 and names %s", async (args, named) => {
  const { status, stdout, stderr } = await sidecar(args);
  expect(status).toBe(2);
  expect(stderr).toContain(named);
  expect(stderr).not.toContain("secret");
  expect(stdout).toBe("");
});

test("help has an example for each server", async () => {
  const { status, stdout } = await sidecar(["--help"]);
  expect(status).toBe(0);
  for (const server of [...Object.keys(ADAPTERS), "--hints-url", "--hints-command"])
    expect(stdout).toContain(`warmpath-sidecar ${server} `);
});

test("--version", async () => expect((await sidecar(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/));

test("--print shows one heartbeat, without a router and without secrets", async () => {
  await using server = await TestReplica.start((_request, response) => response.end('{"models":[{"name":"llama3:latest"}]}'));
  const args = ["ollama", "--app", "chat", "--server", server.origin, "--replica", "gpu-1", "--print"];
  const variables = { WARMPATH_SERVER_TOKEN: "secret-1", WARMPATH_HEARTBEAT_TOKEN: "secret-2" };
  const json = await sidecar([...args, "--json"], variables);
  expect([json.status, json.stderr]).toEqual([0, ""]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{
      app: "chat",
      replica: "gpu-1",
      origin: server.origin,
      hints: ["llama3:latest", "llama3"],
      concurrency: 1,
      status: "ready",
    },
  });
  expect(server.last.headers.authorization).toBe("Bearer secret-1");
  const words = await sidecar(args, variables);
  expect(words.status).toBe(0);
  expect(words.stdout).toContain('"llama3:latest"');
  expect(words.stdout + json.stdout).not.toContain("secret");
});

test("--print says what is wrong with the server, and ends with 1", async () => {
  await using server = await TestReplica.start((_request, response) => response.end("<html>"));
  const args = ["ollama", "--app", "chat", "--server", server.origin, "--print"];
  const words = await sidecar(args);
  expect([words.status, words.stdout]).toEqual([1, ""]);
  expect(words.stderr).toContain("/api/ps");
  const json = await sidecar([...args, "--json"]);
  expect(json.status).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { type: "garbage" } });
});

test("options come from the environment too", async () => {
  await using server = await TestReplica.start((_request, response) => response.end('{"models":[]}'));
  const variables = {
    ...{
      WARMPATH_APP: "owner/app",
      WARMPATH_REPLICA: "r",
      WARMPATH_ORIGIN: "https://gpu-1.example.com",
      WARMPATH_SERVER: server.origin,
    },
    ...{ WARMPATH_HINT_SLOTS: "3", WARMPATH_CONCURRENCY: "4" },
  };
  const { stdout } = await sidecar(["ollama", "--print", "--json"], variables);
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ app: "owner/app", replica: "r", origin: "https://gpu-1.example.com", hint_slots: 3, concurrency: 4, hints: [] },
  });
});
