/**
 * `bun scripts/screenshots.ts [FILE]`: pictures of the search bar for the documentation, light and dark, wide
 * and narrow, made by the built binary over a file (the corpus of the search tests) in the system's
 * Chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { openPage, startBrowser } from "../tests/serve/browser.ts";

const ROOT = join(import.meta.dir, "..");
const KONN = join(ROOT, "dist", process.platform === "win32" ? "konn.exe" : "konn");
const CORPUS = join(ROOT, "tests", "fixtures", "search", "corpus.jsonl.zst");
const IMAGES = join(ROOT, "docs", "images");
const ADDRESS = /http:\/\/[\w.:-]+\//;
const QUALITY_PERCENT = 85;
/** From 0: a route, which has relations to show. */
const DETAILS_OF_HIT = 6;

interface Picture {
  readonly name: string;
  readonly query: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: "light" | "dark";
  /** Whether a hit is opened. */
  readonly showsDetails?: boolean;
}

const PICTURES: readonly Picture[] = [
  { name: "search-light", query: "paymnets", width: 1280, height: 760, colorScheme: "light" },
  {
    name: "search-dark",
    query: "type:route orders",
    width: 1280,
    height: 760,
    colorScheme: "dark",
  },
  {
    name: "search-light-narrow",
    query: "orders api",
    width: 390,
    height: 760,
    colorScheme: "light",
  },
  { name: "search-dark-narrow", query: "paymnets", width: 390, height: 760, colorScheme: "dark" },
  {
    name: "details-light",
    query: "payments",
    width: 1280,
    height: 760,
    colorScheme: "light",
    showsDetails: true,
  },
];

const stateDir = mkdtempSync(join(tmpdir(), "konn-screenshots-"));
const konn = Bun.spawn({
  cmd: [KONN, "try", process.argv[2] ?? CORPUS, "--no-open", "--state-dir", stateDir],
  stdio: ["ignore", "ignore", "pipe"],
});
try {
  const url = await addressOf(konn.stderr);
  const browser = await startBrowser();
  try {
    for (const picture of PICTURES) await take(browser, url, picture);
  } finally {
    await browser.close();
  }
} finally {
  konn.kill("SIGINT");
  await konn.exited;
  rmSync(stateDir, { recursive: true, force: true });
}

/** Waits until konn says where it serves. */
async function addressOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stderr) {
    text += decoder.decode(bytes, { stream: true });
    const [address] = ADDRESS.exec(text) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error(`konn ended without serving: ${text}`);
}

async function take(browser: Browser, url: string, picture: Picture): Promise<void> {
  const { name, query, showsDetails } = picture;
  await using opened = await openPage(browser, `${url}?q=${encodeURIComponent(query)}`, picture);
  const { page } = opened;
  await page.getByRole("option").first().waitFor();
  if (showsDetails === true) {
    await page.getByRole("option").nth(DETAILS_OF_HIT).click();
    await page.locator("#details h2").waitFor();
    await page.waitForLoadState("networkidle");
  }
  // Playwright itself writes PNG and JPEG alone.
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", {
    format: "webp",
    quality: QUALITY_PERCENT,
  });
  writeFileSync(join(IMAGES, `${name}.webp`), Buffer.from(data, "base64"));
  console.log(`docs/images/${name}.webp ${Math.round((data.length * 3) / 4 / 1024)} KiB`);
}
