// Problems of a broadcaster, in texts that say what to do. Pure.

import { CallError } from '../protocol/error';
import { strings } from '../strings';

const texts = strings.problems;

/** A problem as shown. */
export interface Problem {
  /** What happened. */
  title: string;
  /** What to do about it. */
  advice: string;
}

/** The kinds of source. */
export type SourceKind = 'screen' | 'camera';

/** The browser features that sharing needs. */
export interface Abilities {
  secureContext: boolean;
  screen: boolean;
  camera: boolean;
  recorder: boolean;
  player: boolean;
}

/** Why sharing a `kind` of source cannot work in this browser; none if it can. */
export function obstacle(kind: SourceKind, abilities: Abilities): Problem | undefined {
  if (!abilities.secureContext) return texts.insecure;
  if (!abilities.recorder || !abilities.player) return texts.noRecorder;
  if (kind === 'screen' && !abilities.screen) return texts.noScreen;
  if (kind === 'camera' && !abilities.camera) return texts.noCamera;
  return undefined;
}

/** No format is both recordable and playable here. */
export const NO_FORMAT: Problem = texts.noFormat;

/** The recorder failed although it was started anew. */
export const RECORDER_FAILED: Problem = texts.recorderFailed;

/** The microphone could not be added; the stream goes on without. */
export const NO_MICROPHONE: Problem = texts.noMicrophone;

/** The microphone was unplugged or taken away. */
export const MICROPHONE_GONE: Problem = texts.microphoneGone;

/** The system or the device silences the microphone. */
export const MICROPHONE_MUTED: Problem = texts.microphoneMuted;

/** The sound of a shared tab ended, while its picture continues. */
export const SOUND_GONE: Problem = texts.soundGone;

/** The source currently gives no pictures, such as a minimised window. */
export const PICTURE_STANDS: Problem = texts.pictureStands;

/** The chosen source ended before it could be shared. */
export const SOURCE_ENDED: Problem = texts.sourceEnded;

/** Why capturing failed, from the error of `getDisplayMedia` or `getUserMedia`. */
export function captureProblem(kind: SourceKind, error: unknown): Problem {
  const what = texts.kinds[kind];
  const problem = ({ title, advice }: { title: (kind: string) => string; advice: string }): Problem => {
    return { title: title(what), advice };
  };
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
      return { title: texts.notShared.title(what), advice: texts.notShared[kind] };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return problem(texts.noSource);
    case 'NotReadableError':
    case 'AbortError':
      return problem(texts.unreadable);
    default:
      return problem(texts.otherCapture);
  }
}

/** The problem of a failed call that is retried automatically. */
export function waitingProblem(error: CallError): Problem {
  return { title: callProblem(error).title, advice: texts.waiting };
}

/** The problem of a failed call to a server. */
export function callProblem(error: unknown): Problem {
  const code = error instanceof CallError ? error.code : undefined;
  switch (code) {
    case 'no_node_available':
      return texts.noNode;
    case 'no_capacity':
      return texts.noCapacity;
    case 'store_unavailable':
      return texts.storeUnavailable;
    case 'limit_reached':
      return texts.limitReached;
    case 'broadcast_not_allowed':
    case 'unauthorized':
      return texts.accessRefused;
    case 'invalid_title':
      return texts.invalidTitle;
    case 'unreachable':
    case 'timeout':
      return texts.unreachable;
    case 'already_publishing':
      return texts.alreadyPublishing;
    case 'invalid_grant':
    case 'unknown_stream':
      return texts.over;
    case 'unsupported_mime':
    case 'malformed_media':
      return texts.malformed;
    default:
      return texts.other;
  }
}
