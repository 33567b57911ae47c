// Notes what a player does with its video, so that a picture that went back explains itself: chunks as they arrive, appends,
// seeks and changes of rate with what is buffered, and when the picture is covered. `watchPaintedClock` takes the notes.
declare global {
  /** What happened since the notes were last taken, oldest first; a bounded number. */
  var playerNotes: string[] | undefined;
  var notePlayer: ((text: string) => void) | undefined;
}

/** Keeps notes. Runs in the page, before its own scripts. */
export function keepPlayerNotes(): void {
  const MOST = 1_000;
  const notes: string[] = (globalThis.playerNotes = []);
  const note = (globalThis.notePlayer = (text) => {
    notes.push(`${Math.round(performance.now())} ${text}`);
    if (notes.length > MOST) notes.splice(0, MOST / 2);
  });

  /** Calls `before` on each call of a method, or on each change of a property, of `prototype`. */
  function watch<T extends object>(prototype: T, name: keyof T, before: (self: T, value: unknown) => void): void {
    const property = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
    const key = 'set' in property ? 'set' : 'value';
    const original = Reflect.get(property, key) as (this: T, ...values: unknown[]) => unknown;
    function noted(this: T, ...values: unknown[]): unknown {
      before(this, values[0]);
      return original.apply(this, values);
    }
    Object.defineProperty(prototype, name, { ...property, [key]: noted });
  }

  function ms(seconds: unknown): number {
    return Math.round(Number(seconds) * 1000);
  }

  function ranges({ buffered }: { buffered: TimeRanges }): string {
    const all = Array.from({ length: buffered.length }, (_, at) => `${ms(buffered.start(at))}-${ms(buffered.end(at))}`);
    return `[${all.join(' ')}]`;
  }

  /** What a binary message of the WebSocket transport brings; see docs/protocol.md. */
  function nameOf(message: ArrayBuffer): string {
    const view = new DataView(message);
    if (message.byteLength < 48 || view.getUint8(0) !== 2) return `${message.byteLength} bytes that are no chunk`;
    const [take = 0, group = 0, pts = 0, duration = 0] = [8, 16, 24, 32].map((at) => Number(view.getBigUint64(at)));
    return `chunk ${take}.${group}.${view.getUint32(4)}, ${pts}-${pts + duration}`;
  }

  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      const { host, searchParams } = new URL(url, location.href);
      note(`${host}: opened, after chunk ${searchParams.get('after') ?? 'none'}`);
      this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        note(`${host}: ${data instanceof ArrayBuffer ? nameOf(data) : String(data).slice(0, 120)}`);
      });
      this.addEventListener('close', ({ code }) => note(`${host}: closed with ${code}`));
    }
  };
  const { prototype: media } = HTMLMediaElement;
  watch(media, 'currentTime', (video, to) => note(`seek from ${ms(video.currentTime)} to ${ms(to)} ${ranges(video)}`));
  watch(media, 'playbackRate', (video, rate) => {
    note(`rate ${Number(rate)} at ${ms(video.currentTime)} ${ranges(video)}, ready state ${video.readyState}`);
  });
  watch(media, 'src', () => note('a new media source'));
  const { prototype: source } = SourceBuffer;
  watch(source, 'appendBuffer', (self, data) => {
    note(`append ${(data as ArrayBufferView).byteLength} bytes to ${ranges(self)}`);
  });
  watch(source, 'remove', (self) => note(`remove from ${ranges(self)}`));
  watch(source, 'timestampOffset', (_, offset) => note(`timestamp offset ${ms(offset)}`));
  watch(Element.prototype, 'after', (self) => self instanceof HTMLVideoElement && note('covered'));
  watch(Element.prototype, 'remove', (self) => {
    if (self instanceof HTMLCanvasElement && self.isConnected) note('uncovered');
  });
}
