/*
 * completions: one printer a shell, over the same rows.
 */
#include "cli/completions.h"

#include "cli/option.h"

#include <stdlib.h>
#include <string.h>

/* What may stand behind an option. */
enum value {
    VALUE_NO_OPTION, /* the row is none */
    VALUE_NOTHING,
    VALUE_ANY,
    VALUE_FILE,
    VALUE_CHOICE, /* one of the words in `argument` */
};

/* By the words that the help has for a file. */
static bool row_names_file(const struct option_row *row)
{
    return strcmp(row->argument, "F") == 0 || strcmp(row->argument, "SOCKET") == 0;
}

static enum value row_value(const struct option_row *row)
{
    switch (row->kind) {
    case OPTION_HEADING:
    case OPTION_REFUSED:
    case OPTION_WORD:
    case OPTION_WORDS:
        return VALUE_NO_OPTION;
    case OPTION_FLAG:
        return VALUE_NOTHING;
    case OPTION_CHOICE:
        return VALUE_CHOICE;
    case OPTION_TEXT:
        return row_names_file(row) ? VALUE_FILE : VALUE_ANY;
    case OPTION_LIST:
    case OPTION_COUNT:
    case OPTION_DURATION:
    case OPTION_WAIT:
    case OPTION_SIZE:
        return VALUE_ANY;
    }
    abort(); /* a kind without a case */
}

/* Are the words of the command that are no options files? */
static bool table_takes_files(const struct option_table *table)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->kind == OPTION_WORDS) {
            return true;
        }
        if (row->kind == OPTION_WORD) {
            return strcmp(row->argument, "INPUT") == 0;
        }
    }
    return false;
}

/*
 * `text`, in one line, as it stands between single quotes: each of its own is written as `quote`,
 * and before each of `special` comes a backslash.
 */
static void print_escaped(FILE *to, const char *text, const char *quote, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs(quote, to);
            continue;
        }
        if (strchr(special, *text) != NULL) {
            fputc('\\', to);
        }
        fputc(*text == '\n' ? ' ' : *text, to);
    }
}

/* The words of a choice, with blanks between. */
static void print_choices(FILE *to, const struct option_row *row)
{
    for (const char *at = row->argument; *at != '\0'; at++) {
        fputc(*at == '|' ? ' ' : *at, to);
    }
}

/* --- bash --- */

static void bash_print_row(FILE *to, const char *command, const struct option_row *row)
{
    enum value value = row_value(row);

    if (value == VALUE_NO_OPTION || value == VALUE_NOTHING) {
        return;
    }
    fprintf(to, "    1:%s:--%s", command, row->name);
    if (row->letter != 0) {
        fprintf(to, " | 1:%s:-%c", command, row->letter);
    }
    fputs(")", to);
    if (value == VALUE_FILE) {
        fputs(" files=yes", to);
    } else if (value == VALUE_CHOICE) {
        fputs(" words='", to);
        print_choices(to, row);
        fputs("'", to);
    }
    fputs(" ;;\n", to);
}

static void bash_print_command(FILE *to, const struct command *command)
{
    const struct option_table *table = command->table;

    for (size_t i = 0; i < table->rows_count; i++) {
        bash_print_row(to, command->name, &table->rows[i]);
    }
    fprintf(to, "    1:%s:*)%s options='", command->name,
            table_takes_files(table) ? " files=yes" : "");
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row_value(row) == VALUE_NO_OPTION) {
            continue;
        }
        fprintf(to, " --%s", row->name);
        if (row->letter != 0) {
            fprintf(to, " -%c", row->letter);
        }
    }
    fputs("' ;;\n", to);
}

static void bash_print(FILE *to, const struct command *commands, size_t count)
{
    fputs("# bash completion of quoit, made by `quoit --completions bash`.\n"
          "\n"
          "_quoit()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local words= options= files=\n"
          "\n"
          "    # Readline takes --name=value for three words.\n"
          "    if [[ $word == \"=\" ]]; then\n"
          "        word=\n"
          "    elif [[ $before == \"=\" ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        words='--help --version",
          to);
    for (size_t i = 0; i < count; i++) {
        fprintf(to, " %s", commands[i].name);
    }
    fputs("'\n"
          "    fi\n"
          "    case $((COMP_CWORD > 1)):${COMP_WORDS[1]}:$before in\n",
          to);
    for (size_t i = 0; i < count; i++) {
        bash_print_command(to, &commands[i]);
    }
    fputs("    esac\n"
          "    if [[ $word == -* && $options ]]; then\n"
          "        words=$options files=\n"
          "    fi\n"
          "    if [[ $files ]]; then\n"
          "        compopt -o filenames\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    fi\n"
          "}\n"
          "complete -F _quoit quoit\n",
          to);
}

/* --- zsh --- */

#define ZSH_QUOTE "'\\''"

