import { formatCounted } from "../../base/format.ts";
import { failed, type Finding, passed, warned } from "../../connector/finding.ts";
import type { GroupCoordinator, GroupDescription } from "./group_coordinator.ts";
import { isGroupProtocolName } from "./group_membership.ts";

export interface GroupDoctorOptions {
  readonly coordinator: GroupCoordinator;
  readonly group: string;
  /** Those that the group is to read. */
  readonly topics: readonly string[];
}

/** Members of every other client give this as the kind of their group. */
const CONSUMERS = "consumer";
const NAMED_COUNT = 3;

/** Looks at who is in a group now, and at what else it has committed. */
export async function* diagnoseGroup({
  coordinator,
  group,
  topics,
}: GroupDoctorOptions): AsyncGenerator<Finding> {
  yield membersFinding(group, await coordinator.describe());
  const others = (await coordinator.committedTopics()).filter((topic) => !topics.includes(topic));
  if (others.length === 0) return;
  const named = others.slice(0, NAMED_COUNT).join(", ");
  yield warned(
    "group topics",
    `the group ${group} has committed offsets of ${formatCounted(others.length, "other topic")}: ${named}. A group keeps one index`,
    "Use another --group for each index. Or forget those: kafka-consumer-groups.sh --bootstrap-server HOST:PORT --group NAME --delete-offsets --topic TOPIC.",
  );
}

function membersFinding(
  group: string,
  { state, protocolType, protocol, members }: GroupDescription,
): Finding {
  const count = members.length;
  if (count === 0) return passed("group members", `nobody is in the group ${group} now`);
  const is = `${formatCounted(count, "member")} in the group ${group}`;
  const isKonn = protocolType === CONSUMERS && (protocol === "" || isGroupProtocolName(protocol));
  if (isKonn) return passed("group members", `${is}, which is ${stateText(state)}`);
  const clients = [...new Set(members.map(({ clientId }) => clientId))].slice(0, NAMED_COUNT);
  return failed(
    "group members",
    `${is}, and they share it in another way (${protocol || protocolType}): ${clients.join(", ")}`,
    "Use another --group: members of one group have to be konn of the same topics and the same index.",
  );
}

/** As a person says it. */
function stateText(state: string): string {
  return state === "Stable" ? "stable" : "sharing anew just now";
}
