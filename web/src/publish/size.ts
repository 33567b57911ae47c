// The size at which a picture is sent: the limit of a quality, and the steps down for slow computers.

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The steps down, largest first. */
export const SIZES: readonly Size[] = [
  { width: 2560, height: 1440 },
  { width: 1920, height: 1080 },
  { width: 1280, height: 720 },
  { width: 854, height: 480 },
];

/**
 * The largest size of the same aspect ratio within `limit`, or `size` itself if it fits. Scaled sizes are even, as
 * encoders require.
 */
export function fit(size: Size, limit: Size): Size {
  const scale = Math.min(limit.width / size.width, limit.height / size.height);
  if (!(scale < 1)) return size;
  const even = (length: number): number => Math.max(2, 2 * Math.round((length * scale) / 2));
  return { width: even(size.width), height: even(size.height) };
}

/** The first step that makes `size` smaller, if there is one. */
export function smaller(size: Size): Size | undefined {
  return SIZES.find((step) => fit(size, step) !== size);
}

export function same(a: Size | undefined, b: Size | undefined): boolean {
  return a?.width === b?.width && a?.height === b?.height;
}

/** A size for display: `1920 × 1080`. */
export function sizeText({ width, height }: Size): string {
  return `${width} × ${height}`;
}
