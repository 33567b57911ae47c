// The volume sliders of players: for everything, and for the vocals alone.

import { html, nothing, type TemplateResult } from 'lit';

/** A volume, and a callback for its changes. */
export interface VolumeSetup {
  label: string;
  /** 0 to 1. */
  volume: number;
  muted: boolean;
  changed: (volume: number) => void;
}

/** When muted it shows 0, but the volume is kept. */
export function volumeSlider({ label, volume, muted, changed }: VolumeSetup): TemplateResult {
  return html`<input
    class="volume"
    type="range"
    min="0"
    max="1"
    step="0.05"
    aria-label=${label}
    aria-valuetext=${`${Math.round(muted ? 0 : volume * 100)} %`}
    .value=${String(muted ? 0 : volume)}
    @input=${(event: Event) => changed(Number((event.target as HTMLInputElement).value))}
  />`;
}

/** The volume of a song's vocals, and a callback for its changes. */
export interface VocalsSetup {
  /** 0 to 1. */
  share: number;
  /** Read aloud instead of a number. */
  text: string;
  title?: string;
  changed: (share: number) => void;
}

/** The slider has the id `vocals`, for its label. */
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
