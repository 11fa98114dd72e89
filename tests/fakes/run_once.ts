import { EXIT_CODES, KonnError } from "../../core/base/errors.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import { run } from "../../core/pipeline/mod.ts";
import { MemorySink } from "./memory_sink.ts";
import { MemorySource } from "./memory_source.ts";

/** Runs the fake source into the fake sink with the state folder of the first argument. */
const [stateDir = ""] = process.argv.slice(2);
try {
  await run({
    source: new MemorySource({ lanes: {} }),
    sink: new MemorySink(),
    stateDir,
    resumable: true,
    stop: new AbortController().signal,
    observer: createRunObserver(SILENT_LOGGER),
  });
} catch (error) {
  if (!(error instanceof KonnError)) throw error;
  console.error(error.code, error.message);
  process.exit(EXIT_CODES[error.kind]);
}
