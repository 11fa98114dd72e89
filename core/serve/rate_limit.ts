/** Requests that one client may make at once after a pause: some dozens of typed words. */
const BURST_REQUESTS_COUNT = 200;
/** Requests a second that one client may make on and on. */
const REQUESTS_PER_SECOND = 50;
/** Clients that are remembered; the one that was silent the longest is forgotten first. */
const CLIENTS_MAX_COUNT = 10_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * Keeps each client to a rate. Clients on this machine have none: whoever can connect from here can
 * use its processors anyway.
 */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** @param now a clock in milliseconds that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes one request of a client into account. Returns the seconds to wait, 0 for none. */
  take(address: string): number {
    if (isLoopback(address)) return 0;
    const client = clientOf(address);
    const nowMs = this.#now();
    const bucket = this.#buckets.get(client) ?? { tokens: BURST_REQUESTS_COUNT, filledAtMs: nowMs };
    const gained = ((nowMs - bucket.filledAtMs) / 1_000) * REQUESTS_PER_SECOND;
    bucket.tokens = Math.min(BURST_REQUESTS_COUNT, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
    // The map is in the order of the last requests.
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    this.#forget();
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / REQUESTS_PER_SECOND));
    bucket.tokens -= 1;
    return 0;
  }

  #forget(): void {
    for (const client of this.#buckets.keys()) {
      if (this.#buckets.size <= CLIENTS_MAX_COUNT) return;
      this.#buckets.delete(client);
    }
  }
}

/** Whether an address, of a client or to listen on, is of this machine alone. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return plain === "::1" || plain === "localhost" || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

/** Who owns one address of IPv6 owns the 64 bits behind its network. */
function clientOf(address: string): string {
  return address.includes(":") && !address.includes(".")
    ? address.split(":").slice(0, 4).join(":")
    : address;
}
