// <ud-qr-code text label>: a QR code as SVG, dark on white in any theme, with the quiet zone that readers need.

import { correction, generate } from 'lean-qr';
import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

/** Width of the quiet zone in modules (ISO/IEC 18004 requires 4). */
const QUIET = 4;

@customElement('ud-qr-code')
export class QrCode extends LitElement {
  @property() text = '';
  @property() label = '';

  static override styles = css`
    :host {
      display: block;
      overflow: hidden;
      border-radius: var(--ud-radius);
      background: #fff;
    }
    svg {
      display: block;
      width: 100%;
      color: #0b100e;
    }
  `;

  override render(): TemplateResult {
    const { size, path } = drawn(this.text);
    const side = size + 2 * QUIET;
    return html`<svg
      role="img"
      aria-label=${this.label}
      viewBox="${-QUIET} ${-QUIET} ${side} ${side}"
      shape-rendering="crispEdges"
    >
      <path d=${path} fill="currentColor" />
    </svg>`;
  }
}

/** The code's side in modules, and its dark modules as a path with one rectangle per run in a row. */
export function drawn(text: string): { size: number; path: string } {
  const code = generate(text, { minCorrectionLevel: correction.M });
  let path = '';
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) {
      if (!code.get(x, y) || code.get(x - 1, y)) continue;
      let end = x;
      while (code.get(end, y)) end++;
      path += `M${x} ${y}h${end - x}v1H${x}z`;
    }
  }
  return { size: code.size, path };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-qr-code': QrCode;
  }
}
