import { connect } from "node:tls";

/** Nobody waits long for a diagnosis. */
const PROBE_TIMEOUT_MS = 1_000;

/**
 * Whether a port answers a TLS handshake. For a diagnosis: nothing is sent but the beginning of the
 * handshake, so whom the other side's certificate belongs to does not matter.
 */
export async function speaksTls({ host, port }: { host: string; port: number }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, rejectUnauthorized: false });
  const timer = setTimeout(() => resolve(false), PROBE_TIMEOUT_MS);
  socket.once("secureConnect", () => resolve(true));
  // An alert about our certificate comes in a handshake as well.
  socket.once("error", (error) => resolve("code" in error && /ALERT/.test(String(error.code))));
  socket.once("close", () => resolve(false));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
