// Headers of answers as components of the document, and references to components.

export type Headers = Readonly<Record<string, keyof typeof HEADERS>>;

export const HEADERS = {
  RequestId: { ...header("The request's id, made by the router; its log has the same."), required: true },
  ErrorType: { ...header("The error's type, as in the body."), required: true },
  NoStore: { required: true, schema: { const: "no-store" } },
  Authenticate: { required: true, schema: { const: "Bearer" } },
  RetryAfter: { ...header("Seconds after which to try again.", { type: "integer", minimum: 1 }), required: true },
  ServedFrom: header("The replica that answered. An answer without this header is the router's own."),
  Reason: header("Why that replica was chosen.", {
    enum: ["hint_match", "hint_wait", "hash_owner", "hash_spill", "least_loaded", "snapshot_hash"],
  }),
  ServerTiming: header("`queue;dur=MS, route;dur=MS`: time in the queue, and the rest until the request was sent."),
} as const;

/** An answer's headers, each by its component. */
export function headersOf(headers: Headers): object {
  return Object.fromEntries(Object.entries(headers).map(([name, key]) => [name, refTo("headers", key)]));
}

export function refTo(kind: "schemas" | "parameters" | "headers" | "responses", name: string): { readonly $ref: string } {
  return { $ref: `#/components/${kind}/${name}` };
}

function header(description: string, schema: object = { type: "string" }) {
  return { description, schema };
}
