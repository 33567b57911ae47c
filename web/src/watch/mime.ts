// What a media type says about a stream: its kinds of track, and readable names of its codecs.

/** The kinds of track of a stream. A SourceBuffer cannot change them (MSE, initialization segment received). */
export interface TrackKinds {
  audio: boolean;
  video: boolean;
}

const AUDIO_CODECS = /^(opus|vorbis|mp4a|flac|ac-3|ec-3|pcm)/i;

const NAMES: readonly [RegExp, string][] = [
  [/^(vp9|vp09)/i, 'VP9'],
  [/^(vp8|vp08)/i, 'VP8'],
  [/^av01/i, 'AV1'],
  [/^avc[13]/i, 'H.264'],
  [/^(hvc1|hev1)/i, 'H.265'],
  [/^opus/i, 'Opus'],
  [/^mp4a/i, 'AAC'],
  [/^mp3$/i, 'MP3'],
  [/^flac$/i, 'FLAC'],
  [/^vorbis$/i, 'Vorbis'],
];

/** The codecs of a type such as `video/webm;codecs="vp9,opus"`. */
export function codecs(mime: string): string[] {
  const [, list = ''] = /codecs\s*=\s*"?([^";]*)/i.exec(mime) ?? [];
  return list
    .split(',')
    .map((codec) => codec.trim())
    .filter((codec) => codec !== '');
}

/** The kinds of track that the type announces. */
export function trackKinds(mime: string): TrackKinds {
  const all = codecs(mime);
  return {
    audio: all.some((codec) => AUDIO_CODECS.test(codec)),
    video: all.some((codec) => !AUDIO_CODECS.test(codec)),
  };
}

/** Whether a SourceBuffer for one type can continue with the other. */
export function sameTracks(a: string, b: string): boolean {
  const [one, other] = [trackKinds(a), trackKinds(b)];
  return one.audio === other.audio && one.video === other.video;
}

/** Codec names for display, such as `VP9 + Opus`. */
export function codecNames(mime: string): string {
  return codecs(mime).map(codecName).join(' + ');
}

/** The name of a codec for display, such as `VP9`. */
export function codecName(codec: string): string {
  return NAMES.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}
