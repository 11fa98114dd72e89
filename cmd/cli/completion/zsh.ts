import type { CompletedCommand, CompletedFlag, CompletedValue, CompletionModel } from "./model.ts";

/** Completions for zsh, to be sourced behind compinit or to be put into its `fpath` as `_konn`. */
export function zshCompletions({ commands, types }: CompletionModel): string {
  return `#compdef konn
# Completions of konn for zsh: source <(konn completions zsh)
_konn() {
  local state
  local -a types=(${types.join(" ")})
  _arguments -C '1: :->command' '*:: :->arguments' '(- *)'{-h,--help}'[how konn is used]' '(- *)--version[the version of konn]'
  case $state in
    command)
      local -a commands=(
${commands.map(({ name, description }) => `        ${quoted(`${name}:${description}`)}`).join("\n")}
      )
      _describe command commands
      ;;
    arguments)
      case $words[1] in
${commands.map(commandCase).join("\n")}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _konn ]; then _konn "$@"; else compdef _konn konn; fi
`;
}

function commandCase({ name, flags, positionals }: CompletedCommand): string {
  const specs = [
    ...flags.map(flagSpec),
    ...positionals.map((value, index) => `${index + 1}:${labelOf(value)}:${actionOf(value)}`),
  ];
  const lines = specs.map((spec) => `          ${quoted(spec)}`).join(" \\\n");
  return `        ${name})\n          _arguments -S \\\n${lines}\n          ;;`;
}

function flagSpec({ name, description, value }: CompletedFlag): string {
  const told = description.replaceAll(/[[\]\\]/g, String.raw`\$&`);
  if (value === undefined) return `--${name}[${told}]`;
  return `--${name}=[${told}]:${labelOf(value)}:${actionOf(value)}`;
}

function labelOf({ label }: CompletedValue): string {
  return label.replaceAll(":", String.raw`\:`);
}

function actionOf({ label, words, isTypes, files }: CompletedValue): string {
  if (isTypes) return `_values -s , ${label} $types`;
  if (words.length > 0) return `(${words.join(" ")})`;
  if (files === "none") return " ";
  return files === "folders" ? "_files -/" : "_files";
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
