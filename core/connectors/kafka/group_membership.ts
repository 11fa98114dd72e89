import { createHash } from "node:crypto";
import { formatCounted } from "../../base/format.ts";
import { sleep } from "../../base/backoff.ts";
import { KonnError, messageOf } from "../../base/errors.ts";
import type { Observer } from "../../observe/observer.ts";
import { type GroupCoordinator, type GroupPlace, LOST_PLACE_CODES } from "./group_coordinator.ts";
import type { GroupProtocol, JoinedGroup, MemberShare } from "./kafkajs.ts";
import type { TopicPartition } from "./offsets.ts";
import { ERROR_CODES, ProtocolError } from "./protocol_error.ts";

/** What the name of konn's way of sharing begins with; behind it stands what it is shared for. */
const PROTOCOL_PREFIX = "konn-";
const HEARTBEAT_INTERVAL_MS = 500;
const REJOIN_PAUSE_MS = 100;
/** Others who come and go all the time may keep a member from ever having a part. */
const JOIN_LIMIT_MS = 300_000;
/** How long a member that is going waits for a join that is under way, or it could not leave. */
const LEAVE_LIMIT_MS = 5_000;

/**
 * The name of the way in which a group is shared by whoever has this note. Kafka lets into a group
 * only who shares in the same way: so all of them have one sink.
 */
export function groupProtocolName(note: string): string {
  const hash = createHash("sha256").update(note).digest("hex").slice(0, 12);
  return `${PROTOCOL_PREFIX}${hash}`;
}

/** Whether the members of a group with this way of sharing are konn. */
export function isGroupProtocolName(name: string): boolean {
  return name.startsWith(PROTOCOL_PREFIX);
}

/** What a member has from one sharing-out until the next. */
export interface Assignment extends GroupPlace {
  readonly partitions: readonly TopicPartition[];
  /** Aborts when it does not hold any more. */
  readonly ended: AbortSignal;
}

export interface GroupMembershipOptions {
  readonly coordinator: GroupCoordinator;
  readonly group: string;
  readonly protocol: GroupProtocol;
  /** The way of sharing. Members with another one are not let into the group. */
  readonly protocolName: string;
  readonly topics: readonly { readonly name: string; readonly partitionsCount: number }[];
  readonly observer: Observer;
  /**
   * An assignment has ended while the member is still in the group, and until this resolves it can
   * still commit what is done. The others wait for it.
   */
  readonly beforeRejoining: (ended: Assignment) => Promise<void>;
}

/**
 * Keeps a place in a consumer group by Kafka's protocol: joins, sends heartbeats, joins again when the
 * members change or its place was lost. It runs beside the reading, which may stand still for as long
 * as a sink takes, and must not cost the place.
 *
 * The requests are kafkajs's. Its consumer is not used: it joins again without waiting for what is in
 * hand, and puts the new generation under commits of partitions from before.
 */
export class GroupMembership {
  readonly #options: GroupMembershipOptions;
  readonly #closing = new AbortController();
  #memberId = "";
  #current: Assignment | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isLeaving = false;
  #changed = Promise.withResolvers<void>();
  #suspicion = new AbortController();
  #task: Promise<void> | undefined;

