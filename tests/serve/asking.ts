import { createHandler, type HandlerOptions } from "../../core/serve/mod.ts";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";

const HOST = "127.0.0.1:7700";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
}

/** Asks a handler as a client of this machine would, without any server. */
export function asker(options: Omit<HandlerOptions, "hosts" | "log"> & Partial<HandlerOptions>) {
  const handle = createHandler({ hosts: new Set([HOST]), log: SILENT_LOGGER, ...options });
  return async (
    path: string,
    { method = "GET", headers = {}, address = "127.0.0.1" }: Asking = {},
  ): Promise<Answer> => {
    const request = new Request(`http://${HOST}${path}`, {
      method,
      headers: { Host: HOST, ...headers },
    });
    const response = await handle(request, { address });
    const text = await response.text();
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json") ?? false;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson && text !== "" ? JSON.parse(text) : undefined,
    };
  };
}
