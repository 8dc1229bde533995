// Every page's links lead to a file that is there and to a heading that is there, and the npm scripts that pages tell to run exist.
import { globSync, existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const textOf = (name: string) => readFileSync(path.join(PROJECT, name), "utf8");
const folders = ["*.md", "docs/**/*.md", "examples/**/*.md", "replica/**/*.md", "test/conformance/*.md"];
const isOurs = (name: string) => !/(^|\/)(node_modules|\.venv)\//.test(name);
const pages = globSync(folders, { cwd: PROJECT }).filter(isOurs);
const withoutCode = (text: string) => text.replaceAll(/^```.*?^```/gms, "");

/** As a page's address names its headings. */
function anchorsOf(name: string): Set<string> {
  const headings = [...withoutCode(textOf(name)).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

const linksIn = (text: string) => [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
/** Of files that are no pages: `docs/page.md#heading` in a comment. */
const mentionsIn = (text: string) =>
  [...text.matchAll(/\b(?:docs\/[\w/-]+|README|SECURITY|ARCHITECTURE|CONTRIBUTING)\.md(?:#[\w-]+)?/g)].map(([link]) => link);

function faultOf(from: string, link: string): string | null {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? from : path.join(path.dirname(from), file);
  if (!existsSync(path.join(PROJECT, target))) return `${from}: ${link} leads nowhere`;
  if (anchor === undefined || statSync(path.join(PROJECT, target)).isDirectory()) return null;
  return anchorsOf(target).has(anchor) ? null : `${from}: ${link} names no heading`;
}

test.each(pages)("links of %s", (page) => {
  const links = linksIn(withoutCode(textOf(page))).filter((link) => !/^[a-z]+:/.test(link));
  expect(links.map((link) => faultOf(page, link)).filter((fault) => fault !== null)).toEqual([]);
});

test("pages that files mention", () => {
  const files = [
    "Dockerfile",
    "wrangler.toml",
    ".dev.vars.example",
    ...globSync("docs/deploying/*", { cwd: PROJECT }).filter((name) => !name.endsWith(".md")),
  ];
  for (const file of files) {
    const mentions = mentionsIn(textOf(file));
    expect(mentions.length, file).toBeGreaterThan(0);
    for (const link of mentions) expect(faultOf("README.md", link), file).toBeNull();
  }
});

test("npm scripts that pages name", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  for (const page of pages) {
    for (const [, name = ""] of textOf(page).matchAll(/\bnpm run ([a-z][\w:-]*)/g)) expect(scripts, page).toHaveProperty([name]);
  }
});
