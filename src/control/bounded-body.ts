// Reads a request's body up to a limit, whatever its Content-Length says.

/** The body as text; null: it is longer than `maxBytes`. */
export async function readText(request: Request, maxBytes: number): Promise<string | null> {
  const length = request.headers.get("content-length");
  if (Number(length ?? 0) > maxBytes) return null;
  // The runtime reads no more than that. If there are chunks, a length beside them does not count.
  if (length !== null && !request.headers.has("transfer-encoding")) return request.text();
  const decoder = new TextDecoder();
  let text = "";
  let read = 0;
  for await (const chunk of request.body ?? []) {
    read += chunk.byteLength;
    if (read > maxBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
