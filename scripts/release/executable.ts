/** What an executable file says of itself in its head. */
export interface ExecutableKind {
  readonly format: "elf" | "mach-o" | "pe";
  readonly machine: "x64" | "arm64";
  /** The path of the loader that starts it: it tells glibc from musl. Windows names none. */
  readonly interpreter: string | undefined;
}

type Machine = ExecutableKind["machine"];

const ELF_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [0x3e, "x64"],
  [0xb7, "arm64"],
]);
const MACH_O_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [0x01_00_00_07, "x64"],
  [0x01_00_00_0c, "arm64"],
]);
const PE_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [0x86_64, "x64"],
  [0xaa_64, "arm64"],
]);

/**
 * Reads the head of an executable. Throws when it is none of a kind that konn is built for: 64 bits,
 * little endian, x64 or arm64.
 *
 * @param file the whole file, or as much of its beginning as holds the headers
 */
export function describeExecutable(file: Uint8Array): ExecutableKind {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    const magic = view.getUint32(0);
    if (magic === 0x7f_45_4c_46) return describeElf(view);
    if (magic === 0xcf_fa_ed_fe) return describeMachO(view);
    if (magic >>> 16 === 0x4d_5a) return describePe(view);
  } catch (cause) {
    if (cause instanceof RangeError) throw new Error("The file ends in its headers", { cause });
    throw cause;
  }
  throw new Error("The file is no ELF, Mach-O or PE");
}

function describeElf(view: DataView): ExecutableKind {
  // EI_CLASS and EI_DATA: 64 bits, little endian.
  if (view.getUint8(4) !== 2 || view.getUint8(5) !== 1) throw new Error("The ELF is of 32 bits");
  const PT_INTERP = 3;
  const tableAt = Number(view.getBigUint64(32, true));
  const entryBytes = view.getUint16(54, true);
  const entriesCount = view.getUint16(56, true);
  let interpreter: string | undefined;
  for (let index = 0; index < entriesCount; index++) {
    const at = tableAt + index * entryBytes;
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    interpreter = textAt(view, Number(view.getBigUint64(at + 8, true)));
  }
  const machine = known(ELF_MACHINES, view.getUint16(18, true));
  return { format: "elf", machine, interpreter };
}

function describeMachO(view: DataView): ExecutableKind {
  const MH_EXECUTE = 2;
  const LC_LOAD_DYLINKER = 0xe;
  if (view.getUint32(12, true) !== MH_EXECUTE) throw new Error("The Mach-O is no program");
  const commandsCount = view.getUint32(16, true);
  let interpreter: string | undefined;
  let at = 32;
  for (let index = 0; index < commandsCount; index++) {
    if (view.getUint32(at, true) === LC_LOAD_DYLINKER) {
      interpreter = textAt(view, at + view.getUint32(at + 8, true));
    }
    at += view.getUint32(at + 4, true);
  }
  const machine = known(MACH_O_MACHINES, view.getUint32(4, true));
  return { format: "mach-o", machine, interpreter };
}

function describePe(view: DataView): ExecutableKind {
  const headerAt = view.getUint32(60, true);
  // "PE\0\0", and behind the machine's header the magic of 64 bits.
  if (view.getUint32(headerAt) !== 0x50_45_00_00) throw new Error("The file is of DOS");
  if (view.getUint16(headerAt + 24, true) !== 0x2_0b) throw new Error("The PE is of 32 bits");
  const machine = known(PE_MACHINES, view.getUint16(headerAt + 4, true));
  return { format: "pe", machine, interpreter: undefined };
}

function known(machines: ReadonlyMap<number, Machine>, code: number): Machine {
  const machine = machines.get(code);
  if (machine === undefined)
    throw new Error(`The machine 0x${code.toString(16)} is none of konn's`);
  return machine;
}

/** The text at a place, up to its zero byte. */
function textAt(view: DataView, at: number): string {
  let end = at;
  while (view.getUint8(end) !== 0) end += 1;
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}
