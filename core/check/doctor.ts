import { messageOf } from "../base/errors.ts";
import { formatSeconds } from "../base/format.ts";
import { failed, failedBy, type Diagnosis, type Finding } from "../connector/finding.ts";

/** Something that is looked at as a whole: the state folder, Kafka. */
export interface DoctorArea {
  readonly name: string;
  /** Made when the looking begins, since the making of it may fail. */
  readonly diagnosis: () => Promise<Diagnosis>;
}

export interface AreaFinding extends Finding {
  readonly area: string;
}

/** Less than the ten seconds in which a person hears everything. */
const AREA_LIMIT_MS = 8_000;
/** No area has so many things to say; whoever names a hundred topics gets the first of them. */
const MAX_FINDINGS_COUNT = 1_000;

/**
 * Looks at all areas at the same time, whatever goes wrong in one of them, and ends within ten
 * seconds. The findings come in the order of the areas.
 */
export async function examine(
  areas: readonly DoctorArea[],
  { stop, limitMs = AREA_LIMIT_MS }: { readonly stop: AbortSignal; readonly limitMs?: number },
): Promise<readonly AreaFinding[]> {
  const examined = areas.map((area) => examineArea(area, { stop, limitMs }));
  return (await Promise.all(examined)).flat();
}

async function examineArea(
  { name: area, diagnosis }: DoctorArea,
  { stop, limitMs }: { readonly stop: AbortSignal; readonly limitMs: number },
): Promise<AreaFinding[]> {
  const findings: AreaFinding[] = [];
  const limit = AbortSignal.any([stop, AbortSignal.timeout(limitMs)]);
  const ended = new Promise<"late">((resolve) => {
    limit.addEventListener("abort", () => resolve("late"), { once: true });
  });
  const look = async (): Promise<void> => {
    for await (const finding of (await diagnosis())(limit)) {
      if (limit.aborted || findings.length === MAX_FINDINGS_COUNT) return;
      findings.push({ area, ...finding });
    }
  };
  const looking = look().catch((error: unknown) => {
    if (!limit.aborted) findings.push({ area, ...failedBy("usable", error) });
    return messageOf(error);
  });
  const result = await Promise.race([looking, ended]);
  const found = [...findings];
  if (result === "late") found.push({ area, ...tooLate(limitMs) });
  return found;
}

function tooLate(limitMs: number): Finding {
  return failed(
    "answer",
    `not everything was answered within ${formatSeconds(limitMs / 1_000)}`,
    "Look at the load of the service and at the network between, then run konn doctor once more.",
  );
}
