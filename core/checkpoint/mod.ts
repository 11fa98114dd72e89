export {
  CHECKPOINT_VERSION,
  type Checkpoint,
  formatCheckpoint,
  parseCheckpoint,
} from "./checkpoint.ts";
export {
  type ListedCheckpoint,
  listCheckpoints,
  lockRun,
  openNamedState,
  openRunState,
  type RunAddresses,
  runName,
  type RunState,
} from "./run_state.ts";
export { formatNote, parseNote } from "./shared_note.ts";
export type { LockPurpose } from "./run_lock.ts";
