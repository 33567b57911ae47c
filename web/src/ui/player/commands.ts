// Executes the person's commands, from buttons, keys, clicks on the picture or the system's media keys.

import { commandOf, lettersAreOn, type Command } from '../../watch/keys';
import { PictureClicks } from '../../watch/picture-clicks';
import type { Rewind } from '../../watch/rewind/rewind';
import type { Viewing } from '../../watch/viewing';
import { toggleFloating, toggleFullScreen } from './screen-modes';

/** Step of `back` and `forward`. */
export const SKIP_MS = 10_000;

/** A panel over the picture, by the command that opens and closes it. */
export type Panel = Extract<Command, 'stats' | 'keys'>;

/** The part of the player that commands need. */
export interface CommandOwner {
  viewing: () => Viewing | undefined;
  video: () => HTMLVideoElement;
  /** The running playback of the past, if any. */
  rewind: () => Rewind | undefined;
  /** Rewinds from the live edge. */
  goBack: () => void;
  /** Plays at the live edge, whatever plays now. */
  goLive: () => void;
  /** The element for full screen. */
  frame: HTMLElement;
  /** Whether there is, or was, a picture. */
  hasStarted: () => boolean;
  isPaused: () => boolean;
  /** Whether it is muted because the browser allows no sound before a gesture. */
  isSilenced: () => boolean;
  togglePanel: (panel: Panel) => void;
  /** The person did something. */
  stir: () => void;
}

/** Maps input to the viewing and the rewind. */
export class Commands {
  readonly #owner: CommandOwner;
  readonly #clicks = new PictureClicks({
    playPause: () => this.do('play_pause'),
    fullScreen: () => this.do('full_screen'),
  });

  constructor(owner: CommandOwner) {
    this.#owner = owner;
  }

  do(command: Command): void {
    const { togglePanel, frame, video } = this.#owner;
    const viewing = this.#owner.viewing();
    const rewind = this.#owner.rewind();
    // The displayed state may be slightly older.
    const { isPaused = true, muted = false, volume = 1 } = viewing ?? {};
    switch (command) {
      case 'play_pause':
        if (rewind) rewind.setPlaying(rewind.isPaused);
        else viewing?.setPlaying(isPaused);
        break;
      case 'go_live':
        this.#owner.goLive();
        break;
      case 'back':
        if (rewind) rewind.skip(-SKIP_MS);
        else this.#owner.goBack();
        break;
      case 'forward':
        rewind?.skip(SKIP_MS);
        break;
      case 'mute':
        viewing?.setVolume(muted ? volume || 1 : 0, muted);
        break;
      case 'stats':
      case 'keys':
        togglePanel(command);
        break;
      case 'picture_in_picture':
        void toggleFloating(video());
        break;
      case 'full_screen':
        void toggleFullScreen(frame, video());
        break;
    }
  }

  /** Listens to keys until `signal` aborts. */
  takeKeys(signal: AbortSignal): void {
    document.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.#takeMediaKeys(signal);
  }

  /** The picture was clicked, or tapped. */
  readonly clicked = (event: PointerEvent): void => {
    const { viewing, hasStarted, isPaused, isSilenced, stir } = this.#owner;
    if (!hasStarted()) {
      if (isPaused()) void viewing()?.play();
      return;
    }
    if (isSilenced()) {
      // The second click of a double click would mute again.
      if (event.detail < 2) this.do('mute');
      return;
    }
    // A tap only reveals the controls.
    if (event.pointerType === 'mouse') this.#clicks.clicked(event.detail);
    else stir();
  };

  /** The picture was clicked twice. */
  readonly doubleClicked = (): void => this.#clicks.doubleClicked();

  /** Drops a click that waits for a second one. */
  forget(): void {
    this.#clicks.forget();
  }

  #key(event: KeyboardEvent): void {
    if (!this.#owner.hasStarted()) return;
    const [target] = event.composedPath();
    const command = commandOf(event, target instanceof HTMLElement ? target : undefined, lettersAreOn());
    if (command === undefined) return;
    event.preventDefault();
    this.#owner.stir();
    // A held key counts once.
    if (!event.repeat) this.do(command);
  }

  /**
   * Media keys and the buttons of a floating picture come from the person. Without handlers their effect would look
   * like the browser's own.
   */
  #takeMediaKeys(signal: AbortSignal): void {
    if (!('mediaSession' in navigator)) return;
    for (const action of ['play', 'pause'] as const) {
      navigator.mediaSession.setActionHandler(action, () => {
        (this.#owner.rewind() ?? this.#owner.viewing())?.setPlaying(action === 'play');
      });
      signal.addEventListener('abort', () => navigator.mediaSession.setActionHandler(action, null));
    }
  }
}