/* What stands behind the name of an option in _arguments: its help, and what its value may be. */
static void zsh_print_rest(FILE *to, const struct option_row *row)
{
    enum value value = row_value(row);

    fputc('[', to);
    print_escaped(to, row->help, ZSH_QUOTE, "[]\\");
    fputc(']', to);
    if (value != VALUE_NOTHING) {
        fputc(':', to);
        print_escaped(to, value == VALUE_CHOICE ? row->name : row->argument, ZSH_QUOTE, ":\\");
        fputc(':', to);
    }
    if (value == VALUE_FILE) {
        fputs("_files", to);
    } else if (value == VALUE_CHOICE) {
        fputc('(', to);
        print_choices(to, row);
        fputc(')', to);
    } else if (value == VALUE_ANY) {
        fputc(' ', to);
    }
    fputs("' \\\n", to);
}

static void zsh_print_row(FILE *to, const struct option_row *row)
{
    enum value value = row_value(row);

    if (value == VALUE_NO_OPTION) {
        return;
    }
    for (int letter = 0; letter < (row->letter != 0 ? 2 : 1); letter++) {
        fputs("            '", to);
        if (row->kind == OPTION_LIST) {
            fputc('*', to);
        } else if (row->letter != 0) {
            fprintf(to, "(-%c --%s)", row->letter, row->name);
        }
        if (letter) {
            fprintf(to, "-%c%s", row->letter, value == VALUE_NOTHING ? "" : "+");
        } else {
            fprintf(to, "--%s%s", row->name, value == VALUE_NOTHING ? "" : "=");
        }
        zsh_print_rest(to, row);
    }
}

static void zsh_print_command(FILE *to, const struct command *command)
{
    fprintf(to,
            "    %s)\n"
            "        _arguments -s -S : \\\n",
            command->name);
    for (size_t i = 0; i < command->table->rows_count; i++) {
        zsh_print_row(to, &command->table->rows[i]);
    }
    fprintf(to, "%s        ;;\n",
            table_takes_files(command->table) ? "            '*:file:_files'\n" : "\n");
}

static void zsh_print(FILE *to, const struct command *commands, size_t count)
{
    fputs("#compdef quoit\n"
          "# zsh completion of quoit, made by `quoit --completions zsh`.\n"
          "\n"
          "_quoit()\n"
          "{\n"
          "    local -a commands=(\n",
          to);
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "        '%s:", commands[i].name);
        print_escaped(to, commands[i].help, ZSH_QUOTE, ":\\");
        fputs("'\n", to);
    }
    fputs("        '--help:the list of commands'\n"
          "        '--version:versions, and what the kernel can do'\n"
          "    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          to);
    for (size_t i = 0; i < count; i++) {
        zsh_print_command(to, &commands[i]);
    }
    fputs("    esac\n"
          "}\n"
          "\n"
          "_quoit \"$@\"\n",
          to);
}

/* --- fish --- */

#define FISH_QUOTE "\\'"

static void fish_print_row(FILE *to, const char *command, const struct option_row *row)
{
    enum value value = row_value(row);

    if (value == VALUE_NO_OPTION) {
        return;
    }
    fprintf(to, "complete -c quoit -n '__fish_seen_subcommand_from %s'", command);
    if (row->letter != 0) {
        fprintf(to, " -s %c", row->letter);
    }
    fprintf(to, " -l %s", row->name);
    if (value == VALUE_FILE) {
        fputs(" -r -F", to);
    } else if (value == VALUE_ANY) {
        fputs(" -x", to);
    } else if (value == VALUE_CHOICE) {
        fputs(" -x -a '", to);
        print_choices(to, row);
        fputs("'", to);
    }
    fputs(" -d '", to);
    print_escaped(to, row->help, FISH_QUOTE, "\\");
    fputs("'\n", to);
}

static void fish_print(FILE *to, const struct command *commands, size_t count)
{
    fputs("# fish completion of quoit, made by `quoit --completions fish`.\n"
          "\n"
          "complete -c quoit -f\n"
          "complete -c quoit -n __fish_use_subcommand -l help -d 'the list of commands'\n"
          "complete -c quoit -n __fish_use_subcommand -l version"
          " -d 'versions, and what the kernel can do'\n",
          to);
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "complete -c quoit -n __fish_use_subcommand -a %s -d '", commands[i].name);
        print_escaped(to, commands[i].help, FISH_QUOTE, "\\");
        fputs("'\n", to);
    }
    for (size_t i = 0; i < count; i++) {
        const struct option_table *table = commands[i].table;
        fputc('\n', to);
        if (table_takes_files(table)) {
            fprintf(to, "complete -c quoit -n '__fish_seen_subcommand_from %s' -F\n",
                    commands[i].name);
        }
        for (size_t row = 0; row < table->rows_count; row++) {
            fish_print_row(to, commands[i].name, &table->rows[row]);
        }
    }
}

bool completions_print(const char *shell, const struct command *commands, size_t count, FILE *to)
{
    if (strcmp(shell, "bash") == 0) {
        bash_print(to, commands, count);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_print(to, commands, count);
    } else if (strcmp(shell, "fish") == 0) {
        fish_print(to, commands, count);
    } else {
        return false;
    }
    return true;
}
