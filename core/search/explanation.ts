import { editsCost, TIERS } from "./tiers.ts";
import type { Ranking } from "./score_words.ts";

/** Why a hit ranks where it does, for a person. */
export function explanationOf({ tier, score, field, match, edits }: Ranking): readonly string[] {
  const base = TIERS[tier];
  const ofEdits = -editsCost(edits);
  const rest = score - base - ofEdits;
  return [
    `${tier} in ${field} ${JSON.stringify(match)}: ${base}`,
    ...(edits > 0 ? [`${edits} ${edits === 1 ? "edit" : "edits"}: ${ofEdits}`] : []),
    ...(Math.abs(rest) >= 0.05 ? [`length, order and form of words: ${signed(rest)}`] : []),
    `score: ${score.toFixed(1)}`,
  ];
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
}
