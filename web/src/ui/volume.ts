// The sliders of players: of the volume, and of the vocals alone.

import { html, nothing, type TemplateResult } from 'lit';

/** A volume, and who is told that a person changed it. */
export interface VolumeSetup {
  label: string;
  /** 0 to 1. */
  volume: number;
  muted: boolean;
  changed: (volume: number) => void;
}

/** Muted, it stands at 0; the volume is kept for later. */
export function volumeSlider({ label, volume, muted, changed }: VolumeSetup): TemplateResult {
  return html`<input
    class="volume"
    type="range"
    min="0"
    max="1"
    step="0.05"
    aria-label=${label}
    .value=${String(muted ? 0 : volume)}
    @input=${(event: Event) => changed(Number((event.target as HTMLInputElement).value))}
  />`;
}

/** How loud the vocals of a song are, and who is told that a person changed it. */
export interface VocalsSetup {
  /** 0 to 1. */
  share: number;
  /** What is read instead of a number. */
  text: string;
  title?: string;
  changed: (share: number) => void;
}

/** Its label is for the id `vocals`. */
export function vocalsSlider({ share, text, title, changed }: VocalsSetup): TemplateResult {
  return html`<input
    id="vocals"
    type="range"
    min="0"
    max="100"
    step="1"
    title=${title ?? nothing}
    aria-valuetext=${text}
    .value=${String(Math.round(share * 100))}
    @input=${(event: Event) => changed(Number((event.target as HTMLInputElement).value) / 100)}
  />`;
}
