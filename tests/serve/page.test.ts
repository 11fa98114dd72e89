import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";
import { type RunningServer, startServer } from "../../core/serve/mod.ts";
import { CHROMIUM, openPage, type OpenedPage, type PageOptions, startBrowser } from "./browser.ts";
import { eventLine, sampleIndex, type SampleIndex } from "./sample_index.ts";

const MARKUP = "<img src=x onerror=\"document.title='broken'\"><b>bold</b>";
const PLANE = "0a0a0a0a-0000-4000-8000-000000000001";
const OTHER_PLANE = "0a0a0a0a-0000-4000-8000-000000000002";
const SERVICE_KEY = `c/${PLANE}/o/service/5e5e5e5e-0000-4000-8000-000000000001`;

const EVENTS = [
  eventLine(`c/_global/o/cluster/${PLANE}`, { name: "production" }),
  eventLine(`c/_global/o/cluster/${OTHER_PLANE}`, { name: "staging" }),
  eventLine(SERVICE_KEY, {
    id: "5e5e5e5e-0000-4000-8000-000000000001",
    name: "payments-api",
    host: "payments.internal.example",
    tags: ["team:money"],
    labels: { env: "prod" },
    created_at: 1_706_812_479,
  }),
  ...Array.from({ length: 30 }, (_, number) =>
    eventLine(
      `c/${number % 2 ? PLANE : OTHER_PLANE}/o/route/a0a0a0a0-0000-4000-8000-0000000000${number + 10}`,
      {
        name: `payments-route-${number}`,
        paths: [`/payments/v${number}`],
        ...(number === 1 && { service: { id: "5e5e5e5e-0000-4000-8000-000000000001" } }),
      },
    ),
  ),
  eventLine(`c/${PLANE}/o/consumer/c0c0c0c0-0000-4000-8000-000000000001`, { username: MARKUP }),
  eventLine(`c/${PLANE}/o/consumer/c0c0c0c0-0000-4000-8000-000000000002`, { username: "חיים‮dik" }),
].join("");

let browser: Browser;
let index: SampleIndex;
let server: RunningServer;
let opened: OpenedPage;
let page: Page;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  [browser, index] = await Promise.all([startBrowser(), sampleIndex(EVENTS)]);
  server = serve(0);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await index?.[Symbol.asyncDispose]();
});

function serve(port: number, tokens: readonly string[] = []): RunningServer {
  const listen = { hostname: "127.0.0.1", port };
  return startServer({ listen, searcher: index.searcher, log: SILENT_LOGGER, tokens });
}

async function open(path = "/", options: PageOptions = {}, url = server.url): Promise<void> {
  await opened?.[Symbol.asyncDispose]();
  opened = await openPage(browser, new URL(path, url).href, options);
  page = opened.page;
}

const box = () => page.getByRole("combobox", { name: "Search entities" });
const options = () => page.getByRole("option");
const active = () => page.locator('[role="option"][aria-selected="true"]');
const status = () => page.locator("#status");
const details = () => page.locator("#details");
const choice = (name: string) => page.locator(".filters").getByRole("button", { name });

/** Waits until a condition of the page holds, and fails with what it was instead. */
async function eventually(read: () => Promise<unknown>, wanted: unknown): Promise<void> {
  const deadlineMs = performance.now() + 8_000;
  let last = await read();
  while (performance.now() < deadlineMs && !Bun.deepEquals(last, wanted)) {
    await Bun.sleep(25);
    last = await read();
  }
  expect(last).toEqual(wanted);
}

async function search(text: string, found: string): Promise<void> {
  await box().fill(text);
  await eventually(() => status().textContent(), found);
}

