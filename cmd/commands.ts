import type { KonnCommand } from "./cli/declare.ts";

/** The commands in the order of the help, each imported only when it is called. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ command: KonnCommand }>>> = {
  try: () => import("./try.ts"),
  replay: () => import("./replay.ts"),
  sync: () => import("./sync.ts"),
  pipe: () => import("./pipe.ts"),
  search: () => import("./search.ts"),
  serve: () => import("./serve.ts"),
  verify: () => import("./verify.ts"),
  status: () => import("./status.ts"),
  doctor: () => import("./doctor.ts"),
  health: () => import("./health.ts"),
  "dead-letters": () => import("./dead_letters.ts"),
  completions: () => import("./completions.ts"),
};

/** All of them, for what tells of konn as a whole. */
export async function loadCommands(): Promise<readonly KonnCommand[]> {
  const loaded = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return loaded.map(({ command }) => command);
}
