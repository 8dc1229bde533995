// The head of the response that passes on a replica's answer. The body stays encoded as the replica sent it.

interface AnswerInit {
  status: number;
  statusText: string;
  headers: Headers;
  encodeBody: "manual";
}

/** A reason phrase may hold a tab (RFC 9112, 4), but `new Response` throws on one. Such a phrase is left out, as clients ignore phrases. */
export function answerInit({ status, statusText, headers }: Response): AnswerInit {
  return { status, statusText: statusText.includes("\t") ? "" : statusText, headers, encodeBody: "manual" };
}
