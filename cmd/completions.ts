import { declareCommand } from "./cli/declare.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const command = declareCommand({
  name: "completions",
  description: "Print the completions of a shell",
  positionals: [{ name: "shell", description: SHELLS.join(", "), required: true, choices: SHELLS }],
  settings: [],
  examples: [
    {
      description: "bash: in ~/.bashrc",
      command: "source <(konn completions bash)",
    },
    {
      description: "zsh: in ~/.zshrc, behind compinit",
      command: "source <(konn completions zsh)",
    },
    {
      description: "fish, once",
      command: "konn completions fish > ~/.config/fish/completions/konn.fish",
    },
  ],
  async run({ positionals, terminal }) {
    const { loadCommands } = await import("./commands.ts");
    const { completedCommand } = await import("./cli/completion/model.ts");
    const { bashCompletions } = await import("./cli/completion/bash.ts");
    const { zshCompletions } = await import("./cli/completion/zsh.ts");
    const { fishCompletions } = await import("./cli/completion/fish.ts");
    const scripts = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions };
    const shell = SHELLS.find((one) => one === positionals["shell"]) ?? "bash";
    const { KNOWN_TYPES, UNSEARCHED_TYPES } = await import("../core/konnect/entity_types.ts");
    const types = [...KNOWN_TYPES, ...UNSEARCHED_TYPES].toSorted();
    const commands = (await loadCommands()).map(completedCommand);
    terminal.result(scripts[shell]({ commands, types }).trimEnd());
    return 0;
  },
});
