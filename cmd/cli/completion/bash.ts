import type { CompletedCommand, CompletedValue, CompletionModel } from "./model.ts";

/**
 * Completions for bash 4 and newer, which need no other package. A word is looked at together with
 * what stands before it, since readline takes `--flag=value` for three words.
 */
export function bashCompletions({ commands, types }: CompletionModel): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# Completions of konn for bash: source <(konn completions bash)
_konn() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" flags="" values="" place=0 at word
  local types="${types.join(" ")}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names} --help --version" -- "$current"))
    return
  fi
  if [ "$current" = "=" ]; then current=""; elif [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  case "$command" in
${commands.map(commandCase).join("\n")}
    *) return ;;
  esac
  case "$command $previous" in
${commands.flatMap(flagCases).join("\n")}
  esac
  [[ " $values " == *" $previous "* ]] && return
  if [ "\${current:0:1}" = "-" ]; then
    for word in $flags; do
      [[ " \${COMP_WORDS[*]:2:COMP_CWORD-2} " == *" $word "* ]] || COMPREPLY+=($(compgen -W "$word" -- "$current"))
    done
    return
  fi
  # The place of the word among those that are neither flags nor their values.
  for ((at = 2; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    case "$word" in
      --*) [[ " $values " == *" $word "* ]] && { [ "\${COMP_WORDS[at+1]}" = "=" ] && ((at += 2)) || ((at += 1)); } ;;
      *) ((place += 1)) ;;
    esac
  done
  case "$command $place" in
${commands.flatMap(positionalCases).join("\n")}
  esac
}
_konn_words() { COMPREPLY=($(compgen -W "$1" -- "$2")); }
_konn_list() {
  local before=""
  [[ "$2" == *,* ]] && before="\${2%,*},"
  compopt -o nospace
  COMPREPLY=($(compgen -P "$before" -W "$1" -- "\${2##*,}"))
}
_konn_files() {
  local IFS=$'\\n'
  compopt -o filenames
  COMPREPLY=($(compgen "$1" -- "$2"))
}
complete -F _konn konn
`;
}

function commandCase({ name, flags }: CompletedCommand): string {
  const all = flags.map((flag) => `--${flag.name}`).join(" ");
  const valued = flags.filter(({ value }) => value).map((flag) => `--${flag.name}`);
  return `    ${name}) flags="${all}"; values="${valued.join(" ")}" ;;`;
}

function flagCases({ name, flags }: CompletedCommand): string[] {
  return flags.flatMap((flag) => {
    const completion = flag.value && completionOf(flag.value);
    return completion ? [`    "${name} --${flag.name}") ${completion}; return ;;`] : [];
  });
}

function positionalCases({ name, positionals }: CompletedCommand): string[] {
  return positionals.flatMap((value, place) => {
    const completion = completionOf(value);
    return completion ? [`    "${name} ${place}") ${completion} ;;`] : [];
  });
}

function completionOf({ words, isTypes, files }: CompletedValue): string | undefined {
  if (isTypes) return `_konn_list "$types" "$current"`;
  if (words.length > 0) return `_konn_words "${words.join(" ")}" "$current"`;
  if (files === "none") return undefined;
  return `_konn_files ${files === "folders" ? "-d" : "-f"} "$current"`;
}
