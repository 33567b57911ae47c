// What the person asks of the player, by its buttons, by keys, by a click on the picture or by the media keys of the system.

import { commandOf, lettersAreOn, type Command } from '../../watch/keys';
import { PictureClicks } from '../../watch/picture-clicks';
import type { Rewind } from '../../watch/rewind/rewind';
import type { Viewing } from '../../watch/viewing';
import { toggleFloating, toggleFullScreen } from './screen-modes';

/** How far `back` and `forward` go. */
export const SKIP_MS = 10_000;

/** A panel over the picture, by the command that opens and closes it. */
export type Panel = Extract<Command, 'stats' | 'keys'>;

/** The player, as far as commands need it. */
export interface CommandOwner {
  viewing: () => Viewing | undefined;
  video: () => HTMLVideoElement;
  /** What is played of the past, while it is. */
  rewind: () => Rewind | undefined;
  /** Goes back from the live edge. */
  goBack: () => void;
  /** Plays at the live edge, whatever is played now. */
  goLive: () => void;
  /** What becomes as large as the screen. */
  frame: HTMLElement;
  /** Whether there is, or was, a picture. */
  hasStarted: () => boolean;
  isPaused: () => boolean;
  /** Muted because the browser lets nothing sound before a gesture. */
  isSilenced: () => boolean;
  togglePanel: (panel: Panel) => void;
  /** The person did something. */
  stir: () => void;
}

/** See the head of the file. */
export class Commands {
  readonly #owner: CommandOwner;
  readonly #clicks = new PictureClicks({
    playPause: () => this.do('play_pause'),
    fullScreen: () => this.do('full_screen'),
  });

  constructor(owner: CommandOwner) {
    this.#owner = owner;
  }

  /** Does what was asked. */
  do(command: Command): void {
    const { togglePanel, frame, video } = this.#owner;
    const viewing = this.#owner.viewing();
    const rewind = this.#owner.rewind();
    // What is shown may be a moment older.
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
      // The second click of a double click would take the sound away again.
      if (event.detail < 2) this.do('mute');
      return;
    }
    // A finger only wants to see the controls.
    if (event.pointerType === 'mouse') this.#clicks.clicked(event.detail);
    else stir();
  };

  /** The picture was clicked twice. */
  readonly doubleClicked = (): void => this.#clicks.doubleClicked();

  /** A click that waits for a second one does nothing any more. */
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
    // A key that is held down was pressed once.
    if (!event.repeat) this.do(command);
  }

  /** Media keys, and the buttons of a floating picture, are the person's too: by themselves they look like the browser. */
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
