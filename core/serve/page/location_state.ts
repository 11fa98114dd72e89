/** What the page shows, as the address says it: whoever gets the address sees the same. */
export interface LocationState {
  readonly query: string;
  readonly types: readonly string[];
  readonly controlPlanes: readonly string[];
  /** The key of the entity that is looked at. */
  readonly key: string | undefined;
}

/** Reads the part of an address behind its `?`. */
export function readLocation(search: string): LocationState {
  const parameters = new URLSearchParams(search);
  return {
    query: parameters.get("q") ?? "",
    types: parameters.getAll("type"),
    controlPlanes: parameters.getAll("control_plane"),
    key: parameters.get("key") ?? undefined,
  };
}

/** The address of a state, as a path. */
export function writeLocation({ query, types, controlPlanes, key }: LocationState): string {
  const parameters = filterParameters({ types, controlPlanes });
  if (query !== "") parameters.set("q", query);
  if (key !== undefined) parameters.set("key", key);
  const text = parameters.toString();
  return text === "" ? "/" : `/?${text}`;
}

/** The path that a state is searched by. */
export function searchPath({ query, types, controlPlanes }: LocationState): string {
  const parameters = filterParameters({ types, controlPlanes });
  parameters.set("q", query);
  parameters.set("page[size]", "20");
  return `/v1/search?${parameters}`;
}

function filterParameters({
  types,
  controlPlanes,
}: Pick<LocationState, "types" | "controlPlanes">): URLSearchParams {
  return new URLSearchParams([
    ...types.map((type) => ["type", type]),
    ...controlPlanes.map((id) => ["control_plane", id]),
  ]);
}
