// A link as people recognise it: without scheme, its id cut to its end, so that it fits beside a button.

/** Digits of an id that are shown. */
const SHOWN = 4;

/** `https://example.org/view/8811d3…` as `example.org/view/…41eb`. What is no URL is shown as it is. */
export function linkText(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return url;
  const path = parsed.pathname.replace(/[0-9a-f]{32}/, (id) => `…${id.slice(-SHOWN)}`);
  return parsed.host + path;
}
