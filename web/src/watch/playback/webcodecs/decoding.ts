// The decoder of one track, created on demand. A decoder that failed is replaced for the next data. After several
// failures without any output the owner is told.

/** How often in a row decoders may fail. */
const MOST_FAILURES = 3;

/** The part of a VideoDecoder or AudioDecoder that is used; tests pass their own. */
export interface Decoder<Chunk> {
  readonly decodeQueueSize: number;
  readonly state: CodecState;
  decode(chunk: Chunk): void;
  close(): void;
}

/** Callbacks for creating a decoder. */
export interface DecoderInit<Output> {
  output(output: Output): void;
  error(error: DOMException): void;
}

/** Callbacks of a decoding. */
export interface DecodingOwner<Output> {
  /** A decoded frame or packet. The receiver must close it. */
  decoded(output: Output): void;
  /** The decoder failed; the next one has no earlier state. */
  broke(): void;
  /** Decoding fails repeatedly. */
  failed(reason: string): void;
}

/** Decodes one track, and replaces decoders that failed. */
export class Decoding<Chunk, Output extends { close(): void }> {
  readonly #owner: DecodingOwner<Output>;
  readonly #create: (init: DecoderInit<Output>) => Decoder<Chunk>;
  #decoder: Decoder<Chunk> | undefined;
  #failures = 0;

  /** `create` returns a configured decoder. */
  constructor(owner: DecodingOwner<Output>, create: (init: DecoderInit<Output>) => Decoder<Chunk>) {
    this.#owner = owner;
    this.#create = create;
  }

  /** Number of chunks waiting in the decoder. */
  get queued(): number {
    return this.#decoder?.decodeQueueSize ?? 0;
  }

  /** Decodes the result of `chunk`, which may throw. */
  decode(chunk: () => Chunk): void {
    try {
      this.#decoder ??= this.#newDecoder();
      this.#decoder.decode(chunk());
    } catch (error) {
      this.#broke(error);
    }
  }

  close(): void {
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = undefined;
  }

  #newDecoder(): Decoder<Chunk> {
    const decoder: Decoder<Chunk> = this.#create({
      output: (output) => {
        if (decoder === this.#decoder) this.#came(output);
        else output.close();
      },
      error: (error) => {
        if (decoder === this.#decoder) this.#broke(error);
      },
    });
    return decoder;
  }

  #came(output: Output): void {
    this.#failures = 0;
    this.#owner.decoded(output);
  }

  #broke(error: unknown): void {
    this.close();
    this.#failures++;
    this.#owner.broke();
    if (this.#failures >= MOST_FAILURES) this.#owner.failed(error instanceof Error ? error.message : String(error));
  }
}
