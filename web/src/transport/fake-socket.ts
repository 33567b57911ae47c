// A fake WebSocket; the test plays the node.

import type { Socket } from './ws';

type Listener = (event: never) => void;

/** One socket; the test is the node at its other end. */
export class FakeSocket implements Socket {
  binaryType: BinaryType = 'blob';
  closed = false;
  /** Called with everything that the client sends. */
  onSend: (text: string) => void = () => undefined;
  readonly url: string;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(url: string) {
    this.url = url;
  }

  addEventListener(type: string, listener: Listener | EventListenerOrEventListenerObject): void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener as Listener));
  }

  send(text: unknown): void {
    this.onSend(text as string);
  }

  close(): void {
    this.closed = true;
  }

  /** The node accepts the connection. */
  opens(): void {
    this.#tell('open', {});
  }

  /** The node sends a message. */
  message(data: string | ArrayBuffer): void {
    this.#tell('message', { data });
  }

  /** The node sends an event. */
  event(name: string, payload: object): void {
    this.message(JSON.stringify([name, payload]));
  }

  /** The connection ends, abnormally unless `code` is given. */
  break(code = 1006): void {
    this.#tell('close', { code });
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** Every socket that was opened. */
export class FakeSockets {
  readonly opened: FakeSocket[] = [];

  readonly open = (url: string): FakeSocket => {
    const socket = new FakeSocket(url);
    this.opened.push(socket);
    return socket;
  };

  get newest(): FakeSocket {
    const socket = this.opened.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }
}
