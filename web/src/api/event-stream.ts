// Reads Server-Sent Events from an answer to `fetch` (HTML Living Standard, section 9.2.6). The browser's own
// EventSource hides the status and headers of a refusal, and reconnects at fixed intervals, all pages at the same time.

/** One event. */
export interface ServerEvent {
  type: string;
  data: string;
}

/** Splits bytes into lines. A line may end with CR, LF or both, and a pair may be cut apart. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? '';
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The events of `body` until it ends or breaks. `alive` is called for everything that arrives, comments included. */
export async function* serverEvents(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<ServerEvent> {
  let type = '';
  let data: string[] = [];
  for await (const line of lines(body)) {
    alive();
    if (line === '') {
      if (data.length > 0) yield { type: type || 'message', data: data.join('\n') };
      type = '';
      data = [];
      continue;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
  }
}
