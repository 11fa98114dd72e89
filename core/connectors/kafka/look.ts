import type { EventLocation } from "../../connector/event_location.ts";

/** The command by which a person looks at one record of a topic. */
export function lookAtRecord(brokers: string, { lane, sequence }: EventLocation): string {
  const slash = lane.lastIndexOf("/");
  const [topic, partition] = [lane.slice(0, slash), lane.slice(slash + 1)];
  return `kcat -C -b ${brokers} -t ${topic} -p ${partition} -o ${sequence} -c 1 -e -J`;
}
