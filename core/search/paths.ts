import { allowedEdits, editDistance } from "./edit_distance.ts";
import { foldText } from "./fold.ts";

/** A path or a path template, by its segments. */
export interface Path {
  /** Folded, without slashes at the ends; parameters are {@link PARAMETER}. */
  readonly segments: readonly string[];
  /** Whether the last segment may still be typed on: the path does not end with a slash. */
  readonly isOpen: boolean;
}

/** Stands for a parameter, whatever it is called. */
export const PARAMETER = "{}";

/** `{id}`, `:id`, `<id>`, `$id`, `*`. */
const PARAMETER_SEGMENT = /^(\{[^}]*\}?|:[\w-]+|<[^>]*>|\$[\w{}]+|\*+)$/;
/** A named or unnamed group of a regular expression: `(?<id>[^/]+)`, `([^/]+)`. */
const GROUP = /\((?:\?<?[\w]*>?)?(?:\[[^\]]*\]|[^()])*\)[+*?]?/g;
/** What a regular expression uses for any characters: `[^/]+`, `\d+`. */
const ANY_CHARACTERS = /(?:\[[^\]]*\]|\\[dw]|\.)[+*]/g;
/** Segments of a path that is looked at. */
const SEGMENTS_MAX_COUNT = 32;

/** Reads a path as routes write it, regular expressions (`~/a/(?<id>[^/]+)$`) included. */
export function parsePath(text: string): Path {
  const plain = text.startsWith("~") ? templateOfRegExp(text.slice(1)) : text;
  const folded = foldText(plain);
  const segments = folded.split("/").filter((segment) => segment !== "");
  return {
    segments: segments
      .slice(0, SEGMENTS_MAX_COUNT)
      .map((segment) => (PARAMETER_SEGMENT.test(segment) ? PARAMETER : segment)),
    isOpen: !folded.endsWith("/"),
  };
}

function templateOfRegExp(expression: string): string {
  return expression
    .replace(/^\^|\$$/g, "")
    .replace(GROUP, PARAMETER)
    .replace(ANY_CHARACTERS, PARAMETER)
    .replace(/\\([./-])/g, "$1");
}

/** How a path that was asked for lies to one of a route, best first. */
export type PathMatch =
  | "equal"
  /** A concrete path that the template fits as a whole. */
  | "fits"
  /** It is the beginning, the last segment perhaps unfinished. */
  | "begins"
  /** Its segments stand one after the other further on, the last perhaps unfinished. */
  | "inside"
  /** The route's path is the beginning of the concrete one, as Kong matches. */
  | "below";

/** Compares a path that was asked for with one of an entity. */
export function matchPath(asked: Path, path: Path): PathMatch | undefined {
  const { length } = asked.segments;
  if (length === 0) return undefined;
  if (length === path.segments.length) {
    if (isRunAt(asked, path.segments, { last: sameSegment })) return "equal";
    if (isRunAt(asked, path.segments, { all: fits, last: fits })) return "fits";
  }
  const begins = asked.isOpen ? beginsSegment : sameSegment;
  if (isRunAt(asked, path.segments, { last: begins })) return "begins";
  for (let at = 1; at + length <= path.segments.length; at += 1) {
    if (isRunAt(asked, path.segments.slice(at), { last: begins })) return "inside";
  }
  const isBelow =
    length > path.segments.length && isRunAt(path, asked.segments, { all: isFitOf, last: isFitOf });
  return isBelow && path.segments.length > 0 ? "below" : undefined;
}

/** Edits in the segments of two paths of one length; more than `max` is `max + 1`. */
export function pathEdits(asked: Path, path: Path, max: number): number {
  if (asked.segments.length !== path.segments.length) return max + 1;
  let edits = 0;
  for (const [index, segment] of asked.segments.entries()) {
    const other = path.segments[index] ?? "";
    if (segment === other) continue;
    const isLiteral = segment !== PARAMETER && other !== PARAMETER;
    const segmentMax = Math.min(max, allowedEdits(segment.length));
    edits += isLiteral ? editDistance(segment, other, segmentMax) : max + 1;
    if (edits > max) return max + 1;
  }
  return edits;
}

type SegmentTest = (asked: string, segment: string) => boolean;

/** Whether the segments of a path are those that others begin with. */
function isRunAt(
  { segments }: Path,
  others: readonly string[],
  { all = sameSegment, last }: { readonly all?: SegmentTest; readonly last: SegmentTest },
): boolean {
  const end = segments.length - 1;
  if (end >= others.length) return false;
  return segments.every((segment, index) => {
    return (index === end ? last : all)(segment, others[index] ?? "");
  });
}

function sameSegment(asked: string, segment: string): boolean {
  return asked === segment;
}

function beginsSegment(asked: string, segment: string): boolean {
  return segment.startsWith(asked) || (asked.startsWith("{") && segment === PARAMETER);
}

/** A literal segment, or anything where the template has a parameter. */
function fits(asked: string, segment: string): boolean {
  if (segment === PARAMETER || segment === asked) return true;
  const at = segment.indexOf(PARAMETER);
  if (at < 0) return false;
  const after = segment.slice(at + PARAMETER.length);
  const isLongEnough = asked.length >= at + after.length;
  return isLongEnough && asked.startsWith(segment.slice(0, at)) && asked.endsWith(after);
}

function isFitOf(segment: string, asked: string): boolean {
  return fits(asked, segment);
}

/** Segments that both have, parameters left out: the more, the more precise a fit. */
export function literalCount({ segments }: Path): number {
  return segments.filter((segment) => !segment.includes(PARAMETER)).length;
}