describe.skipIf(CHROMIUM === undefined)("the page", () => {
  beforeEach(() => open());
  afterEach(() => {
    expect(opened.complaints).toEqual([]);
    expect(opened.foreign).toEqual([]);
  });

  test("shows what there is, with the box ready to be written in", async () => {
    await eventually(() => status().textContent(), "35 entities");
    expect(await box().evaluate((it) => it.matches(":focus"))).toBe(true);
    expect(await options().count()).toBe(20);
    expect(await active().count()).toBe(0);
  });

  test("finds while somebody types, typos included, and marks what matched", async () => {
    await page.keyboard.type("paymnets-api");
    await eventually(() => options().first().locator(".name").textContent(), "payments-api");
    // The beginning of what is typed finds the same entity, and marks less of it.
    const marked = () => options().first().locator("mark").first().textContent();
    await eventually(async () => (await marked())?.includes("payments"), true);
    expect(await options().first().locator(".type").textContent()).toBe("Service");
    expect(await options().first().locator(".plane").textContent()).toBe("production");
    expect(new URL(page.url()).searchParams.get("q")).toBe("paymnets-api");
    expect(await page.title()).toBe("paymnets-api · konn");
  });

  test("is a combobox: arrows choose, Enter opens, Escape goes back", async () => {
    expect(await box().getAttribute("aria-controls")).toBe("results");
    await search("payments", "31 results");
    expect(await box().getAttribute("aria-expanded")).toBe("true");
    const first = await active().getAttribute("id");
    expect(await box().getAttribute("aria-activedescendant")).toBe(first);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    expect(await box().getAttribute("aria-activedescendant")).toBe("hit-1");
    expect(await active().count()).toBe(1);
    const name = await active().locator(".name").textContent();
    await page.keyboard.press("Enter");
    await eventually(() => details().getByRole("heading", { level: 2 }).textContent(), name);
    expect(
      await details()
        .locator("h2")
        .evaluate((it) => it.matches(":focus")),
    ).toBe(true);
    await page.keyboard.press("Escape");
    expect(await details().isHidden()).toBe(true);
    expect(await box().evaluate((it) => it.matches(":focus"))).toBe(true);
    await page.keyboard.press("Escape");
    await eventually(() => box().inputValue(), "");
    await eventually(() => status().textContent(), "35 entities");
  });

  test.each(["/", "Control+k", "Meta+k"])("%s goes to the box from anywhere", async (key) => {
    await search("payments-api", "1 result");
    await page.getByRole("button", { name: "Syntax" }).focus();
    await page.keyboard.press(key);
    expect(await box().evaluate((it) => it.matches(":focus"))).toBe(true);
    await page.keyboard.type("x");
    expect(await box().inputValue()).toBe("x");
  });

  test("a slash can be searched for", async () => {
    await box().focus();
    await page.keyboard.type("/payments/v7");
    expect(await box().inputValue()).toBe("/payments/v7");
    await eventually(() => options().first().locator(".name").textContent(), "payments-route-7");
  });

  test("filters by type and control plane, with counts that keep their places", async () => {
    await search("payments", "31 results");
    const places = () =>
      page.locator(".choice").evaluateAll((all) => all.map((it) => it.getAttribute("data-value")));
    const before = await places();
    await choice("Route").click();
    await eventually(() => status().textContent(), "30 results");
    expect(await choice("Route").getAttribute("aria-pressed")).toBe("true");
    await choice("staging").click();
    await eventually(() => status().textContent(), "15 results");
    expect(await choice("production").textContent()).toBe("production15");
    expect(await places()).toEqual(before);
    const address = new URL(page.url()).searchParams;
    expect([address.get("type"), address.get("control_plane")]).toEqual(["route", OTHER_PLANE]);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await eventually(() => status().textContent(), "31 results");
    await page.goBack();
    await eventually(() => status().textContent(), "15 results");
  });

  test("loads more, by the button and by the arrow at the end", async () => {
    await search("payments", "31 results");
    await page.getByRole("button", { name: "Show more" }).click();
    await eventually(() => options().count(), 31);
    const ids = await options().evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).toBe(31);
    expect(await page.getByRole("button", { name: "Show more" }).isHidden()).toBe(true);
    await search("payments-route", "30 results");
    for (let count = 0; count < 25; count += 1) await page.keyboard.press("ArrowDown");
    await eventually(() => options().count(), 30);
  });

  test("shows an entity with its relations, and goes along them and back", async () => {
    await open(`/?q=payments&key=${encodeURIComponent(SERVICE_KEY)}`);
    await eventually(() => details().locator("h2").textContent(), "payments-api");
    const text = await details().innerText();
    for (const part of ["payments.internal.example", "team:money", "env", "prod", "Feb 1, 2024"]) {
      expect(text).toContain(part);
    }
    expect(await page.title()).toBe("payments-api · konn");
    await details().getByRole("link", { name: "payments-route-1" }).click();
    await eventually(() => details().locator("h2").textContent(), "payments-route-1");
    await details().getByRole("link", { name: "payments-api" }).click();
    await details().getByRole("link", { name: "production" }).click();
    await eventually(() => details().locator("h2").textContent(), "production");
    await page.goBack();
    await eventually(() => details().locator("h2").textContent(), "payments-api");
    expect(await status().textContent()).toBe("31 results");
  });

  test("an address shows everybody the same", async () => {
    await open(`/?q=payments&type=route&control_plane=${PLANE}`);
    await eventually(() => status().textContent(), "15 results");
    expect(await box().inputValue()).toBe("payments");
    expect(await choice("Route").getAttribute("aria-pressed")).toBe("true");
    expect(await choice("production").getAttribute("aria-pressed")).toBe("true");
    expect(await choice("Consumer").isVisible()).toBe(true);
  });

  test("a key that is not there is said to be not there", async () => {
    await open("/?key=c/none/o/service/none");
    await eventually(
      () => details().locator(".gone").textContent(),
      "There is no entity of that key.",
    );
    await page.getByRole("button", { name: "Close the details" }).click();
    expect(await details().isHidden()).toBe(true);
  });

  test("says what is wrong with a query, and where, and keeps the results", async () => {
    await search("payments", "31 results");
    await page.keyboard.press("End");
    await page.keyboard.type(" AND");
    const problem = page.locator("#problem");
    await eventually(
      async () => (await problem.textContent())?.includes("behind AND") ?? false,
      true,
    );
    expect(await problem.locator(".place").textContent()).toBe("AND");
    expect(await box().getAttribute("aria-invalid")).toBe("true");
    expect(await options().count()).toBe(20);
    await page.keyboard.type(" route");
    await eventually(() => status().textContent(), "30 results");
    expect(await problem.textContent()).toBe("");
    expect(await box().getAttribute("aria-invalid")).toBeNull();
  });

  test("says that nothing was found", async () => {
    await box().fill("qqqqzzzzxxxx");
    await eventually(
      () => page.locator("#nothing h2").textContent(),
      "Nothing found for “qqqqzzzzxxxx”",
    );
    expect(await box().getAttribute("aria-expanded")).toBe("false");
    await page.keyboard.press("Enter");
    expect(await details().isHidden()).toBe(true);
  });

  test("shows markup and other scripts in names as text", async () => {
    await box().fill("bold");
    await eventually(() => options().first().locator(".name").textContent(), MARKUP);
    await page.keyboard.press("Enter");
    await eventually(() => details().locator("h2").textContent(), MARKUP);
    expect(await page.locator("main img, main b, #details img, #details b").count()).toBe(0);
    expect(await page.title()).toBe(`${MARKUP} · konn`);
    await open(`/?q=${encodeURIComponent(MARKUP)}`);
    await eventually(() => box().inputValue(), MARKUP);
    await box().fill("חיים");
    await eventually(() => options().first().locator(".name").textContent(), "חיים‮dik");
    expect(await options().first().locator(".name").getAttribute("dir")).toBe("auto");
  });

  test("nothing moves when an entity is opened or a search is narrowed", async () => {
    await open("/", { width: 1440, height: 900 });
    await search("payments", "31 results");
    const boxes = () =>
      Promise.all([".bar", ".filters", "#results"].map((it) => page.locator(it).boundingBox()));
    const before = await boxes();
    await page.keyboard.press("Enter");
    await details().waitFor();
    expect(await boxes()).toEqual(before);
    await page.keyboard.press("Escape");
    await search("payments-route", "30 results");
    expect(await boxes()).toEqual(before);
  });

  test("the help lists the language, and closes", async () => {
    await page.getByRole("button", { name: "Syntax" }).click();
    const help = page.getByRole("dialog");
    expect(await help.innerText()).toContain("labels.env:prod");
    await help.getByRole("button", { name: "Close" }).click();
    await eventually(() => help.isVisible(), false);
  });
});

