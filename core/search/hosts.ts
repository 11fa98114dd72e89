/** How the labels of a host that was asked for lie in another one, best first. */
export type HostMatch = "equal" | "begins" | "tail" | "reversed" | "inside";

/** The labels of a folded host; a port counts as one more. */
export function hostLabels(folded: string): readonly string[] {
  return folded.split(/[.:/]+/).filter((label) => label !== "" && label !== "*");
}

/** Compares labels. The last label asked for may be unfinished where more could follow. */
export function matchHost(
  asked: readonly string[],
  labels: readonly string[],
): HostMatch | undefined {
  if (asked.length === 0 || asked.length > labels.length) return undefined;
  const tail = labels.length - asked.length;
  if (isRunAt(asked, labels, tail, false)) return tail === 0 ? "equal" : "tail";
  if (isRunAt(asked, labels, 0, true)) return "begins";
  const reversed = labels.toReversed();
  if (asked.length > 1 && isRunAt(asked, reversed, 0, true)) return "reversed";
  for (let at = 1; at <= tail; at += 1) if (isRunAt(asked, labels, at, true)) return "inside";
  return undefined;
}

function isRunAt(
  asked: readonly string[],
  labels: readonly string[],
  offset: number,
  isLastOpen: boolean,
): boolean {
  const last = asked.length - 1;
  for (let index = 0; index <= last; index += 1) {
    const label = labels[offset + index] ?? "";
    const wanted = asked[index] ?? "";
    const isSame = isLastOpen && index === last ? label.startsWith(wanted) : label === wanted;
    if (!isSame) return false;
  }
  return true;
}
