/**
 * The only place that knows kafkajs. It dials, speaks TLS and SASL, negotiates versions and pairs
 * requests with responses; everything above (bootstrap, metadata, retries, record batches) is ours.
 *
 * What we use lies below its public API and has no types, so the slice that we need is declared
 * here. The version is pinned.
 */
import type { Kafka, SASLOptions } from "kafkajs";
import type { Socket } from "node:net";
import { KonnError } from "../../base/errors.ts";
import { tlsSocketOptions } from "../../base/transport_security.ts";
import type { Logger } from "../../observe/observer.ts";
import type { KafkaSecurity, SaslCredentials } from "./security.ts";

/** kafkajs never gives a topic or a group this id; its consumer is made only for its cluster. */
const UNUSED_GROUP_ID = "konn";
/** The name under which brokers log and limit us. */
export const CLIENT_ID = "konn";

/** How long the TCP (and TLS) handshake may take. */
const CONNECT_TIMEOUT_MS = 1_500;

/**
 * How long before its end a session is renewed (KIP-368). A broker takes no second renewal within
 * a second, so sessions have to last longer than four.
 */
const RENEWAL_MS = 3_000;

/** A host and a port to dial. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
  /** Sends at once, and settles the entry with the response of the same correlation id. */
  push(request: {
    readonly entry: {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      readonly correlationId: number;
      resolve(response: { readonly payload: Buffer }): void;
      reject(error: Error): void;
    };
    readonly expectResponse: boolean;
    sendRequest(): void;
  }): void;
}

export interface KafkajsConnection {
  /** Set once `connect` has begun. */
  readonly socket?: Socket;
  readonly requestQueue: RequestQueue;
  /** Does nothing unless a SASL session is about to end. */
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
}

/** What a member of a group tells the one that shares out the partitions. */
export interface GroupSubscription {
  readonly name: string;
  readonly metadata: Buffer;
}

/** A member's part of the partitions, encoded. */
export interface MemberShare {
  readonly memberId: string;
  readonly memberAssignment: Buffer;
}

/** Who is in a group, and in which of its generations. */
export interface JoinedGroup {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** All of them for the leader, nobody for the others. */
  readonly members: readonly { readonly memberId: string }[];
}

interface GroupMemberId {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupGenerationId: number;
}

