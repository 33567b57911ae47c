// A stream that a recording is sent to in real time, over and over, without a browser that broadcasts.
import { createStream, call, connectTo } from './node-client.ts';
import { loadRecording, type Recording } from './recording.ts';

/** See the head of the file. */
export class LiveRecording {
  readonly streamId: string;
  readonly #closed = new AbortController();

  private constructor(streamId: string) {
    this.streamId = streamId;
  }

  /** Returns once the stream has media. */
  static async publish(site: string, name: string): Promise<LiveRecording> {
    const recording = await loadRecording(name);
    const { stream_id, publish } = await createStream(site, 'Recorded');
    const live = new LiveRecording(stream_id);
    const socket = await connectTo(site, publish.nodes[0]?.public_url ?? '', ['websocket']);
    live.#closed.signal.addEventListener('abort', () => socket.close());
    const register = async (take: number): Promise<unknown> =>
      await call(socket, 'register_new_stream', { stream_id, grant: publish.grant, mime: recording.mime, take });
    await register(0);
    const send = (take: number, seq: number, segment: Buffer): unknown =>
      socket.emit('broadcast_data', { stream_id, take, seq, segment });
    void live.#send(recording, send, register);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return live;
  }

  close(): void {
    this.#closed.abort();
  }

  async #send(
    { segments }: Recording,
    send: (take: number, seq: number, segment: Buffer) => unknown,
    register: (take: number) => Promise<unknown>,
  ): Promise<void> {
    for (let take = 0; !this.#closed.signal.aborted; take++) {
      if (take > 0) await register(take);
      for (const [seq, segment] of segments.entries()) {
        send(take, seq, segment);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
