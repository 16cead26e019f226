// responses.ts: what every answer over HTTP has in common: its type and the headers that keep a browser safe.

/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
}

/** Nothing but our own files, no page around ours, no word about where a link was clicked. */
export const SECURITY_HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** An answer that nobody keeps a copy of. */
export function reply(status: number, type: string, body: string, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store", ...SECURITY_HEADERS, ...headers },
    body,
  };
}

export function replyText(status: number, body: string, headers?: Record<string, string>): Answer {
  return reply(status, "text/plain", body, headers);
}
