// Small parts that several sections use.
import type { Child } from "hono/jsx";

/** Data for the page's script, which draws it. Never executed. */
export function Data({ value }: { readonly value: unknown }) {
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return <script type="application/json" dangerouslySetInnerHTML={{ __html: json }} />;
}

/** A moment; the script shows it in the reader's own time zone. */
export function Moment({ atMs }: { readonly atMs: number }) {
  const text = new Date(atMs).toISOString();
  return <time datetime={text}>{`${text.slice(11, 19)} UTC`}</time>;
}

/** The column's head. A list of one: the column holds numbers. */
type Head = string | readonly [string];

interface TableProps {
  readonly label: string;
  readonly heads: readonly Head[];
  readonly children?: Child;
}

/** Wide tables scroll by themselves, by keyboard too. */
export function Table({ label, heads, children }: TableProps) {
  return (
    <div class="scroll" role="group" aria-label={label} tabindex={0}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col" class={typeof head === "string" ? undefined : "number"}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A share of something, as a bar with its number in words beside it. */
export function Meter({ value, most, label }: { readonly value: number; readonly most: number; readonly label: string }) {
  return <meter min={0} max={Math.max(1, most)} value={Math.min(value, Math.max(1, most))} aria-label={label} />;
}

const SHOWN_HINTS = 8;

/** The first few hints, and how many more there are. */
export function Hints({ hints }: { readonly hints: readonly string[] }) {
  return (
    <span class="hints">
      {hints.slice(0, SHOWN_HINTS).map((hint) => (
        <code>{hint}</code>
      ))}
      {hints.length > SHOWN_HINTS && <span class="more">{`and ${hints.length - SHOWN_HINTS} more`}</span>}
    </span>
  );
}
