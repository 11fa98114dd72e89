/** 12345 -> `12,345`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString("en-US");
}

/** 1, "event" -> `1 event`; 12345 -> `12,345 events`. */
export function formatCounted(count: number | bigint, one: string, several = `${one}s`): string {
  return `${formatCount(count)} ${Number(count) === 1 ? one : several}`;
}

/** 0.123 -> `0.12 s`, 75 -> `1m 15s`, 7300 -> `2h 1m`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3_600)}h ${Math.floor((whole % 3_600) / 60)}m`;
}
