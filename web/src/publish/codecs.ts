// Chooses the recording type: one that this browser records, and that similar browsers play after the node repacked it.
// Every listed type was tested.

/** A recording type, and the type that viewers receive. */
export interface RecordingFormat {
  /** For display, and for remembering a choice. */
  readonly name: 'VP9' | 'VP8' | 'AV1' | 'H.264';
  /** The type to request from the recorder. The node is told the type that the recorder then reports. */
  readonly recorderType: string;
  /** The type that a viewer's Media Source must accept. */
  readonly playerType: string;
}

/** The browser's answers about types. */
export interface TypeProbe {
  /** `MediaRecorder.isTypeSupported` */
  canRecord(type: string): boolean;
  /** `MediaSource.isTypeSupported` */
  canPlay(type: string): boolean;
}

interface Candidate {
  name: RecordingFormat['name'];
  container: { recorder: string; player: string };
  codec: { recorder: string; player: string };
}

const WEBM = { recorder: 'video/webm', player: 'video/webm' };
// Recorders put H.264 into Matroska, which no player accepts; nodes repack it to MP4.
const MATROSKA_TO_MP4 = { recorder: 'video/x-matroska', player: 'video/mp4' };
const MP4 = { recorder: 'video/mp4', player: 'video/mp4' };

/** Best first: VP9 is sharp on screens and cheap enough; VP8 in software could not keep up in measurements. */
const CANDIDATES: readonly Candidate[] = [
  { name: 'VP9', container: WEBM, codec: { recorder: 'vp9', player: 'vp9' } },
  { name: 'H.264', container: MATROSKA_TO_MP4, codec: { recorder: 'avc1', player: 'avc1.42E01F' } },
  // Recorders also accept the short name `av1`, players only the long one.
  { name: 'AV1', container: WEBM, codec: { recorder: 'av01.0.04M.08', player: 'av01.0.04M.08' } },
  { name: 'VP8', container: WEBM, codec: { recorder: 'vp8', player: 'vp8' } },
  { name: 'H.264', container: MP4, codec: { recorder: 'avc1.42E01F', player: 'avc1.42E01F' } },
];

/** Every format that works in this browser, best first; with an Opus track if the source `hasAudio`. */
export function supportedFormats(probe: TypeProbe, hasAudio: boolean): RecordingFormat[] {
  return CANDIDATES.map((candidate) => format(candidate, hasAudio)).filter(
    ({ recorderType, playerType }) => probe.canRecord(recorderType) && probe.canPlay(playerType),
  );
}

function format({ name, container, codec }: Candidate, hasAudio: boolean): RecordingFormat {
  const audio = hasAudio ? ',opus' : '';
  return {
    name,
    recorderType: `${container.recorder};codecs=${codec.recorder}${audio}`,
    playerType: `${container.player};codecs="${codec.player}${audio}"`,
  };
}
