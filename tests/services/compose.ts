/** Kafka and OpenSearch from the project's docker-compose.yaml. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KonnError } from "../../core/base/errors.ts";
import { KAFKA_TEST_SETTINGS, newClusterId } from "./kafka.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import type { KafkaService, OpenSearchService, Service, StartOptions } from "./service.ts";
import { SupervisedProcess } from "./supervised.ts";

const COMPOSE_FILE = fileURLToPath(new URL("../../docker-compose.yaml", import.meta.url));

/** Starts a Kafka container of its own. */
export async function startComposeKafka(options: StartOptions): Promise<KafkaService> {
  const port = options.port ?? (await freePort());
  const environment: Record<string, string> = { CLUSTER_ID: newClusterId() };
  for (const [name, value] of Object.entries({ ...KAFKA_TEST_SETTINGS, ...options.settings })) {
    environment[kafkaVariable(name)] = value;
  }
  const service = await ComposeService.start("kafka", {
    environment,
    ports: { KONN_COMPOSE_KAFKA_PORT: String(port) },
  });
  return Object.assign(service, { brokers: `localhost:${port}` });
}

/** Starts an OpenSearch container of its own. */
export async function startComposeOpenSearch(options: StartOptions): Promise<OpenSearchService> {
  const port = options.port ?? (await freePort());
  const service = await ComposeService.start("opensearch", {
    // The image takes every variable with a dot in its name for a setting.
    environment: { ...options.settings },
    ports: { KONN_COMPOSE_OPENSEARCH_PORT: String(port) },
  });
  return Object.assign(service, { url: `http://${LOOPBACK}:${port}` });
}

/** The variable by which the image apache/kafka takes a line of server.properties. */
function kafkaVariable(setting: string): string {
  const escaped = setting.replaceAll("_", "__").replaceAll("-", "___").replaceAll(".", "_");
  return `KAFKA_${escaped.toUpperCase()}`;
}

interface ComposeOptions {
  /** Variables for the container, in addition to those of the Compose file. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables for the Compose file itself. */
  readonly ports: Readonly<Record<string, string>>;
}

/** One service of the Compose file, in a project with containers and volumes of its own. */
class ComposeService implements Service {
  private readonly name: string;
  private readonly folder: string;
  private readonly command: readonly string[];
  private readonly ports: Readonly<Record<string, string>>;
  private guard: SupervisedProcess | undefined;

  private constructor(name: string, options: ComposeOptions) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), `konn-${name}-`));
    this.ports = options.ports;
    // Compose merges the files; JSON is YAML.
    const override = join(this.folder, "override.json");
    const services = { [name]: { environment: options.environment } };
    writeFileSync(override, JSON.stringify({ services }));
    const project = `konn-test-${randomBytes(4).toString("hex")}`;
    this.command = ["docker", "compose", "-p", project, "-f", COMPOSE_FILE, "-f", override];
  }

  static async start(name: string, options: ComposeOptions): Promise<ComposeService> {
    const service = new ComposeService(name, options);
    // Containers are no children of ours: this process does nothing but have its supervisor
    // remove them when we are gone.
    service.guard = await SupervisedProcess.start({
      command: ["tail", "-f", "/dev/null"],
      folder: service.folder,
      log: join(service.folder, "guard.log"),
      whenOrphaned: [...service.command, "down", "--volumes"],
    });
    try {
      await service.compose("up", "--detach", "--wait", name);
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  async stop(): Promise<void> {
    await this.compose("down", "--volumes");
    await this.guard?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.compose("kill", "--signal", "SIGKILL", this.name);
  }

  async restart(): Promise<void> {
    await this.compose("stop", this.name);
    await this.compose("up", "--detach", "--wait", this.name);
  }

  async pause(): Promise<void> {
    await this.compose("pause", this.name);
  }

  async resume(): Promise<void> {
    await this.compose("unpause", this.name);
  }

  private async compose(...words: string[]): Promise<void> {
    const child = Bun.spawn([...this.command, ...words], {
      env: { ...process.env, ...this.ports },
      // Pulling an image takes minutes: its progress is for the person who waits.
      stdio: ["ignore", "ignore", "inherit"],
    });
    if ((await child.exited) === 0) return;
    throw new KonnError(`Cannot run docker compose ${words[0]}: it failed`, {
      code: "COMPOSE_FAILED",
      hint: "See its messages above; `docker compose logs` shows those of a container",
    });
  }
}
