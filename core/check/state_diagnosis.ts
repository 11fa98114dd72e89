import {
  constants,
  accessSync,
  existsSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { formatCount, formatCounted } from "../base/format.ts";
import { KonnError, messageOf } from "../base/errors.ts";
import { listCheckpoints } from "../checkpoint/mod.ts";
import { failed, failedBy, type Finding, passed, warned } from "../connector/finding.ts";
import { deadLetterRuns } from "./dead_letter_runs.ts";

const MIB = 1024 * 1024;
/** Checkpoints are small; dead letters and the log of somebody else are not. */
const LITTLE_SPACE_BYTES = 100 * MIB;
const ENOUGH_SPACE_BYTES = 1024 * MIB;
/** What anybody but the owner of a file may do. */
const OTHERS_MODE = 0o077;

/** Looks at the folder of checkpoints, locks and dead letters. Leaves nothing behind. */
export async function* diagnoseState(stateDir: string): AsyncGenerator<Finding> {
  yield folderFinding(stateDir);
  yield spaceFinding(stateDir);
  yield checkpointsFinding(stateDir);
  yield deadLettersFinding(stateDir);
}

function folderFinding(stateDir: string): Finding {
  const path = resolve(stateDir);
  const remedy = `Give a folder that konn may write to: --state-dir DIR, or chown it to this user.`;
  try {
    if (!existsSync(path)) {
      accessSync(existingParent(path), constants.W_OK | constants.X_OK);
      return passed("folder", `${path} is not there yet, and can be made`);
    }
    const probe = join(path, `doctor-${process.pid}.tmp`);
    writeFileSync(probe, "", { flag: "wx", mode: 0o600 });
    rmSync(probe);
    const mode = statSync(path).mode & OTHERS_MODE;
    if (process.platform === "win32" || mode === 0) return passed("folder", `${path} is writable`);
    return warned(
      "folder",
      `${path} is writable, and others may look into it`,
      `chmod 700 ${path}`,
    );
  } catch (error) {
    return failed("folder", `${path} cannot be written: ${messageOf(error)}`, remedy);
  }
}

function spaceFinding(stateDir: string): Finding {
  try {
    const { bavail, bsize } = statfsSync(existingParent(resolve(stateDir)));
    const freeBytes = bavail * bsize;
    const text = `${formatCount(Math.floor(freeBytes / MIB))} MiB free`;
    const remedy = "Free space there, or name a folder on another disk: --state-dir DIR.";
    if (freeBytes < LITTLE_SPACE_BYTES) return failed("disk", text, remedy);
    return freeBytes < ENOUGH_SPACE_BYTES ? warned("disk", text, remedy) : passed("disk", text);
  } catch (error) {
    return passed("disk", `the free space is not known: ${messageOf(error)}`);
  }
}

/** The folder itself, or the nearest one above it that is there. */
function existingParent(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function checkpointsFinding(stateDir: string): Finding {
  try {
    const listed = listCheckpoints(stateDir);
    const bad = listed.map(({ checkpoint }) => checkpoint).find((one) => one instanceof KonnError);
    if (bad) return failedBy("checkpoints", bad);
    return passed("checkpoints", `${formatCount(listed.length)}, each of them whole`);
  } catch (error) {
    return failed(
      "checkpoints",
      `cannot be listed: ${messageOf(error)}`,
      "Look at the permissions of the state folder.",
    );
  }
}

function deadLettersFinding(stateDir: string): Finding {
  try {
    const runs = deadLetterRuns(stateDir);
    const count = runs.reduce((sum, run) => sum + run.count, 0);
    if (count === 0) return passed("dead letters", "none");
    const open = runs.find(({ path }) => (statSync(path).mode & OTHERS_MODE) !== 0);
    if (open && process.platform !== "win32") {
      return warned("dead letters", `others may read ${open.path}`, `chmod 600 ${open.path}`);
    }
    return warned(
      "dead letters",
      `${formatCounted(count, "event was", "events were")} refused, and in no index`,
      "konn dead-letters list tells why, konn dead-letters retry delivers them, drop forgets them.",
    );
  } catch (error) {
    return failedBy("dead letters", error);
  }
}
