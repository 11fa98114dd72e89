/** Kafka's own benchmark of its own producer. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { classPath } from "../services/class_path.ts";
import { install } from "../services/install.ts";
import { findJdk } from "../services/jdk.ts";

const POM = fileURLToPath(new URL("kafka_tools/pom.xml", import.meta.url));
const MINIMUM_JDK_MAJOR = 17;

/** Large batches, and time to fill them: what its tuning guides say. */
const TUNING = ["batch.size=262144", "linger.ms=20", "acks=all", "enable.idempotence=true"];

/** The command, or undefined where there is no JDK. Its jars are installed when need be. */
export async function producerPerformance(options: {
  readonly brokers: string;
  readonly topic: string;
  readonly recordsCount: number;
  readonly recordBytes: number;
}): Promise<readonly string[]> {
  const { brokers, topic, recordsCount, recordBytes } = options;
  const { jdk, folder } = await install({
    name: "kafka-tools",
    title: "Kafka's performance tools",
    jdk: findJdk(MINIMUM_JDK_MAJOR),
    pom: POM,
    inputs: [],
    train: () => Promise.resolve(),
  });
  const java = [join(jdk.home, "bin", "java"), "-cp", classPath(folder)];
  const records = ["--num-records", String(recordsCount), "--record-size", String(recordBytes)];
  const settings = ["--producer-props", `bootstrap.servers=${brokers}`, ...TUNING];
  const what = ["--topic", topic, ...records, "--throughput", "-1", ...settings];
  return [...java, "org.apache.kafka.tools.ProducerPerformance", ...what];
}

/** The records a second that it says it has sent, without the start of its JVM. */
export function sentPerSecond(stdout: string): number {
  const lines = [...stdout.matchAll(/^\d+ records sent, ([\d.]+) records\/sec/gm)];
  return Number(lines.at(-1)?.[1]);
}
