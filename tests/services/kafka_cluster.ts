/** Several Kafka brokers that replicate to each other, to break one at a time. */

import { KonnError } from "../../core/base/errors.ts";
import { useClassCache } from "./class_cache.ts";
import type { Installation } from "./install.ts";
import { installKafka, newClusterId, newUuid, startNode } from "./kafka.ts";
import type { LocalServer } from "./local_server.ts";
import { freePorts, LOOPBACK, retryOnTakenPort } from "./ports.ts";
import { TcpProxy } from "./tcp_proxy.ts";

/** How a cluster is to be started. */
export interface KafkaClusterOptions {
  /** How many brokers; each is a controller as well, so a majority of them has to live. */
  readonly brokers: number;
  /** Settings of every broker by the names of server.properties; they win over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** One broker of a cluster. */
export interface KafkaNode {
  /** Its `node.id`, from 1 on: the id by which clients name the leader of a partition. */
  readonly id: number;
  /** `host:port`, the address that the broker gives to clients. It is the proxy's. */
  readonly address: string;
  /** The way of all clients to this broker. The brokers reach each other without it. */
  readonly proxy: TcpProxy;
}

/**
 * A cluster with a replica of each partition on every broker. A write with `acks=all` needs all
 * but one of them (`min.insync.replicas`).
 */
export interface KafkaCluster extends AsyncDisposable {
  /** The addresses of all brokers, separated by commas. */
  readonly brokers: string;
  readonly nodes: readonly KafkaNode[];
  /** The broker with this id. */
  node(id: number): KafkaNode;
  /** SIGKILL of one broker: a crash. Its data stays. */
  kill(id: number): Promise<void>;
  /**
   * Starts one broker again on its data and ports, ending it in an orderly way when it runs. It
   * serves afterwards; it may take a moment more until it is in sync for every partition.
   */
  restart(id: number): Promise<void>;
  /** SIGSTOP of one broker: it holds its connections but answers nothing. */
  pause(id: number): Promise<void>;
  /** SIGCONT of one broker. */
  resume(id: number): Promise<void>;
  /** Ends all brokers and proxies and removes all data. */
  stop(): Promise<void>;
}

/**
 * Quick to replace a dead leader, seconds where Kafka's defaults take about ten, and not so quick
 * that three brokers on a busy machine take each other for dead.
 */
const FAILOVER_SETTINGS: Readonly<Record<string, string>> = {
  "broker.session.timeout.ms": "4000",
  "controller.quorum.fetch.timeout.ms": "2000",
  "controller.quorum.election.timeout.ms": "1000",
  "controller.quorum.election.backoff.max.ms": "200",
  "replica.lag.time.max.ms": "5000",
};

/** Ports of a broker: for clients, for the other brokers, for the controllers. */
const PORTS_PER_BROKER_COUNT = 3;

/**
 * Starts a cluster of one's own on random free ports, on a JDK of this machine: Docker Compose is
 * not used for it.
 */
export async function startKafkaCluster(options: KafkaClusterOptions): Promise<KafkaCluster> {
  const installation = await installKafka();
  return await retryOnTakenPort(async () => {
    const ports = await freePorts(options.brokers * PORTS_PER_BROKER_COUNT);
    const plans = Array.from({ length: options.brokers }, (_, index) => plan(index, ports));
    const proxies = await Promise.all(
      plans.map(({ clientPort }) => TcpProxy.start({ upstreamPort: clientPort })),
    );
    const format = { clusterId: newClusterId(), initialControllers: plans.map(initialController) };
    const starts = await Promise.allSettled(
      plans.map(async (own, index) => {
        const address = proxies[index]?.address ?? "";
        const settings = { ...clusterSettings(plans), ...nodeSettings(own, address) };
        return await startNode(installation, {
          settings: { ...settings, ...options.settings },
          jvmFlags: clusterJvmFlags(installation),
          format,
        });
      }),
    );
    const servers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    const failure = starts.find((start) => start.status === "rejected");
    if (failure !== undefined) {
      await endAll(servers, proxies);
      throw failure.reason;
    }
    return new LocalKafkaCluster(servers, proxies);
  });
}

/** Several share a machine: each gets less than a node that is alone. */
function clusterJvmFlags(installation: Installation): string[] {
  return [...useClassCache(installation), "-XX:TieredStopAtLevel=1"];
}

interface Plan {
  readonly id: number;
  readonly clientPort: number;
  readonly replicaPort: number;
  readonly controllerPort: number;
  readonly directoryId: string;
}

function plan(index: number, ports: readonly number[]): Plan {
  const [clientPort = 0, replicaPort = 0, controllerPort = 0] = ports.slice(
    index * PORTS_PER_BROKER_COUNT,
  );
  return { id: index + 1, clientPort, replicaPort, controllerPort, directoryId: newUuid() };
}

function controllerAddress({ controllerPort }: Plan): string {
  return `${LOOPBACK}:${controllerPort}`;
}

function initialController(own: Plan): string {
  return `${own.id}@${controllerAddress(own)}:${own.directoryId}`;
}

function clusterSettings(plans: readonly Plan[]): Record<string, string> {
  const replicas = String(plans.length);
  const minimum = String(Math.max(1, plans.length - 1));
  return {
    ...FAILOVER_SETTINGS,
    "process.roles": "broker,controller",
    "controller.quorum.bootstrap.servers": plans.map(controllerAddress).join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "REPLICA",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,REPLICA:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "default.replication.factor": replicas,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.replication.factor": replicas,
    "share.coordinator.state.topic.replication.factor": replicas,
    "min.insync.replicas": minimum,
    "transaction.state.log.min.isr": minimum,
    "share.coordinator.state.topic.min.isr": minimum,
  };
}

function nodeSettings(own: Plan, advertisedAddress: string): Record<string, string> {
  const replica = `REPLICA://${LOOPBACK}:${own.replicaPort}`;
  return {
    "node.id": String(own.id),
    listeners: `CLIENT://${LOOPBACK}:${own.clientPort},${replica},CONTROLLER://${controllerAddress(own)}`,
    "advertised.listeners": `CLIENT://${advertisedAddress},${replica}`,
  };
}

async function endAll(
  servers: readonly LocalServer[],
  proxies: readonly TcpProxy[],
): Promise<void> {
  // At once and by force: the last broker of an orderly end would wait for a majority that is
  // gone, and nobody will read the data again.
  await Promise.all(servers.map((server) => server.stop(0)));
  await Promise.all(proxies.map((proxy) => proxy.stop()));
}

class LocalKafkaCluster implements KafkaCluster {
  readonly brokers: string;
  readonly nodes: readonly KafkaNode[];
  readonly #servers: readonly LocalServer[];

