#include "shared/base/cli.h"

#include <stdarg.h>
#include <stdio.h>

static const CliOption *find_option(const CliProgram *program, const char *name, size_t length)
{
    for (size_t i = 0; i < program->option_count; i++) {
        if (strlen(program->options[i].name) == length &&
            memcmp(program->options[i].name, name, length) == 0) {
            return &program->options[i];
        }
    }
    return NULL;
}

/* ---- setting one option from text; `path` and `line` are "" and 0 for the command line ---- */

typedef struct Place {
    const char *path;
    unsigned line;
} Place;

static Status refuse(Diag *diag, Place place, Status status, const CliOption *option, const char *text,
                     const char *problem)
{
    return diag_set(diag, status, place.path, place.line, "%s%s: %s %s", place.line ? "" : "--", option->name,
                    text, problem);
}

static Status set_number(const CliOption *option, const char *text, Place place, Diag *diag)
{
    int64_t whole = 0;
    double real = 0;
    bool integer = option->kind == CLI_INTEGER;
    Status status = integer ? config_read_integer(text, &whole) : config_read_real(text, &real);
    if (status == STATUS_MALFORMED) {
        return refuse(diag, place, status, option, text,
                      integer ? "is not a whole number" : "is not a number");
    }
    double value = integer ? (double)whole : real;
    bool limited = option->minimum != 0 || option->maximum != 0;
    if (status == STATUS_OK && (!limited || (value >= option->minimum && value <= option->maximum))) {
        if (integer) {
            *option->integer = whole;
        } else {
            *option->real = real;
        }
        return STATUS_OK;
    }
    char problem[96] = "is too large";
    if (limited) {
        snprintf(problem, sizeof problem, "is not within %.10g..%.10g", option->minimum, option->maximum);
    }
    return refuse(diag, place, STATUS_OUT_OF_RANGE, option, text, problem);
}

static Status set_option(const CliOption *option, const char *text, Place place, Diag *diag)
{
    switch (option->kind) {
    case CLI_FLAG:
        if (config_read_bool(text, option->flag) != STATUS_OK) {
            return refuse(diag, place, STATUS_MALFORMED, option, text, "is neither true nor false");
        }
        return STATUS_OK;
    case CLI_TEXT:
        *option->text = text;
        return STATUS_OK;
    case CLI_INTEGER:
    case CLI_REAL:
        return set_number(option, text, place, diag);
    case CLI_LIST:
        if (option->list->count == CLI_LIST_MAX) {
            return refuse(diag, place, STATUS_CAPACITY, option, text, "is one too many");
        }
        option->list->items[option->list->count++] = text;
        return STATUS_OK;
    }
    return STATUS_INVALID_ARGUMENT;
}

/* ---- command line ---- */

/* Number of single-character edits between two names, for "did you mean". */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[40];
    size_t width = strlen(b) < ARRAY_COUNT(row) - 1 ? strlen(b) : ARRAY_COUNT(row) - 1;
    for (size_t j = 0; j <= width; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[width];
}

static CliOutcome unknown_option(const CliProgram *program, const char *name, Diag *diag)
{
    const char *nearest = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < program->option_count; i++) {
        unsigned distance = edit_distance(name, program->options[i].name);
        if (distance < best) {
            best = distance;
            nearest = program->options[i].name;
        }
    }
    if (nearest) {
        (void)diag_set(diag, STATUS_NOT_FOUND, "", 0, "unknown option --%s; did you mean --%s?", name,
                       nearest);
    } else {
        (void)diag_set(diag, STATUS_NOT_FOUND, "", 0, "unknown option --%s", name);
    }
    return CLI_ERROR;
}

static CliOutcome take_argument(const CliProgram *program, const char *word, Diag *diag)
{
    if (!program->arguments || program->arguments->count == CLI_LIST_MAX) {
        (void)diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "unexpected argument '%s'", word);
        return CLI_ERROR;
    }
    program->arguments->items[program->arguments->count++] = word;
    return CLI_RUN;
}

/* One option at argv[*at]; steps *at past its value. */
static CliOutcome take_option(const CliProgram *program, int argc, char *const argv[], int *at,
                              uint64_t *seen, const char **out_config_path, Diag *diag)
{
    const char *name = argv[*at] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    bool is_config = program->config_section && length == 6 && memcmp(name, "config", 6) == 0;
    const CliOption *option = is_config ? NULL : find_option(program, name, length);
    if (!option && !is_config) {
        char shown[64];
        snprintf(shown, sizeof shown, "%.*s", (int)(length < 60 ? length : 60), name);
        return unknown_option(program, shown, diag);
    }
    if (!value && option && option->kind == CLI_FLAG) {
        value = "true";
    } else if (!value) {
        if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0) {
            (void)diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "--%s needs a value", name);
            return CLI_ERROR;
        }
        value = argv[++*at];
    }
    if (is_config) {
        if (out_config_path) {
            *out_config_path = value;
        }
        return CLI_RUN;
    }
    size_t index = (size_t)(option - program->options);
    if (option->kind == CLI_LIST && index < 64 && !(*seen >> index & 1)) {
        option->list->count = 0; /* the command line replaces what the file gave */
        *seen |= UINT64_C(1) << index;
    }
    return set_option(option, value, (Place){ "", 0 }, diag) == STATUS_OK ? CLI_RUN : CLI_ERROR;
}

