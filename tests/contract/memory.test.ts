import { MemoryGroup } from "../fakes/memory_group.ts";
import { MemorySink } from "../fakes/memory_sink.ts";
import { MemorySource } from "../fakes/memory_source.ts";
import { seedMessage, seedName } from "./seed.ts";
import { sharedSourceContract } from "./shared_source_contract.ts";
import { sinkContract } from "./sink_contract.ts";
import { sourceContract } from "./source_contract.ts";

// The fake keeps the contract as well, or the tests that use it would prove nothing.
sourceContract("memory", {
  resumable: true,
  seed: (events) => {
    const lane = events.map((event, at) => seedMessage(event, BigInt(at)));
    return Promise.resolve({
      source: ({ follow }) => new MemorySource({ lanes: { lane }, follow }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});

sharedSourceContract("memory", {
  seed: (events) => {
    const [even, odd] = [0, 1].map((rest) =>
      events.filter((_, at) => at % 2 === rest).map((event, at) => seedMessage(event, BigInt(at))),
    );
    const group = new MemoryGroup({ lanes: { even: even ?? [], odd: odd ?? [] } });
    return Promise.resolve({
      source: (options) => group.source(options),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});

sinkContract("memory", {
  resumable: true,
  writtenAgain: "twice",
  tombstone: "removes",
  undeliverable: (sequence) => seedMessage({ key: "refused", value: "{}" }, sequence),
  place: () => {
    const sinks: MemorySink[] = [];
    const written = () => sinks.flatMap((sink) => sink.written);
    return Promise.resolve({
      sink: () => {
        const sink = new MemorySink({ refuse: ["refused"] });
        sinks.push(sink);
        return sink;
      },
      contents: () => Promise.resolve(lastNames(written())),
      entriesCount: () => Promise.resolve(written().length),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});

/** The last name of each key in `KEY=VALUE` texts. */
function lastNames(written: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const text of written) {
    const [key, value] = [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)];
    if (value === "null") names.delete(key);
    else names.set(key, seedName(value));
  }
  return names;
}
