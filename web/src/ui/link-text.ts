// A recognisable short form of a link: without scheme, its id reduced to its end. The site may be cut off if there is
// no room, but never the stream's id.

/** Number of digits shown of an id and of what follows it. */
const SHOWN = 4;

/** The two displayed parts of a link. */
export interface LinkText {
  /** Host, port and prefix: cut if there is no room. */
  site: string;
  /** The page and the end of the id: always there. */
  place: string;
}

/** `https://example.org/view/8811d3…` becomes `example.org` and `/view/…41eb`. Text that is no URL becomes the site. */
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
