// What can go wrong for a broadcaster, in words that say what to do. Pure: errors in, texts out.

import { CallError } from '../protocol/error';

/** A problem as shown. */
export interface Problem {
  /** What happened. */
  title: string;
  /** What to do about it. */
  advice: string;
}

/** What the page can be asked to share. */
export type SourceKind = 'screen' | 'camera';

/** What a browser offers, of what sharing needs. */
export interface Abilities {
  secureContext: boolean;
  screen: boolean;
  camera: boolean;
  recorder: boolean;
  player: boolean;
}

/** Why sharing a `kind` of source cannot work in this browser; none if it can. */
export function obstacle(kind: SourceKind, abilities: Abilities): Problem | undefined {
  if (!abilities.secureContext) {
    return {
      title: 'This address is not secure enough to share from',
      advice:
        'Browsers share screens only over https, or on the computer itself. Open this page with https://, or as http://localhost with the same port.',
    };
  }
  if (!abilities.recorder || !abilities.player) {
    return {
      title: 'This browser cannot record live video',
      advice: 'Open this page in a current Chrome, Edge, Firefox or Safari.',
    };
  }
  if (kind === 'screen' && !abilities.screen) {
    return {
      title: 'This device cannot share its screen',
      advice: 'Phones and tablets do not let browsers do that. Share your camera, or open this page on a computer.',
    };
  }
  if (kind === 'camera' && !abilities.camera) {
    return { title: 'This browser has no access to cameras', advice: 'Share your screen, or try another browser.' };
  }
  return undefined;
}

/** No format is both recordable and playable here. */
export const NO_FORMAT: Problem = {
  title: 'This browser records nothing that viewers could play',
  advice: 'Open this page in a current Chrome, Edge or Firefox.',
};

/** The recorder failed although it was started anew. */
export const RECORDER_FAILED: Problem = {
  title: 'Recording stopped working',
  advice: 'Choose what to share again. If that does not help, lower the quality or restart the browser.',
};

/** The microphone could not be added; the stream goes on without. */
export const NO_MICROPHONE: Problem = {
  title: 'Your microphone is not on',
  advice:
    'Allow the microphone for this page, next to the address, and switch it on again. The rest goes on without it.',
};

/** The microphone was unplugged or taken away. */
export const MICROPHONE_GONE: Problem = {
  title: 'Your microphone is gone',
  advice: 'Your stream goes on without it. Connect it again, or another one, and switch it on.',
};

/** The system or the device silences the microphone. */
export const MICROPHONE_MUTED: Problem = {
  title: 'Your microphone is muted',
  advice: 'The device or the system has muted it, and viewers do not hear it. Unmute it there.',
};

/** The sound of a shared tab is over, while its picture goes on. */
export const SOUND_GONE: Problem = {
  title: 'The sound of what you share has ended',
  advice: 'Viewers see the picture without it. Choose the source again to bring the sound back.',
};

/** The picture does not come for the time being, as from a window that is minimised. */
export const PICTURE_STANDS: Problem = {
  title: 'What you share gives no picture right now',
  advice: 'Viewers see its last picture. Is the window minimised, or the camera covered or in use elsewhere?',
};

/** What was chosen was over before it could be shared. */
export const SOURCE_ENDED: Problem = {
  title: 'What you chose is closed already',
  advice: 'Choose something else to share.',
};

/** Why nothing was captured, from what `getDisplayMedia` or `getUserMedia` threw. */
export function captureProblem(kind: SourceKind, error: unknown): Problem {
  const what = kind === 'screen' ? 'screen' : 'camera';
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
      return {
        title: `Your ${what} was not shared`,
        advice:
          kind === 'screen'
            ? 'Try again and pick a tab, a window or a screen. If no choice appears, allow screen recording for this browser in the settings of your system.'
            : 'Allow camera and microphone for this page, next to the address, and try again.',
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { title: `There is no ${what} to share`, advice: 'Connect one, or choose another source.' };
    case 'NotReadableError':
    case 'AbortError':
      return {
        title: `Your ${what} could not be read`,
        advice: 'Another program may be using it, or the system does not allow it. Close that program and try again.',
      };
    default:
      return { title: `Your ${what} could not be shared`, advice: 'Try again, or choose another source.' };
  }
}

/** The same for a call that is made again by itself until it works. */
export function waitingProblem(error: CallError): Problem {
  return { title: callProblem(error).title, advice: 'We keep trying, and you are live as soon as it works.' };
}

/** Why a call to a server failed, for the broadcaster. */
export function callProblem(error: unknown): Problem {
  const code = error instanceof CallError ? error.code : undefined;
  switch (code) {
    case 'no_node_available':
      return { title: 'No server is free right now', advice: 'Wait a few seconds and try again.' };
    case 'no_capacity':
      return {
        title: 'All servers are full at the moment',
        advice: 'Those who are live keep their place. Try again in a few minutes.',
      };
    case 'store_unavailable':
      return {
        title: 'No stream can be started right now',
        advice: 'Part of the service is away for a moment. Streams that are live go on. Try again in a minute.',
      };
    case 'limit_reached':
      return { title: 'That was a lot at once', advice: 'Wait a moment and try again.' };
    case 'invalid_title':
      return { title: 'This title does not work', advice: 'Use 1 to 120 characters.' };
    case 'unreachable':
    case 'timeout':
      return {
        title: 'The server cannot be reached',
        advice: 'Check your connection. We keep trying while you are live.',
      };
    case 'already_publishing':
      return { title: 'This stream is live from another tab', advice: 'Go on there, or start a new stream here.' };
    case 'invalid_grant':
    case 'unknown_stream':
      return { title: 'This stream is over', advice: 'Start a new one whenever you like.' };
    case 'unsupported_mime':
    case 'malformed_media':
      return { title: 'The server cannot read this recording', advice: 'Try another browser, or another source.' };
    default:
      return { title: 'Something went wrong on the server', advice: 'Try again in a moment.' };
  }
}
