// A real Chromium, driven by playwright-core, which brings no browser of its own. Debian's package is `chromium`.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { ADMIN, type TestRouter } from "./router.ts";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Whether a browser is installed. If REQUIRE_CHROMIUM is set, as in CI, one must be. */
export function hasChromium(): boolean {
  const isThere = programOf() !== null;
  if (!isThere && process.env["REQUIRE_CHROMIUM"] === "1") throw new Error("REQUIRE_CHROMIUM is set, and chromium is missing");
  if (!isThere) console.warn("Chromium is not installed, so nothing looks at the dashboard in a real browser");
  return isThere;
}

function programOf(): string | null {
  const found = PROGRAMS.map((program) => spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim());
  return found.find((program) => program !== "") ?? null;
}

export function launch(): Promise<Browser> {
  // Its sandbox needs rights that containers do not give; the pages are our own.
  return chromium.launch({
    executablePath: programOf() ?? "",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

export interface Look {
  readonly width: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
}

/** A browser's profile of its own, and what went wrong in its pages. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, and what the policy for content refused. */
  readonly faults: string[] = [];
  /** Addresses that the page asked for. */
  readonly asked: string[] = [];
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.on("pageerror", (error) => this.faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.faults.push(message.text());
    });
    page.on("request", (request) => this.asked.push(request.url()));
  }

  static async start(browser: Browser, { width, height = 900, theme = "light" }: Look = { width: 1200 }): Promise<Visit> {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce" });
    return new Visit(context, await context.newPage());
  }

  /** Signs in by the form, as a reader does. */
  async signIn(router: TestRouter, token = ADMIN): Promise<void> {
    await this.page.goto(`${router.url}/-/sign-in`);
    await this.page.getByLabel("Administrator’s token").fill(token);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByRole("heading", { name: "Apps", exact: true }).waitFor();
  }

  async open(router: TestRouter, path: string): Promise<void> {
    await this.page.goto(`${router.url}${path}`);
    await this.page.getByText("Live", { exact: true }).waitFor();
  }

  /** What axe finds against WCAG 2.2 A and AA, a line a finding. The page's own policy does not hold for what the debugger evaluates. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(of: object, options: object): Promise<AxeResults> } };
      return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary}`),
    );
  }

  /** Whether the page itself has to be scrolled sideways. */
  overflows(): Promise<boolean> {
    return this.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}
