/** The shells that completion is written for. */
export const shells = ['bash', 'zsh', 'fish'] as const

/** One of them. */
export type ShellName = (typeof shells)[number]

/**
 * bash splits words at `=` and `:` (COMP_WORDBREAKS), so they are put together again by what lies between them in the line, and of what is offered the part
 * is left out that stands before the last of these characters.
 */
const bash = String.raw`# Completion of task for bash. Made by: task completion bash
_vital_ops_task() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} word between current prefix value mode='' at
  local words=() IFS=$' \t\n'
  COMPREPLY=()
  for ((at = 0; at <= COMP_CWORD; at++)); do
    word=${'$'}{COMP_WORDS[at]}
    between=${'$'}{line%%[![:blank:]]*}
    line=${'$'}{line#"$between"}
    # What stands behind the cursor is not looked at.
    word=${'$'}{word:0:${'$'}{#line}}
    line=${'$'}{line#"$word"}
    if [[ -z $between && ${'$'}{#words[@]} -gt 0 ]]; then
      words[${'$'}{#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  current=${'$'}{words[${'$'}{#words[@]} - 1]}
  prefix=${'$'}{current%"${'$'}{current##*[=:]}"}
  while IFS= read -r value; do
    case $value in
      '') ;;
      :files | :folders) mode=$value ;;
      *)
        value=${'$'}{value%%$'\t'*}
        COMPREPLY+=("$(printf %q "${'$'}{value#"$prefix"}")")
        ;;
    esac
  done < <("$1" __complete -- "${'$'}{words[@]:1}" 2>/dev/null)
  [[ -n $mode ]] || return 0
  compopt -o filenames 2>/dev/null
  [[ $mode == :files ]] && mode=-f || mode=-d
  while IFS= read -r value; do
    COMPREPLY+=("$value")
  done < <(compgen "$mode" -- "${'$'}{current#"$prefix"}")
}
complete -F _vital_ops_task task vital-ops
`

const zsh = String.raw`#compdef task vital-ops
# Completion of task for zsh. Made by: task completion zsh
_vital_ops_task() {
  local line value note mode
  local -a before answer described
  (( CURRENT > 2 )) && before=("${'$'}{(@Q)words[2,CURRENT-1]}")
  answer=("${'$'}{(@f)$("${'$'}{(Q)words[1]}" __complete -- "${'$'}{before[@]}" "${'$'}{(Q)PREFIX}" 2>/dev/null)}")
  for line in "${'$'}{answer[@]}"; do
    case $line in
      '') ;;
      :files | :folders) mode=$line ;;
      *)
        value=${'$'}{line%%$'\t'*}
        note=${'$'}{line#"$value"}
        note=${'$'}{note#$'\t'}
        described+=("${'$'}{value//:/\\:}${'$'}{note:+:$note}")
        ;;
    esac
  done
  (( ${'$'}{#described} )) && _describe -t tasks task described
  case $mode in
    :files) _files ;;
    :folders) _files -/ ;;
  esac
}
compdef _vital_ops_task task vital-ops
`

const fish = `# Completion of task for fish. Made by: task completion fish
function __vital_ops_task
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    for line in $answer
        switch $line
            case :files
                __fish_complete_path $current
            case :folders
                __fish_complete_directories $current
            case '*'
                echo $line
        end
    end
end
complete -c task -e
complete -c task -f -k -a '(__vital_ops_task)'
complete -c vital-ops -f -k -a '(__vital_ops_task)'
`

/** The script of each shell: it asks `task __complete` for what can stand where the cursor is. */
export const completionScripts: Readonly<Record<ShellName, string>> = { bash, zsh, fish }