  constructor(options: GroupMembershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#task ??= this.#run().catch((error: unknown) => {
      this.#failure = { error };
      this.#publish(undefined);
    });
  }

  /** Another assignment than this one, once there is one; undefined when it is stopped before. */
  async next(after: Assignment | undefined, stop: AbortSignal): Promise<Assignment | undefined> {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const onStop = (): void => resolve();
    stop.addEventListener("abort", onStop, { once: true });
    try {
      while (!stop.aborted) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#current !== undefined && this.#current !== after) return this.#current;
        await Promise.race([this.#changed.promise, stopped]);
      }
      return undefined;
    } finally {
      stop.removeEventListener("abort", onStop);
    }
  }

  /** A commit was refused: finds out at once what is the matter. */
  suspect(): void {
    this.#suspicion.abort();
  }

  /** Keeps what it has until `close`, and joins no more: the others wait for it. */
  prepareToLeave(): void {
    this.#isLeaving = true;
  }

  /** Leaves the group, so that the others need not wait for the session timeout. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#task === undefined) return;
    await Promise.race([this.#task, Bun.sleep(LEAVE_LIMIT_MS)]);
    const memberId = this.#memberId;
    this.#memberId = "";
    if (memberId === "") return;
    await this.#options.coordinator.leave(memberId).catch((error: unknown) => {
      this.#options.observer.log.debug("Could not leave the group", { reason: messageOf(error) });
    });
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const ended = new AbortController();
      const assignment = { ...(await this.#join()), ended: ended.signal };
      this.#publish(assignment);
      try {
        const end = await this.#keep(assignment);
        this.#current = undefined;
        ended.abort();
        if (end === "closed") return;
        if (end === "rebalance") await this.#options.beforeRejoining(assignment);
      } finally {
        ended.abort();
      }
    }
  }

  #publish(assignment: Assignment | undefined): void {
    this.#current = assignment;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #join(): Promise<Omit<Assignment, "ended">> {
    const { group, observer } = this.#options;
    const deadlineMs = Date.now() + JOIN_LIMIT_MS;
    for (;;) {
      try {
        const joined = await this.#joinOnce();
        const { partitions } = joined;
        observer.log.info(
          `Reading ${formatCounted(partitions.length, "partition")} for the group ${group}`,
          {
            partitions: partitions
              .map(({ topic, partition }) => `${topic}/${partition}`)
              .join(", "),
          },
        );
        return joined;
      } catch (thrown) {
        if (!isLostPlace(thrown)) throw thrown;
        if (thrown.code === ERROR_CODES.UNKNOWN_MEMBER_ID) this.#memberId = "";
        if (Date.now() > deadlineMs || this.#closing.signal.aborted) throw unstable(group, thrown);
        await sleep(REJOIN_PAUSE_MS, this.#closing.signal);
      }
    }
  }

  async #joinOnce(): Promise<Omit<Assignment, "ended">> {
    const { coordinator, protocol, protocolName, topics } = this.#options;
    const names = topics.map(({ name }) => name);
    const joined = await coordinator.join(this.#memberId, protocol.subscribe(protocolName, names));
    const { memberId, generationId } = joined;
    this.#memberId = memberId;
    const shares = joined.leaderId === memberId ? this.#shareOut(joined) : [];
    const share = protocol.decodeShare(await coordinator.sync({ memberId, generationId }, shares));
    const partitions = Object.entries(share).flatMap(([topic, own]) =>
      own.map((partition) => ({ topic, partition })),
    );
    return { memberId, generationId, partitions };
  }

  /** As the leader of the group: one partition after the other to one member after the other. */
  #shareOut({ members }: JoinedGroup): MemberShare[] {
    const { protocol, topics } = this.#options;
    const shares = members
      .map(({ memberId }) => ({ memberId, partitions: new Map<string, number[]>() }))
      .toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
    let turn = 0;
    for (const { name, partitionsCount } of topics) {
      for (let partition = 0; partition < partitionsCount; partition += 1) {
        const partitions = shares[turn++ % shares.length]?.partitions;
        partitions?.set(name, [...(partitions.get(name) ?? []), partition]);
      }
    }
    return shares.map(({ memberId, partitions }) => ({
      memberId,
      memberAssignment: protocol.encodeShare(Object.fromEntries(partitions)),
    }));
  }

  /** Sends heartbeats until the assignment ends, and tells why it has. */
  async #keep(place: GroupPlace): Promise<"closed" | "rebalance" | "lost"> {
    const { coordinator, group, observer } = this.#options;
    for (;;) {
      await this.#pause();
      if (this.#closing.signal.aborted) return "closed";
      try {
        await coordinator.heartbeat(place);
      } catch (thrown) {
        if (!isLostPlace(thrown)) throw thrown;
        if (thrown.code === ERROR_CODES.REBALANCE_IN_PROGRESS) {
          if (this.#isLeaving) continue;
          return "rebalance";
        }
        if (thrown.code === ERROR_CODES.UNKNOWN_MEMBER_ID) this.#memberId = "";
        observer.log.warn(`Lost the place in the group ${group}, joining again`, {
          reason: messageOf(thrown),
        });
        return this.#isLeaving ? "closed" : "lost";
      }
    }
  }

  async #pause(): Promise<void> {
    this.#suspicion = new AbortController();
    const early = AbortSignal.any([this.#closing.signal, this.#suspicion.signal]);
    await sleep(HEARTBEAT_INTERVAL_MS, early);
  }
}

function isLostPlace(thrown: unknown): thrown is ProtocolError {
  return thrown instanceof ProtocolError && LOST_PLACE_CODES.has(thrown.code);
}

function unstable(group: string, cause: ProtocolError): KonnError {
  return new KonnError(
    `Cannot join the group ${group}: its members changed all the time for ${JOIN_LIMIT_MS / 1_000} s`,
    {
      code: "KAFKA_GROUP_UNSTABLE",
      mayPass: true,
      hint: "Look at its members: kafka-consumer-groups.sh --describe --members.",
      cause,
    },
  );
}
