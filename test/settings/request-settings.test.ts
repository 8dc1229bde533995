// The settings that say how a request is read: each takes what its docs show, and refuses the rest by words that show nothing of it.
import { describe, expect, test } from "vitest";
import { parseSettings, type Settings } from "../../src/settings/settings.ts";

/** The value of one setting, or its fault as text. */
function valueOf<K extends keyof Settings>(name: K, value: unknown): Settings[K] | string {
  const result = parseSettings({ [name]: value });
  if (result.ok) return result.settings[name];
  expect(result.setting).toBe(name);
  return `fault: ${result.detail}`;
}

describe("HINT_FROM_JSON", () => {
  test.each<[string, string[]]>([
    ["model", ["model"]],
    [" model ", ["model"]],
    ["model name", ["model name"]],
    ["/model", ["model"]],
    ["/input/model", ["input", "model"]],
    ["/a~1b/m~0n", ["a/b", "m~n"]],
    ["/1/2/3/4/5/6/7/8", ["1", "2", "3", "4", "5", "6", "7", "8"]],
    ["x".repeat(256), ["x".repeat(256)]],
  ])("%s", (text, path) => {
    expect(valueOf("HINT_FROM_JSON", text)).toEqual(path);
  });

  test.each<[string, string]>([
    ["an escape that is none", "/secret~"],
    ["another", "/secret~2"],
    ["9 steps", "/1/2/3/4/5/6/7/8/9"],
    ["257 characters", "x".repeat(257)],
  ])("refuses %s", (_, text) => {
    const fault = valueOf("HINT_FROM_JSON", text);
    expect(fault).toMatch(/^fault: must be .*\b8\b.*\b256\b/);
    expect(fault).not.toContain("secret");
  });
});

describe("HINT_FROM_QUERY", () => {
  test.each(["model", "model_id", "input[model]", "a.b:c~d-e", "x".repeat(64)])("%s", (text) => {
    expect(valueOf("HINT_FROM_QUERY", text)).toBe(text);
  });

  test.each([["a b"], ["a&b"], ["a=b"], ["?model"], ["a,b"], ["mod\u00e8le"], ["a%20b"], ["a+b"], ["x".repeat(65)]])(
    "refuses %j",
    (text) => {
      const fault = valueOf("HINT_FROM_QUERY", text);
      expect(fault).toMatch(/^fault: /);
      expect(fault).not.toContain(text);
    },
  );
});

describe("HINT_FROM_PATH", () => {
  test.each([
    "/{hint}",
    "/models/{hint}",
    "/models/{hint}/*",
    "*/models/{hint}:*",
    "/v1beta/models/{hint}:generateContent",
    "/a%20b/{hint}/run",
    `/${"x".repeat(504)}/{hint}`,
  ])("%s", (text) => {
    expect(valueOf("HINT_FROM_PATH", text)).toMatchObject({ text });
  });

  test.each<[string, string]>([
    ["no {hint}", "/secret/*"],
    ["two", "/secret/{hint}/{hint}"],
    ["one that begins no segment", "/secret-{hint}"],
    ["a * in the middle", "/secret/*/{hint}"],
    ["another before its end", "/{hint}/*/secret"],
    ["a * before something else than a /", "*secret/{hint}"],
    ["no / at the beginning", "secret/{hint}"],
    ["another placeholder", "/{secret}/{hint}"],
    ["a query", "/secret/{hint}?x=1"],
    ["a space", "/a secret/{hint}"],
    ["a character that URLs escape", "/secr\u00e9t/{hint}"],
    ["513 characters", `/secret${"x".repeat(499)}/{hint}`],
  ])("refuses %s", (_, text) => {
    const fault = valueOf("HINT_FROM_PATH", text);
    expect(fault).toMatch(/^fault: must be a path like .*\{hint\}/);
    expect(fault).not.toContain("secr");
  });
});

