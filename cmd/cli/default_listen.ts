/** Where `konn serve` listens: the port of `konn try`. Nobody but this machine reaches it. */
export const DEFAULT_LISTEN = { hostname: "127.0.0.1", port: 7_700 } as const;
