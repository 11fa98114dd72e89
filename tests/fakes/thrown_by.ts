import { KonnError } from "../../core/base/errors.ts";

/** The KonnError that an action throws; the test fails when it throws none. */
export function thrownBy(action: () => unknown): KonnError {
  try {
    action();
  } catch (error) {
    if (error instanceof KonnError) return error;
    throw error;
  }
  throw new Error("expected a KonnError, and nothing was thrown");
}
