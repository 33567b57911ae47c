// The decoder of one track, made when it is first needed. One that fails is made anew for what comes next; after several
// failures with nothing decoded in between the owner is told.

/** How often in a row decoders may fail. */
const MOST_FAILURES = 3;

/** What is used of a VideoDecoder or AudioDecoder; tests bring their own. */
export interface Decoder<Chunk> {
  readonly decodeQueueSize: number;
  readonly state: CodecState;
  decode(chunk: Chunk): void;
  close(): void;
}

/** What a decoder is made with. */
export interface DecoderInit<Output> {
  output(output: Output): void;
  error(error: DOMException): void;
}

/** What a decoding tells. */
export interface DecodingOwner<Output> {
  /** Whoever takes it closes it. */
  decoded(output: Output): void;
  /** The decoder failed: the next one knows nothing of what came before. */
  broke(): void;
  /** Decoding fails again and again. */
  failed(reason: string): void;
}

/** See the head of the file. */
export class Decoding<Chunk, Output extends { close(): void }> {
  readonly #owner: DecodingOwner<Output>;
  readonly #create: (init: DecoderInit<Output>) => Decoder<Chunk>;
  #decoder: Decoder<Chunk> | undefined;
  #failures = 0;

  /** `create` makes a decoder that is configured. */
  constructor(owner: DecodingOwner<Output>, create: (init: DecoderInit<Output>) => Decoder<Chunk>) {
    this.#owner = owner;
    this.#create = create;
  }

  /** How much the decoder has still to decode. */
  get queued(): number {
    return this.#decoder?.decodeQueueSize ?? 0;
  }

  /** Decodes what `chunk` gives; it may throw. */
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
