import { bundlePage } from "./bundle_page.ts" with { type: "macro" };
import favicon from "./page/favicon.svg" with { type: "text" };
import html from "./page/index.html" with { type: "text" };
import style from "./page/page.css" with { type: "text" };

/** A file of the page. */
export interface PageAsset {
  readonly body: string;
  readonly contentType: string;
  readonly etag: string;
}

/** The page, by path. All of it is in the binary. */
export const PAGE_ASSETS: ReadonlyMap<string, PageAsset> = new Map([
  ["/", asset(textOf(html), "text/html; charset=utf-8")],
  ["/page.js", asset(bundlePage(), "text/javascript; charset=utf-8")],
  ["/page.css", asset(textOf(style), "text/css; charset=utf-8")],
  ["/favicon.svg", asset(textOf(favicon), "image/svg+xml")],
]);

function asset(body: string, contentType: string): PageAsset {
  return { body, contentType, etag: `"${Bun.hash(body).toString(36)}"` };
}

/** Bun gives a file as text when it is imported so; its types know another kind for some names. */
function textOf(imported: unknown): string {
  if (typeof imported === "string") return imported;
  throw new Error("Cannot serve the page: a file of it is not in the binary as text");
}