describe("HINT_ALIASES", () => {
  const aliasesOf = (value: unknown) => {
    const aliases = valueOf("HINT_ALIASES", value);
    return typeof aliases === "string" ? aliases : Object.fromEntries(aliases);
  };
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "m"]));
  const long = "x".repeat(512);

  test.each<[string, Record<string, string>]>([
    ["one", { llama3: "llama3:latest" }],
    ["several of one hint", { llama3: "llama3:latest", "llama3:8b": "llama3:latest" }],
    ["none", {}],
    ["spaces inside, and other characters", { "a b": 'org/m:v1+"x"' }],
    ["names of 512 characters", { [long]: "y".repeat(512) }],
    ["names that every object has", { constructor: "prototype" }],
    ["exactly 1000", many(1000)],
  ])("%s", (_, aliases) => {
    expect(aliasesOf(JSON.stringify(aliases))).toEqual(aliases);
    expect(aliasesOf(`\n ${JSON.stringify(aliases, null, 2)} `)).toEqual(aliases);
  });

  test("an alias named __proto__", () => {
    expect(valueOf("HINT_ALIASES", '{"__proto__":"m"}')).toEqual(new Map([["__proto__", "m"]]));
  });

  test.each<[string, string]>([
    ["no JSON", '{"secret": "m"'],
    ["a text", '"secret"'],
    ["an array", '["secret"]'],
    ["null", "null"],
    ["a hint that is no text", '{"secret": 1}'],
    ["a list of hints", '{"secret": ["m"]}'],
    ["an empty alias", '{"": "secret"}'],
    ["an empty hint", '{"secret": ""}'],
    ["a hint with a comma", '{"secret": "a,b"}'],
    ["an alias with a comma", '{"secret,b": "m"}'],
    ["a hint outside ASCII", '{"secret": "mod\u00e8le"}'],
    ["spaces around a hint", '{"secret": " m"}'],
    ["a hint of 513 characters", `{"secret": "${"x".repeat(513)}"}`],
    ["an alias of 513 characters", `{"secret${"x".repeat(507)}": "m"}`],
    ["a chain", '{"a": "secret", "secret": "m"}'],
    ["a circle", '{"a": "secret", "secret": "a"}'],
    ["an alias of itself", '{"secret": "secret"}'],
  ])("refuses %s", (_, text) => {
    const fault = aliasesOf(text);
    expect(fault).toMatch(/^fault: must /);
    expect(fault).not.toContain("secret");
  });

  test("refuses 1001", () => {
    expect(aliasesOf(JSON.stringify(many(1001)))).toMatch(/^fault: .*\b1000\b/);
  });
});

describe("NO_SLOT", () => {
  const patternsOf = (value: unknown) => {
    const patterns = valueOf("NO_SLOT", value);
    return typeof patterns === "string" ? patterns : patterns.map(({ method, path }) => [method, path.text]);
  };
  const many = (count: number) => Array.from({ length: count }, (_, index) => `/p${index}`).join();

  test.each<[string, (string | null)[][]]>([
    ["/health", [[null, "/health"]]],
    [
      "GET */v1/models, /health",
      [
        ["GET", "*/v1/models"],
        [null, "/health"],
      ],
    ],
    ["get  /a/*/b ,", [["GET", "/a/*/b"]]],
    ["*", [[null, "*"]]],
    [
      "/%C3%A9,POST\t/tokenize",
      [
        [null, "/%C3%A9"],
        ["POST", "/tokenize"],
      ],
    ],
    [" , ", []],
  ])("%s", (text, patterns) => {
    expect(patternsOf(text)).toEqual(patterns);
  });

  test("exactly 64, and none of 65", () => {
    expect(patternsOf(many(64))).toHaveLength(64);
    expect(patternsOf(many(65))).toMatch(/^fault: .*\b64\b/);
  });

  test.each<[string, string, number]>([
    ["a method alone", "/a, GET", 2],
    ["no / at the beginning", "secret", 1],
    ["two paths without a comma", "/a, /b, /c /secret", 3],
    ["a method that is none", "G3T /secret", 1],
    ["a query", "/secret?x=1", 1],
    ["a URL", "https://secret/x", 1],
    ["a character that URLs escape", "/secr\u00e9t", 1],
    ["a placeholder", "/{secret}", 1],
    ["513 characters", `/a, /secret${"x".repeat(506)}`, 2],
  ])("refuses %s", (_, text, element) => {
    const fault = patternsOf(text);
    expect(fault).toMatch(/^fault: must be paths like /);
    expect(fault).toContain(`element ${element} `);
    expect(fault).not.toContain("secr");
  });
});
