import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

/** The system's browser: none is downloaded. */
const CANDIDATES = [
  process.env["KONN_TEST_CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The path of a browser, or undefined where there is none. */
export const CHROMIUM = CANDIDATES.find((path) => path !== undefined && existsSync(path));

if (CHROMIUM === undefined) {
  console.warn("Skipping the tests of the page: there is no Chromium (KONN_TEST_CHROMIUM=PATH)");
}

/** Starts the browser. */
export async function startBrowser(): Promise<Browser> {
  // The sandbox of Chromium refuses to run for root, as which containers run their tests.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath: CHROMIUM ?? "", args });
}

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of: errors of scripts, refusals of the policy. */
  readonly complaints: string[];
  /** Requests to anything but the server. */
  readonly foreign: string[];
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: "light" | "dark";
  /** For a test's own scripts, which the policy of the page would refuse. */
  readonly bypassCSP?: boolean;
}

/** Opens an address in a window of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, height = 800, colorScheme = "light", bypassCSP = false }: PageOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    bypassCSP,
    locale: "en-US",
    timezoneId: "UTC",
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    // The browser says so of every answer that is no success.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) {
      complaints.push(text);
    }
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) foreign.push(request.url());
  });
  await page.goto(url);
  return { page, complaints, foreign, [Symbol.asyncDispose]: () => context.close() };
}