describe.skipIf(CHROMIUM === undefined)("the page, when the server is in trouble", () => {
  test("a slow answer is shown to be waited for", async () => {
    await open();
    await eventually(() => status().textContent(), "35 entities");
    await page.route("**/v1/search?*", async (route) => {
      await Bun.sleep(1_000);
      await route.continue();
    });
    await box().fill("payments");
    await eventually(() => page.locator("body").getAttribute("data-busy"), "slow");
    // What was there stays there, and can be used.
    expect(await options().count()).toBe(20);
    await eventually(() => status().textContent(), "31 results");
    expect(await page.locator("body").getAttribute("data-busy")).toBeNull();
  });

  test("answers that are overtaken are thrown away", async () => {
    await open();
    await page.route("**/v1/search?*", async (route) => {
      if (route.request().url().includes("q=payments&")) await Bun.sleep(800);
      await route.continue().catch(() => {});
    });
    await box().fill("payments");
    await Bun.sleep(200);
    await search("payments-route-7", "30 results");
    await Bun.sleep(900);
    expect(await options().first().locator(".name").textContent()).toBe("payments-route-7");
  });

  test("a server that went away is waited for, and found again", async () => {
    await using own = serve(0);
    await open("/", {}, own.url);
    await search("payments", "31 results");
    await own[Symbol.asyncDispose]();
    await box().fill("payments-route");
    const notice = page.getByRole("alert");
    await eventually(() => notice.textContent(), "konn does not answer. Trying again …");
    expect(await options().count()).toBe(20);
    await using _back = serve(own.port);
    await eventually(() => status().textContent(), "30 results");
    expect(await notice.isHidden()).toBe(true);
  }, 30_000);

  test("asks for the token that the server asks for", async () => {
    await using own = serve(0, ["the-token-of-this-server"]);
    await open("/?q=payments", {}, own.url);
    const field = page.getByLabel("This server asks for a token.");
    await field.fill("wrong");
    await field.press("Enter");
    await Bun.sleep(300);
    await field.fill("the-token-of-this-server");
    await page.getByRole("button", { name: "Use it" }).click();
    await eventually(() => status().textContent(), "31 results");
    expect(opened.complaints).toEqual([]);
    expect(page.url()).not.toContain("token");
  });
});

