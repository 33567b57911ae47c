// Answers requests from storage, in full or with the requested range (RFC 9110, section 14). No DOM.

import { KEPT_HEADER } from '../transfer';

/**
 * The answer with `blob`, cut to `range` (a `Range` header) if there is one. A request for several ranges gets the
 * whole blob.
 */
export function answerWith(blob: Blob, range: string | null, hash: string): Response {
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'content-type': blob.type || 'application/octet-stream',
    etag: `"${hash}"`,
    [KEPT_HEADER]: '1',
  });
  const cut = rangeOf(range, blob.size);
  if (cut === undefined) return body(blob, 200, headers);
  if (cut === 'outside') {
    headers.set('content-range', `bytes */${blob.size}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set('content-range', `bytes ${cut.from}-${cut.to - 1}/${blob.size}`);
  return body(blob.slice(cut.from, cut.to, blob.type), 206, headers);
}

function body(blob: Blob, status: number, headers: Headers): Response {
  headers.set('content-length', String(blob.size));
  return new Response(blob, { status, headers });
}

function rangeOf(header: string | null, size: number): { from: number; to: number } | 'outside' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') return { from: Math.max(0, size - Number(last)), to: size };
  const from = Number(first);
  const to = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < from) return undefined;
  return from >= size ? 'outside' : { from, to };
}
