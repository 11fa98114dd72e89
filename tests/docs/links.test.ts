import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { anchorOf, documentation, prose, ROOT } from "./markdown.ts";

const LINK = /!?\[[^\]]*\]\(([^)\s]+)\)/g;

/** Anchors of the headings of a page, each twice or more with a number. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of text
    .replaceAll(/^```[\s\S]*?^```$/gm, "")
    .matchAll(/^#+ (.*)$/gm)) {
    const anchor = anchorOf(heading);
    let name = anchor;
    for (let at = 1; anchors.has(name); at += 1) name = `${anchor}-${at}`;
    anchors.add(name);
  }
  return anchors;
}

/** What is wrong with a link, or undefined. Other sites are not asked. */
function faultOf(page: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return target.startsWith("https://") ? undefined : "not https";
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : normalize(join(dirname(page), path));
  if (relative(ROOT, join(ROOT, file)).startsWith("..")) return "outside of the repository";
  if (!existsSync(join(ROOT, file))) return `there is no ${file}`;
  if (anchor === undefined) return undefined;
  const anchors = anchorsOf(readFileSync(join(ROOT, file), "utf8"));
  return anchors.has(anchor) ? undefined : `${file} has no heading for #${anchor}`;
}

describe("links of the documentation", () => {
  const pages = documentation();

  test.each(pages.map(({ path, text }) => [path, text] as const))("%s", (path, text) => {
    const targets = [...prose(text).matchAll(LINK)].map(([, target = ""]) => target);
    const faults = targets.flatMap((target) => {
      const fault = faultOf(path, target);
      return fault === undefined ? [] : [`${target}: ${fault}`];
    });
    expect(faults).toEqual([]);
  });

  test("lead to every page of docs/ from its table of contents", () => {
    const contents = pages.find(({ path }) => path === "docs/README.md")?.text ?? "";
    const linked = new Set(
      [...contents.matchAll(LINK)].map(([, target = ""]) => join("docs", target)),
    );
    const others = pages.map(({ path }) => path).filter((path) => path.startsWith("docs/"));
    expect(others.filter((path) => path !== "docs/README.md" && !linked.has(path))).toEqual([]);
  });
});