CliOutcome cli_parse(const CliProgram *program, int argc, char *const argv[], const char **out_config_path,
                     Diag *diag)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return CLI_HELP;
        }
        if (strcmp(argv[i], "--version") == 0) {
            return CLI_VERSION;
        }
    }
    if (program->arguments) {
        program->arguments->count = 0;
    }
    uint64_t seen = 0;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        CliOutcome outcome = CLI_RUN;
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            outcome = take_option(program, argc, argv, &i, &seen, out_config_path, diag);
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            (void)diag_set(diag, STATUS_NOT_FOUND, "", 0, "unknown option %s; options begin with --",
                           argv[i]);
            outcome = CLI_ERROR;
        } else {
            outcome = take_argument(program, argv[i], diag);
        }
        if (outcome != CLI_RUN) {
            return outcome;
        }
    }
    return CLI_RUN;
}

/* ---- configuration file ---- */

Status cli_apply_config(const CliProgram *program, Config *config, Diag *diag)
{
    for (size_t i = 0; i < program->option_count; i++) {
        const CliOption *option = &program->options[i];
        const ConfigEntry *first = NULL;
        if (option->kind == CLI_LIST) {
            option->list->count = 0;
        }
        for (const ConfigEntry *entry = config_next(config, program->config_section, option->name, NULL);
             entry; entry = config_next(config, program->config_section, option->name, entry)) {
            if (first && option->kind != CLI_LIST) {
                return diag_set(diag, STATUS_DUPLICATE, config->path, entry->line,
                                "'%s' is given a second time (first in line %u)", option->name, first->line);
            }
            first = entry;
            Status status = set_option(option, entry->value, (Place){ config->path, entry->line }, diag);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return config_check_known(config, program->config_section, diag);
}

Status cli_check_required(const CliProgram *program, Diag *diag)
{
    for (size_t i = 0; i < program->option_count; i++) {
        const CliOption *option = &program->options[i];
        bool missing = (option->kind == CLI_TEXT && !*option->text) ||
                       (option->kind == CLI_LIST && option->list->count == 0);
        if (option->required && missing) {
            return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "--%s is needed", option->name);
        }
    }
    return STATUS_OK;
}

/* ---- help ---- */

typedef struct Page {
    char *out;
    size_t size, used;
} Page;

__attribute__((format(printf, 2, 3))) static void print(Page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(page->out + page->used, page->size - page->used, format, arguments);
    va_end(arguments);
    size_t wanted = length > 0 ? (size_t)length : 0;
    size_t room = page->size - page->used - 1;
    page->used += wanted < room ? wanted : room;
}

static void print_option(Page *page, const CliOption *option)
{
    char left[64];
    const char *value = option->value ? option->value : "VALUE";
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->kind == CLI_FLAG ? "" : " ",
             option->kind == CLI_FLAG ? "" : value);
    print(page, "  %-24s%s%s", left, strlen(left) > 23 ? "\n                          " : "", option->help);
    switch (option->kind) {
    case CLI_FLAG:
        break;
    case CLI_TEXT:
        if (*option->text && **option->text) {
            print(page, " (default %s)", *option->text);
        }
        break;
    case CLI_INTEGER:
        print(page, " (default %lld)", (long long)*option->integer);
        break;
    case CLI_REAL:
        print(page, " (default %g)", *option->real);
        break;
    case CLI_LIST:
        print(page, "; may be repeated");
        break;
    }
    print(page, "%s\n", option->required ? " (needed)" : "");
}

const char *cli_help(const CliProgram *program, char *out, size_t size)
{
    Page page = { .out = out, .size = size };
    if (size == 0) {
        return out;
    }
    out[0] = '\0';
    print(&page, "%s: %s\n\nUsage: %s [OPTION…]%s%s\n\n", program->name, program->purpose, program->name,
          program->arguments ? " " : "",
          program->arguments ? (program->arguments_name ? program->arguments_name : "ARGUMENT…") : "");
    for (size_t i = 0; i < program->option_count; i++) {
        print_option(&page, &program->options[i]);
    }
    if (program->config_section) {
        print(&page, "  %-24sread defaults from section [%s] of FILE (default dtmv.ini, where it exists)\n",
              "--config FILE", program->config_section);
    }
    print(&page, "  %-24sshow this text\n  %-24sshow version and commit\n", "--help", "--version");
    print(&page, "\nExit codes: 0 ok, 1 failure while running, 2 wrong usage, 3 bad or missing input,\n"
                 "4 cannot connect, refused or connection lost.\n");
    if (program->epilogue) {
        print(&page, "\n%s\n", program->epilogue);
    }
    return out;
}