/** One broker: an authenticated connection and the requests that kafkajs encodes for us. */
export interface KafkajsBroker {
  readonly connectionPool: { readonly pool: readonly KafkajsConnection[] };
  /** By API key; known once connected. */
  readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>> | null;
  connect(): Promise<void>;
  listOffsets(options: {
    readonly replicaId: number;
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  initProducerId(options: {
    readonly transactionalId: string | null;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  /** Of type 0 for a group, of type 1 for a transactional id in the place of it. */
  findGroupCoordinator(options: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
  endTxn(options: {
    readonly transactionalId: string;
    readonly producerId: string;
    readonly producerEpoch: number;
    /** Whether to commit. */
    readonly transactionResult: boolean;
  }): Promise<unknown>;
  /** With an empty `memberId`, as a new member: asks again with the id that it gets. */
  joinGroup(options: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly GroupSubscription[];
  }): Promise<JoinedGroup>;
  syncGroup(options: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly MemberShare[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(options: GroupMemberId): Promise<unknown>;
  leaveGroup(options: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  offsetCommit(
    options: GroupMemberId & {
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly {
          readonly partition: number;
          readonly offset: string;
          readonly metadata: string;
        }[];
      }[];
    },
  ): Promise<unknown>;
  describeGroups(options: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly state: string;
      readonly protocolType: string;
      readonly protocol: string;
      readonly members: readonly { readonly clientId: string }[];
    }[];
  }>;
  /** Of all topics where none is named. */
  offsetFetch(options: {
    readonly groupId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        /** -1 where nothing was committed. */
        readonly offset: string;
        readonly metadata: string | null;
      }[];
    }[];
  }>;
  createTopics(options: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
  }): Promise<unknown>;
  describeConfigs(options: {
    readonly resources: readonly {
      readonly type: number;
      readonly name: string;
      readonly configNames: readonly string[];
    }[];
  }): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly {
        readonly configName: string;
        readonly configValue: string | null;
      }[];
    }[];
  }>;
}

interface KafkajsCluster {
  readonly rootLogger: unknown;
  readonly connectionPoolBuilder: {
    build(address: Address): Promise<KafkajsBroker["connectionPool"]>;
  };
  readonly brokerPool: {
    createBroker(options: {
      readonly connectionPool: KafkajsBroker["connectionPool"];
      readonly logger: unknown;
    }): KafkajsBroker;
  };
}

/** Makes a broker that has not been dialled yet. */
export type BrokerFactory = (address: Address) => Promise<KafkajsBroker>;

/**
 * Loads kafkajs, which is left until it is needed since it costs every start some milliseconds.
 * Its log goes to ours as details: each of its errors also reaches us as an exception.
 */
export async function loadKafkajs(
  log: Logger,
  { tls, sasl }: KafkaSecurity = {},
): Promise<BrokerFactory> {
  const { Kafka, logLevel } = await import("kafkajs");
  const kafka = new Kafka({
    clientId: CLIENT_ID,
    brokers: [],
    ...(tls && { ssl: tlsSocketOptions(tls) }),
    ...(sasl && { sasl: saslOptions(sasl) }),
    reauthenticationThreshold: RENEWAL_MS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    // Every request has a limit of ours; kafkajs would look at its clock ten times a second.
    enforceRequestTimeout: false,
    retry: { retries: 0 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => log.debug(`kafkajs: ${entry.log.message}`),
  });
  const cluster = clusterOf(kafka);
  return async (address) => {
    const connectionPool = await cluster.connectionPoolBuilder.build(address);
    for (const connection of connectionPool.pool) mendRequestQueue(connection.requestQueue);
    return cluster.brokerPool.createBroker({ connectionPool, logger: cluster.rootLogger });
  };
}

/** How the members of a group write down who gets which partitions (Kafka's consumer protocol). */
export interface GroupProtocol {
  /** @param name of the way of sharing, which must be the same for all members of a group */
  subscribe(name: string, topics: readonly string[]): GroupSubscription;
  /** Partitions by topic. */
  encodeShare(partitions: Readonly<Record<string, number[]>>): Buffer;
  decodeShare(bytes: Buffer): Readonly<Record<string, readonly number[]>>;
}

export async function loadGroupProtocol(): Promise<GroupProtocol> {
  const { AssignerProtocol } = await import("kafkajs");
  const { MemberAssignment, MemberMetadata } = AssignerProtocol;
  const [version, userData] = [0, Buffer.alloc(0)];
  return {
    subscribe: (name, topics) => ({
      name,
      metadata: MemberMetadata.encode({ version, topics: [...topics], userData }),
    }),
    encodeShare: (assignment) => MemberAssignment.encode({ version, assignment, userData }),
    decodeShare: (bytes) => MemberAssignment.decode(bytes)?.assignment ?? {},
  };
}

/** kafkajs keeps its own things in the object, so each client gets one. */
function saslOptions({ mechanism, username, password }: SaslCredentials): SASLOptions {
  if (mechanism === "PLAIN") return { mechanism: "plain", username, password };
  if (mechanism === "SCRAM-SHA-256") return { mechanism: "scram-sha-256", username, password };
  return { mechanism: "scram-sha-512", username, password };
}

/** The public, typed way to a cluster: the assigners of a consumer get it when they are made. */
function clusterOf(kafka: Kafka): KafkajsCluster {
  let found: unknown;
  kafka.consumer({
    groupId: UNUSED_GROUP_ID,
    partitionAssigners: [
      ({ cluster }) => {
        found = cluster;
        return {
          name: "unused",
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: "unused", metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  if (isCluster(found)) return found;
  throw new KonnError("Cannot use kafkajs: its inside is not that of version 2.2.4", {
    code: "KAFKA_CLIENT_UNSUPPORTED",
    kind: "failed",
  });
}

/** The declared type of the cluster leaves out all that is used here. */
function isCluster(value: unknown): value is KafkajsCluster {
  return (
    typeof value === "object" &&
    value !== null &&
    "connectionPoolBuilder" in value &&
    "brokerPool" in value
  );
}

const mendedPrototypes = new WeakSet<object>();

/**
 * kafkajs 2.2.4 sets a timer with a negative delay whenever nothing is pending, which then fires at
 * once and sets itself again: thousands of times a second, with a warning on stderr.
 */
function mendRequestQueue(queue: RequestQueue): void {
  const prototype: unknown = Object.getPrototypeOf(queue);
  if (!isRequestQueue(prototype) || mendedPrototypes.has(prototype)) return;
  mendedPrototypes.add(prototype);
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function checkOnlyPending() {
    if (this.pending.length > 0) schedule.call(this);
  };
}

function isRequestQueue(value: unknown): value is RequestQueue {
  return typeof value === "object" && value !== null && "scheduleCheckPendingRequests" in value;
}
