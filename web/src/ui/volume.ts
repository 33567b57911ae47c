// The slider of a player's volume. Muted, it stands at 0, and keeps the volume for later.

import { html, type TemplateResult } from 'lit';

/** A volume, and who is told that a person changed it. */
export interface VolumeSetup {
  label: string;
  /** 0 to 1. */
  volume: number;
  muted: boolean;
  changed: (volume: number) => void;
}

/** See the head of the file. */
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