describe.skipIf(CHROMIUM === undefined)("axe finds no violation", () => {
  const places: readonly (readonly [string, string, PageOptions])[] = [
    ["results", "/?q=payments", {}],
    ["results, dark", "/?q=payments", { colorScheme: "dark" }],
    ["details", `/?q=payments&key=${encodeURIComponent(SERVICE_KEY)}`, {}],
    [
      "details, dark",
      `/?q=payments&key=${encodeURIComponent(SERVICE_KEY)}`,
      { colorScheme: "dark" },
    ],
    ["narrow", "/?q=payments&type=route", { width: 390, height: 844 }],
    ["narrow details", `/?key=${encodeURIComponent(SERVICE_KEY)}`, { width: 390, height: 844 }],
    ["nothing found", "/?q=qqqqzzzz", {}],
    ["a wrong query", "/?q=payments+AND", {}],
    ["a wrong query, dark", "/?q=payments+AND", { colorScheme: "dark" }],
  ];

  test.each(places)("%s", async (_name, path, pageOptions) => {
    // The policy of the page holds in all the other tests; here it would keep out axe.
    await open(path, { ...pageOptions, bypassCSP: true });
    await page
      .locator("#details h2:visible, .hit:visible, #nothing h2:visible, #problem code:visible")
      .first()
      .waitFor();
    await Bun.sleep(300);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(async () => {
      const runner: typeof axe = Reflect.get(globalThis, "axe");
      return await runner.run();
    });
    const found = violations.map(({ id, nodes }) => [
      id,
      nodes.map(({ html }) => html.slice(0, 160)),
    ]);
    expect(found).toEqual([]);
  });

  test("the help, and a narrow page is no wider than its window", async () => {
    await open("/?q=payments", { width: 320, height: 640, bypassCSP: true });
    await options().first().waitFor();
    const overflow = await page.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await page.getByRole("button", { name: "Syntax" }).click();
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(async () => {
      const runner: typeof axe = Reflect.get(globalThis, "axe");
      return await runner.run();
    });
    expect(violations.map(({ id }) => id)).toEqual([]);
  });
});
