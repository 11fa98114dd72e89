/** The most edits between what was typed and what is suggested for it. */
const MAX_EDITS_COUNT = 2;

/** The candidate that was probably meant, or undefined when none is near. */
export function suggest(typed: string, candidates: readonly string[]): string | undefined {
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (edits <= MAX_EDITS_COUNT && edits < (best?.edits ?? Infinity)) best = { candidate, edits };
  }
  return best?.candidate ?? candidates.find((c) => typed.length > 2 && c.startsWith(typed));
}

/** Levenshtein's distance by two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
