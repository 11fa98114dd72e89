/** What opens a URL, by platform. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
  linux: ["xdg-open"],
};

/** Opens a URL for whoever sits before the terminal. Does nothing where there is no screen. */
export function openBrowser(url: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  const hasScreen = process.platform !== "linux" || Boolean(DISPLAY ?? WAYLAND_DISPLAY);
  const opener = OPENERS[process.platform];
  if (!process.stderr.isTTY || !hasScreen || !opener) return;
  try {
    Bun.spawn([...opener, url], { stdio: ["ignore", "ignore", "ignore"], detached: true }).unref();
  } catch {
    // The address stands in the terminal as well.
  }
}
