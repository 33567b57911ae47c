// A proxy that delays what passes it: each piece waits for a time of its own, and none overtakes another, as on a TCP connection.
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How long a piece waits, one way: uniformly between these. */
export interface Delay {
  leastMs: number;
  mostMs: number;
}

/** See the head of the file. */
export class SlowProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, { leastMs, mostMs }: Delay) {
    const delayMs = (): number => leastMs + Math.random() * (mostMs - leastMs);
    this.#server = createServer({ noDelay: true }, (client) => {
      const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
      this.#pass(client, upstream, delayMs);
      this.#pass(upstream, client, delayMs);
    });
  }

  /** In front of a port of this machine, both ways. */
  static async open(port: number, delay: Delay): Promise<SlowProxy> {
    const proxy = new SlowProxy(port, delay);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy is closed');
    return address.port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket, to: Socket, delayMs: () => number): void {
    this.#sockets.add(from);
    let before = Promise.resolve();
    const later = (action: () => void): void => {
      const waited = pause(delayMs());
      before = before.then(() => waited).then(action);
    };
    from.on('data', (piece) => later(() => to.write(piece)));
    from.on('end', () => later(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => this.#sockets.delete(from));
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
