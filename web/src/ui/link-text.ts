// A link as people recognise it: without scheme, its id cut to its end. Where it came from may be cut where there is no room,
// which stream it leads to never.

/** Digits of an id, and of what follows it, that are shown. */
const SHOWN = 4;

/** A link in the two parts that are shown. */
export interface LinkText {
  /** Host, port and prefix: may be cut. */
  site: string;
  /** The page and the end of the id: always there. */
  place: string;
}

/** `https://example.org/view/8811d3…` as `example.org` and `/view/…41eb`. What is no URL is all site. */
export function linkText(url: string): LinkText {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return { site: url, place: '' };
  const { host, pathname, hash } = parsed;
  const [, prefix = pathname, place = ''] = /^(.*?)(\/[^/]*\/[0-9a-f]{32}.*)$/.exec(pathname) ?? [];
  const short = place.replace(/[0-9a-f]{32}/, ending);
  return { site: host + prefix, place: hash === '' ? short : `${short}#${ending(hash)}` };
}

function ending(text: string): string {
  return `…${text.slice(-SHOWN)}`;
}
