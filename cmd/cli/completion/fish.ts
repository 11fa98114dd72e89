import type { CompletedCommand, CompletedFlag, CompletedValue, CompletionModel } from "./model.ts";

/** Completions for fish. Files are offered where a file is meant, and nowhere else. */
export function fishCompletions({ commands, types }: CompletionModel): string {
  return `# Completions of konn for fish: konn completions fish > ~/.config/fish/completions/konn.fish
function __konn_command
  set -l words (commandline -opc)
  test "$words[2]" = $argv[1]
end
function __konn_place
  # The place of the word among those that are neither flags nor their values: konn COMMAND 0 1 ...
  set -l words (commandline -opc)
  set -l place 0
  set -l skips 0
  for word in $words[3..]
    if test $skips = 1
      set skips 0
    else if string match -q -- '--*=*' $word
      continue
    else if string match -q -- '--*' $word
      contains -- $word $argv[3..]; and set skips 1
    else
      set place (math $place + 1)
    end
  end
  test "$words[2]" = $argv[1]; and test $place = $argv[2]
end
function __konn_types
  string split , ${types.join(",")}
end
complete -c konn -f
complete -c konn -n 'test (count (commandline -opc)) = 1' -l help -d 'how konn is used'
complete -c konn -n 'test (count (commandline -opc)) = 1' -l version -d 'the version of konn'
${commands.map(commandLines).join("\n")}
`;
}

function commandLines({ name, description, flags, positionals }: CompletedCommand): string {
  const isFirst = "test (count (commandline -opc)) = 1";
  const valued = flags.filter(({ value }) => value).map((flag) => `--${flag.name}`);
  return [
    `complete -c konn -n '${isFirst}' -a ${name} -d ${quoted(description)}`,
    ...positionals.flatMap((value, place) => {
      const offer = offerOf(value);
      const at = `__konn_place ${name} ${place} ${valued.join(" ")}`;
      return offer === "" ? [] : [`complete -c konn -n '${at}' ${offer}`];
    }),
    ...flags.map((flag) => flagLine(name, flag)),
  ].join("\n");
}

function flagLine(command: string, { name, description, value }: CompletedFlag): string {
  // A flag whose value is being typed is there as well, and is what is asked about.
  const isUsed = value === undefined ? `; and not __fish_contains_opt ${name}` : "";
  const where = `__konn_command ${command}${isUsed}`;
  const takes =
    value === undefined ? "" : ` ${value.files === "all" ? "-r" : "-x"} ${offerOf(value)}`;
  return `complete -c konn -n '${where}' -l ${name}${takes} -d ${quoted(description)}`;
}

function offerOf({ words, isTypes, files }: CompletedValue): string {
  if (isTypes) return "-a '(__fish_complete_list , __konn_types)'";
  if (words.length > 0) return `-a '${words.join(" ")}'`;
  if (files === "none") return "";
  return files === "folders" ? "-a '(__fish_complete_directories)'" : "-F";
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;
}
