/** A program of macOS with as much in it as is looked at: its segments, loader and signature. */
export function machO({ cpu, kind = 2 }: { cpu: number; kind?: number }): Buffer {
  const signatureAt = 3 * 4_096 + 100;
  const program = Buffer.alloc(signatureAt + 32, 7);
  const commands = [
    segment("__TEXT", { at: 0n, bytes: 8_192n }),
    segment("__LINKEDIT", { at: 8_192n, bytes: BigInt(signatureAt + 32 - 8_192) }),
    loader("/usr/lib/dyld"),
    words(0x1d, 16, signatureAt, 32),
  ];
  const head = words(0xfe_ed_fa_cf, cpu, 0, kind, commands.length, 0, 0, 0);
  program.set(Buffer.concat([head, ...commands]));
  return program;
}

function segment(name: string, { at, bytes }: { at: bigint; bytes: bigint }): Buffer {
  const command = Buffer.alloc(72);
  command.writeUInt32LE(0x19, 0);
  command.writeUInt32LE(72, 4);
  command.write(name, 8);
  command.writeBigUInt64LE(at, 40);
  command.writeBigUInt64LE(bytes, 48);
  return command;
}

function loader(path: string): Buffer {
  const command = Buffer.alloc(32);
  command.set(words(0xe, 32, 12));
  command.write(path, 12);
  return command;
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4));
  return bytes;
}