  constructor(servers: readonly LocalServer[], proxies: readonly TcpProxy[]) {
    this.#servers = servers;
    this.nodes = proxies.map((proxy, index) => ({ id: index + 1, address: proxy.address, proxy }));
    this.brokers = this.nodes.map(({ address }) => address).join(",");
  }

  node(id: number): KafkaNode {
    return this.#atId(this.nodes, id);
  }

  async kill(id: number): Promise<void> {
    await this.#atId(this.#servers, id).kill();
    // As where there is no proxy: nobody listens on the port of a broker that is dead.
    await this.node(id).proxy.refuse();
  }

  async restart(id: number): Promise<void> {
    await this.#atId(this.#servers, id).restart();
    await this.node(id).proxy.accept();
  }

  async pause(id: number): Promise<void> {
    await this.#atId(this.#servers, id).pause();
  }

  async resume(id: number): Promise<void> {
    await this.#atId(this.#servers, id).resume();
  }

  async stop(): Promise<void> {
    await endAll(
      this.#servers,
      this.nodes.map(({ proxy }) => proxy),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #atId<T>(all: readonly T[], id: number): T {
    const own = all[id - 1];
    if (own !== undefined) return own;
    throw new KonnError(`Cannot find broker ${id}: the cluster has 1 to ${all.length}`, {
      code: "NO_SUCH_BROKER",
    });
  }
}
