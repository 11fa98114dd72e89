import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { KONN } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { imageConfig, type ImageConfig } from "./dockerfile.ts";

/** Whether this machine lets a test do what a container engine does. */
export const CAN_RUN_CONTAINERS =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  ["unshare", "setpriv", "ldd"].every((name) => Bun.which(name) !== null) &&
  Bun.spawnSync(["unshare", "--mount", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"])
    .exitCode === 0;

/** What an engine gives to a process beside the image. */
const DEVICES = ["null", "zero", "random", "urandom"] as const;
/** Given by the engine as well, since names of services are resolved by them. */
const ENGINE_FILES = ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"] as const;

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** In place of the entrypoint. */
  readonly entrypoint?: readonly string[];
}

/**
 * The image without an engine: a folder with only the files that the image has, which becomes the
 * read-only root of a process that is the first of its PID namespace, is not root, and may never
 * become it. The network is that of this machine.
 */
export class Container implements Disposable {
  readonly config: ImageConfig = imageConfig();
  readonly root = new TemporaryFolder();
  /** What is mounted as the state folder. */
  readonly state = new TemporaryFolder();
  /** What is mounted as the folder that konn starts in. */
  readonly data = new TemporaryFolder();

  constructor() {
    this.addFile(KONN, this.config.entrypoint[0] ?? "");
    for (const library of librariesOf(KONN)) this.addFile(library, library);
    for (const path of [...ENGINE_FILES, "/etc/ssl/certs/ca-certificates.crt"]) {
      if (Bun.spawnSync(["test", "-r", path]).exitCode === 0) this.addFile(path, path);
    }
    writeFileSync(
      this.root.file("etc/passwd"),
      "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n",
    );
    const { volume, workdir, gid } = this.config;
    for (const folder of ["proc", "dev", "tmp", "home/nonroot", volume, workdir]) {
      mkdirSync(this.root.file(`./${folder}`), { recursive: true });
    }
    for (const name of DEVICES) writeFileSync(this.root.file(`dev/${name}`), "");
    // As Kubernetes mounts a volume with an fsGroup; other engines give it to the user.
    chownSync(this.state.path, 0, gid);
    chmodSync(this.state.path, 0o2775);
    for (const folder of [this.root, this.data]) chmodSync(folder.path, 0o755);
  }

  [Symbol.dispose](): void {
    for (const folder of [this.root, this.state, this.data]) folder[Symbol.dispose]();
  }

  /** Everything in the image's own file system. */
  files(): readonly string[] {
    return [...new Bun.Glob("**/*").scanSync({ cwd: this.root.path, dot: true })].toSorted();
  }

  /** `docker run --read-only IMAGE ARGS`. The first process of the container is konn itself. */
  run(args: readonly string[], { environment = {}, entrypoint }: RunOptions = {}) {
    const { uid, gid, workdir } = this.config;
    const drop = "--clear-groups --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid";
    const script = [
      `mount --bind "$ROOT" "$ROOT"`,
      `mount -t proc proc "$ROOT/proc"`,
      ...DEVICES.map((name) => `mount --bind /dev/${name} "$ROOT/dev/${name}"`),
      `mount --bind "$STATE" "$ROOT${this.config.volume}"`,
      `mount --bind "$DATA" "$ROOT${workdir}"`,
      `mount -o remount,bind,ro "$ROOT${workdir}"`,
      `mount -o remount,bind,ro "$ROOT"`,
      `root=$ROOT; unset ROOT STATE DATA PWD OLDPWD SHLVL _`,
      `exec setpriv ${drop} unshare -R "$root" -w ${workdir} -S ${uid} -G ${gid} "$@"`,
    ].join("\n");
    return Bun.spawn({
      cmd: [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-euc",
        script,
        "sh",
        ...(entrypoint ?? this.config.entrypoint),
        ...args,
      ],
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ROOT: this.root.path,
        STATE: this.state.path,
        DATA: this.data.path,
        ...this.config.environment,
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  private addFile(from: string, to: string): void {
    const place = this.root.file(`./${to}`);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(realpathSync(from), place);
  }
}

/** The first process of a container as this machine sees it. */
export function firstProcess(container: ReturnType<Container["run"]>): number {
  const children = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8");
  return Number(children.trim());
}

/** The libraries that a program needs, its loader included, as paths of this machine. */
function librariesOf(program: string): readonly string[] {
  const { stdout } = Bun.spawnSync(["ldd", program]);
  return [...stdout.toString().matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

/** Lines of `/proc/PID/status`, by name. */
export function processStatus(pid: number): ReadonlyMap<string, readonly string[]> {
  const lines = readFileSync(join("/proc", String(pid), "status"), "utf8")
    .trimEnd()
    .split("\n");
  return new Map(
    lines.map((line) => {
      const [name = "", ...values] = line.split(/:?\s+/);
      return [name, values];
    }),
  );
}
