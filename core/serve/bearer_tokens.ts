import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.ts";

const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;

/** Checks the tokens of requests. Without any token everybody may ask. */
export class BearerTokens {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digestOf);
  }

  /** @throws ApiError (401) */
  check(authorization: string | null): void {
    if (this.#digests.length === 0) return;
    const [, token] = BEARER.exec(authorization ?? "") ?? [];
    // Digests are of one length, and all of them are compared: the time tells nothing.
    const digest = digestOf(token ?? "");
    const matches = this.#digests.filter((known) => timingSafeEqual(known, digest));
    if (token !== undefined && matches.length > 0) return;
    throw new ApiError(401, {
      detail: token === undefined ? "A bearer token is required." : "The token is not known.",
      headers: { "WWW-Authenticate": 'Bearer realm="konn"' },
    });
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
