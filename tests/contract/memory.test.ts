import { MemorySource } from "../fakes/memory_source.ts";
import { seedMessage } from "./seed.ts";
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
