// Serves the painted clock on its own origin, like a page that a person might share.
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { paintClock } from './clock-paint.ts';

export const CLOCK_TITLE = 'Undead painted clock';

export class ClockServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  static async start(): Promise<ClockServer> {
    const page = await readFile(fileURLToPath(new URL('clock-page.html', import.meta.url)));
    const server = createServer(({ url }, response) => {
      if (url === '/paint.js') response.setHeader('content-type', 'text/javascript').end(paintClock.toString());
      else response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new ClockServer(`http://localhost:${port}/`, server);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
