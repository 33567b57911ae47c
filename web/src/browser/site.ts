// The addresses of this site's own pages and calls. A proxy may serve the site below a path, such as /live-tv. The
// server writes that path into every page (`<meta name="base">`). Addresses in the server's answers already begin with
// it.

/**
 * The path below which the site is served, without a trailing slash. Empty at the root of a host, and if the page comes
 * from no server.
 */
const BASE =
  typeof document === 'undefined'
    ? ''
    : basePath(document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content);

/** Reads the content of `<meta name="base">`; `./`, the value of a fresh build, means the root. */
export function basePath(content = '/'): string {
  return content.startsWith('/') ? content.replace(/\/+$/, '') : '';
}

/** The address of `path`, such as `/view/…` or `/api/…`, for this browser. */
export function site(path: string, base = BASE): string {
  return base + path;
}

/** The path within the site for `pathname`, the path of a page's address. */
export function sitePath(pathname: string, base = BASE): string {
  return pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname;
}
