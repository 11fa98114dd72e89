import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "..", "..");

/** A page of the documentation. */
export interface MarkdownPage {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The README, the pages beside it, and all of docs/. */
export function documentation(): readonly MarkdownPage[] {
  const paths = ["*.md", "docs/**/*.md"].flatMap((pattern) =>
    Array.from(new Bun.Glob(pattern).scanSync({ cwd: ROOT })),
  );
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

export interface CodeBlock {
  readonly language: string;
  readonly lines: readonly string[];
  /** The line of the page on which the first line of code stands, from 0. */
  readonly start: number;
}

/** The fenced code of a page. */
export function codeBlocks(text: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const [, language] = /^```(\w+)$/.exec(lines[at] ?? "") ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`a block of code does not end: line ${at + 1}`);
    blocks.push({ language, lines: lines.slice(at + 1, end), start: at + 1 });
    at = end;
  }
  return blocks;
}

/** A page without its code, blocks and words. */
export function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]+`/g, " ");
}

/** The anchor that GitHub gives to a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
    .replaceAll(" ", "-");
}
