// Init data of the `frames` rendition: the decoder configuration of each track, as JSON. Reading never throws, whatever
// the input; unknown fields are ignored.

/** How to display pictures. */
export interface Display {
  /** Width of a pixel divided by its height. */
  pixelAspect: number;
  /** Rotation after applying the aspect ratio, degrees clockwise. */
  rotation: 0 | 90 | 180 | 270;
}

/** Pictures of a take. */
export interface VideoTrack {
  /** The track's number in frames. */
  index: number;
  config: VideoDecoderConfig;
  display: Display;
}

/** Sound of a take. */
export interface AudioTrack {
  index: number;
  config: AudioDecoderConfig;
}

/** The tracks of a take; only the first of each kind. */
export interface Tracks {
  video: VideoTrack | undefined;
  audio: AudioTrack | undefined;
}

type Fields = Partial<Record<string, unknown>>;

/** The tracks in init data; undefined if it cannot be read. */
export function readTracks(init: ArrayBuffer): Tracks | undefined {
  try {
    const { tracks } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(init)) as { tracks?: unknown };
    if (!Array.isArray(tracks)) return undefined;
    const video = tracks.map(videoTrack).find((track) => track !== undefined);
    const audio = tracks.map(audioTrack).find((track) => track !== undefined);
    return video || audio ? { video, audio } : undefined;
  } catch {
    return undefined;
  }
}

function videoTrack(value: unknown, index: number): VideoTrack | undefined {
  const fields = fieldsOf(value, 'video');
  const { codec, width, height, display_width, display_height, rotation } = fields ?? {};
  if (fields === undefined || typeof codec !== 'string' || !isSize(width) || !isSize(height)) return undefined;
  return {
    index,
    config: { codec, codedWidth: width, codedHeight: height, ...descriptionOf(fields) },
    display: {
      pixelAspect:
        isSize(display_width) && isSize(display_height) ? (display_width * height) / (display_height * width) : 1,
      rotation: rotation === 90 || rotation === 180 || rotation === 270 ? rotation : 0,
    },
  };
}

function audioTrack(value: unknown, index: number): AudioTrack | undefined {
  const fields = fieldsOf(value, 'audio');
  const { codec, sample_rate, channels } = fields ?? {};
  if (fields === undefined || typeof codec !== 'string' || !isSize(sample_rate) || !isSize(channels)) return undefined;
  return { index, config: { codec, sampleRate: sample_rate, numberOfChannels: channels, ...descriptionOf(fields) } };
}

function fieldsOf(value: unknown, kind: string): Fields | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Fields;
  return fields.kind === kind ? fields : undefined;
}

/** @throws DOMException if it is not base64. */
function descriptionOf({ description }: Fields): { description?: Uint8Array<ArrayBuffer> } {
  if (typeof description !== 'string' || description === '') return {};
  return { description: Uint8Array.from(atob(description), (letter) => letter.charCodeAt(0)) };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
