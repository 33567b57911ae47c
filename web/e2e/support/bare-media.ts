// A page with a media element and the beginning of an item, and nothing else: how fast the browser alone shows the first picture.
import { createServer, type Server } from 'node:http';

/** The beginning of an item. */
export interface Beginning {
  mime: string;
  init: Buffer;
  fragment: Buffer;
}

const page = (mime: string): string => `<!doctype html>
<video muted playsinline width="1280" height="720"></video>
<script>
const video = document.querySelector('video');
const source = new MediaSource();
const opened = new Promise((resolve) => source.addEventListener('sourceopen', resolve));
const blobs = ['init', 'fragment'].map(async (name) => (await fetch(name)).arrayBuffer());
video.src = URL.createObjectURL(source);
(async () => {
  await opened;
  const buffer = source.addSourceBuffer(${JSON.stringify(mime)});
  for (const blob of blobs) {
    const bytes = await blob;
    await new Promise((resolve) => {
      buffer.addEventListener('updateend', resolve, { once: true });
      buffer.appendBuffer(bytes);
    });
  }
})();
</script>`;

/** See the head of the file. */
export class BareMedia {
  readonly url: string;
  readonly #server: Server;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  static async serve({ mime, init, fragment }: Beginning): Promise<BareMedia> {
    const server = createServer(({ url }, response) => {
      if (url === '/init') response.end(init);
      else if (url === '/fragment') response.end(fragment);
      else response.setHeader('content-type', 'text/html; charset=utf-8').end(page(mime));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port is free');
    return new BareMedia(`http://127.0.0.1:${address.port}/`, server);
  }

  /** What a node serves of the beginning of an item. */
  static async beginningOf(site: string, itemId: string): Promise<Beginning> {
    const answer = await fetch(`${site}/api/library/${itemId}/play`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-undead-csrf': '1' },
      body: '{}',
    });
    const { grant, nodes } = (await answer.json()) as { grant: string; nodes: string[] };
    const fetched = async (path: string): Promise<Response> =>
      await fetch(`${new URL(nodes[0] ?? '', site).href}/library/${itemId}/${path}?grant=${encodeURIComponent(grant)}`);
    const { takes } = (await (await fetched('manifest')).json()) as {
      takes: { mime: string; init: { hash: string }; fragments: { hash: string }[] }[];
    };
    const [take] = takes;
    if (take === undefined) throw new Error(`${itemId} has no media`);
    const blob = async (hash = ''): Promise<Buffer> =>
      Buffer.from(await (await fetched(`blobs/${hash}`)).arrayBuffer());
    return { mime: take.mime, init: await blob(take.init.hash), fragment: await blob(take.fragments[0]?.hash) };
  }

  close(): void {
    this.#server.close();
  }
}
