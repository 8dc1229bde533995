// JSX as text.
import type { HtmlEscapedString } from "hono/utils/html";

/** What a component gives. */
export type Element = HtmlEscapedString | Promise<HtmlEscapedString>;

export async function htmlOf(element: Element): Promise<string> {
  return (await element).toString();
}
