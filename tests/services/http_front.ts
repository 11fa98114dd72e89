/** What comes in at a front, before it is passed on. */
export interface FrontRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

export interface FrontOptions {
  /** Of the server behind it. */
  readonly url: string;
  /** Called for each request; waits as long as it likes, and answers in the server's place if it returns something. */
  readonly onRequest: (
    request: FrontRequest,
  ) => Promise<Response | undefined | void> | Response | undefined | void;
}

/** A reverse proxy before a real server, as a load balancer is one, which a test has a say in. */
export function startFront({ url, onRequest }: FrontOptions) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 120,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const [method, path, body] = [request.method, pathname + search, await request.text()];
      const instead = await onRequest({ method, path, body });
      if (instead) return instead;
      const type = request.headers.get("content-type");
      const answer = await fetch(`${url}${path}`, {
        method,
        ...(body !== "" && { body }),
        ...(type !== null && { headers: { "content-type": type } }),
      });
      return new Response(await answer.arrayBuffer(), {
        status: answer.status,
        headers: { "content-type": answer.headers.get("content-type") ?? "text/plain" },
      });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
